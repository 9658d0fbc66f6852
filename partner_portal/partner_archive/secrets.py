"""Tokens and addresses in an archive, encrypted under a passphrase: the keys of two installations differ (ADR 120)."""

import base64
import hashlib
import json

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps

from accounts.models import Partner
from notices.channels import SEALED_FOR
from partner_portal.partner_archive.contents import SEALED
from partner_portal.partner_archive.manifest import ArchiveError
from sources.credentials import SecretUnreadable, seal, unseal

type Box = dict[str, dict[str, dict[str, str]]]  # clear values by table, column and number of the row
_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 2**20}


def close_box(box: Box, passphrase: str, salt: bytes) -> bytes:
    """Encrypt the values under the passphrase."""
    return _fernet(passphrase, salt).encrypt(json.dumps(box).encode())


def open_box(content: bytes, passphrase: str, salt: bytes) -> Box:
    """Decrypt the values. Raises ArchiveError for another passphrase."""
    try:
        box: Box = json.loads(_fernet(passphrase, salt).decrypt(content))
    except InvalidToken:
        raise ArchiveError("The passphrase is not the one that the archive was made with.") from None
    return box


def read_secrets(partner: Partner) -> Box:
    """The clear values of the partner's encrypted columns. One that no key fits is left out. Needs the partner's scope."""
    box: Box = {}
    for label, columns in SEALED.items():
        for row in apps.get_model(label)._base_manager.filter(partner=partner):
            for column, of in columns.items():
                value = getattr(row, column)
                try:
                    clear = unseal(value, partner_id=partner.pk, vendor=_sealed_for(row, of)) if value else ""
                except SecretUnreadable:
                    continue
                if clear:
                    box.setdefault(label, {}).setdefault(column, {})[str(row.pk)] = clear
    return box


def seal_again(clear: str, *, partner_id: int, row: object, column_of: str) -> str:
    """Encrypt a value with this installation's key for the partner's new number."""
    return seal(clear, partner_id=partner_id, vendor=_sealed_for(row, column_of))


def _sealed_for(row: object, column: str) -> str:
    return str(getattr(row, column)) if column else SEALED_FOR


def _fernet(passphrase: str, salt: bytes) -> Fernet:
    key = hashlib.scrypt(passphrase.encode(), salt=salt, dklen=32, **_SCRYPT)
    return Fernet(base64.urlsafe_b64encode(key))
