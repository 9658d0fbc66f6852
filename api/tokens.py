"""The text of a token, `pp_<partner>_<token>_<secret>`: made once, shown once, kept only as a digest.

The two numbers are no secret. They say whose rows have to be visible before the token can be looked up at all.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from secrets import token_urlsafe

SECRET_BYTES = 32  # 256 bits
PREFIX_LETTERS = 6  # of 43: enough to tell one's tokens apart, far too few to guess the rest
_TEXT = re.compile(r"pp_(\d{1,18})_(\d{1,18})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as a request shows it: primary keys of partner and token, and the secret, not yet believed."""

    partner: int
    token: int
    secret: str


def new_secret() -> str:
    """A random secret."""
    return token_urlsafe(SECRET_BYTES)


def text_of(partner: int, token: int, secret: str) -> str:
    """The text that a script sends."""
    return f"pp_{partner}_{token}_{secret}"


def parse(text: str) -> Presented | None:
    """What the text says; None when it is no token."""
    found = _TEXT.fullmatch(text.strip())
    return Presented(int(found[1]), int(found[2]), found[3]) if found else None


def digest(secret: str) -> str:
    """What is kept of a secret. Plain SHA-256: 256 random bits need no salt and no slow hash."""
    return sha256(secret.encode()).hexdigest()


def matches(secret: str, kept: str) -> bool:
    """Whether the secret is the one that was kept, in a time that does not tell how much of it is right."""
    return compare_digest(digest(secret), kept)
