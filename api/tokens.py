"""The text of a token, `pp_<partner>_<token>_<secret>`: shown once, and stored only as a digest.

The two numbers are no secret. They name the partner whose rows must be visible for the token to be loaded.
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
    """A token as a request presents it, not yet verified."""

    partner: int  # primary key
    token: int  # primary key
    secret: str


def new_secret() -> str:
    """A random secret."""
    return token_urlsafe(SECRET_BYTES)


def text_of(partner: int, token: int, secret: str) -> str:
    """The text that a program sends."""
    return f"pp_{partner}_{token}_{secret}"


def parse(text: str) -> Presented | None:
    """Parse the text of a token; None when it is none."""
    match = _TEXT.fullmatch(text.strip())
    return Presented(int(match[1]), int(match[2]), match[3]) if match else None


def digest(secret: str) -> str:
    """The digest that is stored. Plain SHA-256: 256 random bits need no salt and no slow hash."""
    return sha256(secret.encode()).hexdigest()


def matches(secret: str, stored: str) -> bool:
    """Whether the stored digest is that of the secret, compared in constant time."""
    return compare_digest(digest(secret), stored)
