"""Encryption of tokens at rest: MultiFernet, bound to the partner and the vendor (ADR 120).

The keys are `CREDENTIALS_KEYS`, newest first, or one in a file of PORTAL_VAR. They are not derived from SECRET_KEY, whose
rotation must not lose connections.
"""

import base64
import hashlib
import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from partner_portal.lib.secret_file import secret_from_file

KEY_FILE = "credentials-key"
SHOWN = 4  # last characters of a token that people see


class SecretUnreadable(Exception):  # noqa: N818 -- it says what the secret is
    """A secret cannot be decrypted: its key is missing, or it belongs to another partner or vendor."""


def seal(token: str, *, partner_id: int, vendor: str) -> str:
    """Encrypt a token for one partner and vendor."""
    clear = json.dumps([partner_id, vendor, token]).encode()
    return _box().encrypt(clear).decode("ascii")


def unseal(secret: str, *, partner_id: int, vendor: str) -> str:
    """Decrypt a token. Raises SecretUnreadable."""
    try:
        owner, of_vendor, token = json.loads(_box().decrypt(secret.encode("ascii")))
    except (InvalidToken, ValueError):
        raise SecretUnreadable from None
    if (owner, of_vendor) != (partner_id, vendor):
        raise SecretUnreadable
    return str(token)


def reseal(secret: str) -> str:
    """Encrypt a secret again with the newest key. Raises SecretUnreadable."""
    try:
        return _box().rotate(secret.encode("ascii")).decode("ascii")
    except (InvalidToken, ValueError):
        raise SecretUnreadable from None


def hint(token: str) -> str:
    """Last characters of a token, by which people tell tokens apart; "" for a short one."""
    return token[-SHOWN:] if len(token) >= 5 * SHOWN else ""


def _box() -> MultiFernet:
    keys = settings.CREDENTIALS_KEYS or [secret_from_file(settings.PORTAL_VAR / KEY_FILE)]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys])
