"""The manifest of an archive: what the file holds, and which installation can take it."""

import json
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

from django.db import connection
from django.db.migrations.loader import MigrationLoader

FORMAT = 1
NAME = "manifest.json"
PEOPLE = "people"  # the part with the people that the partner's rows name
SECRETS = "secrets"  # the part with tokens and addresses, encrypted under a passphrase


class ArchiveError(Exception):
    """An archive that cannot be made or taken; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Part:
    """One table: `sha256` is that of its rows as COPY writes them, in hex."""

    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds.

    schema:  the last migration of each app. Another schema has other columns, or other meanings of them.
    rules:   digest of the programme's rules: under others the ledger would be posted again, and the figures differ.
    current: whether the ledger was posted under those rules when the archive was made.
    salt:    of the passphrase, in hex; "" for an archive without secrets.
    """

    format: int
    slug: str
    name: str
    made_at: str
    schema: dict[str, list[str]]
    rules: str
    current: bool
    salt: str
    parts: dict[str, Part]

    def to_json(self) -> str:
        """The manifest as text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Read a manifest. Raises ArchiveError."""
        try:
            values = json.loads(text)
            if values["format"] != FORMAT:
                raise ArchiveError(f"The archive has format {values['format']}, this portal reads {FORMAT}.")
            parts = {name: Part(**part) for name, part in values.pop("parts").items()}
            return cls(**values, parts=parts)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ArchiveError("The archive is damaged: its manifest cannot be read.") from None


def schema_version() -> dict[str, list[str]]:
    """The last migrations of every app that the database has."""
    loader = MigrationLoader(connection)
    applied = loader.applied_migrations
    version: dict[str, list[str]] = {}
    for app, name in sorted(loader.graph.leaf_nodes()):
        version.setdefault(app, []).append(name if (app, name) in applied else f"before {name}")
    return version


def fingerprint(rules: object) -> str:
    """Digest of a value made of data classes, the same in every process."""
    return sha256(json.dumps(_plain(rules), sort_keys=True).encode()).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Set):
        return sorted(str(each) for each in value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return str(value.normalize())
    return value.isoformat() if isinstance(value, date) else value
