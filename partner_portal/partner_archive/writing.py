"""Writes an archive: one snapshot of all tables, by COPY, into a file that appears when it is complete."""

import os
import secrets
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from django.db import connection, models
from psycopg import sql

from accounts import audit
from accounts.models import Partner, User
from accounts.scope import partner_scope, system_scope
from ledger.queries import posting
from partner_portal.lib.dates import clock
from partner_portal.partner_archive.contents import (
    SEALED,
    SEALED_MARK,
    STATED,
    archived_models,
    member,
    person_columns,
    stored_fields,
)
from partner_portal.partner_archive.manifest import (
    FORMAT,
    NAME,
    PEOPLE,
    SECRETS,
    Manifest,
    Part,
    fingerprint,
    schema_version,
)
from partner_portal.partner_archive.secrets import close_box, read_secrets
from program.queries import current
from reports.snapshot import snapshot

PERSON = ("id", "email", "name", "language", "theme", "density", "single_keys", "is_active")
_LEVEL = 3  # of compression: three quarters of the best, in a third of its time


def write_archive(*, partner: Partner, file: Path, passphrase: str = "") -> Manifest:
    """Write everything of the partner to `file`, with its secrets only under a passphrase. Raises OSError.

    The portal may run meanwhile: the archive shows one moment. The event of the audit log is written first, since a copy of
    everything is made from then on, and the archive has it too.
    """
    with partner_scope(partner):
        audit.record(system_scope(partner), "partner.exported", partner.slug, secrets=bool(passphrase))
    part = file.with_name(f"{file.name}.part")
    try:
        with open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as target:
            with snapshot(partner), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
                manifest = _write(archive, partner, passphrase)
            target.flush()
            os.fsync(target.fileno())
        part.replace(file)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return manifest


def _write(archive: zipfile.ZipFile, partner: Partner, passphrase: str) -> Manifest:
    scope = system_scope(Partner.objects.get(pk=partner.pk))
    rules, revision = current()
    models_ = archived_models()
    parts = {PEOPLE: _copy(archive, PEOPLE, PERSON, _people(models_, partner))}
    for model in models_:
        columns = [str(field.column) for field in stored_fields(model)]
        parts[member(model)] = _copy(archive, member(model), columns, _rows(model, columns, partner))
    salt = secrets.token_bytes(16) if passphrase else b""
    if passphrase:
        content = close_box(read_secrets(partner), passphrase, salt)
        archive.writestr(SECRETS, content)
        parts[SECRETS] = Part([], 0, sha256(content).hexdigest())
    posted = posting(scope)
    manifest = Manifest(
        format=FORMAT,
        slug=scope.partner.slug,
        name=scope.partner.name,
        made_at=clock.now().isoformat(timespec="seconds"),
        schema=schema_version(),
        rules=fingerprint(rules),
        current=posted is not None and posted.revision == revision,
        salt=salt.hex(),
        parts=parts,
    )
    archive.writestr(NAME, manifest.to_json())
    return manifest


def _copy(archive: zipfile.ZipFile, name: str, columns: Iterable[str], query: sql.Composed) -> Part:
    digest, rows = sha256(), 0
    with (
        connection.cursor() as cursor,
        archive.open(name, "w", force_zip64=True) as target,
        cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(query)) as source,
    ):
        for block in source:
            digest.update(block)
            rows += bytes(block).count(b"\n")  # a line break inside a value is written as \n
            target.write(block)
    return Part(list(columns), rows, digest.hexdigest())


def _rows(model: type[models.Model], columns: list[str], partner: Partner) -> sql.Composed:
    label = model._meta.label
    stated = dict(STATED.get(label, {}))
    for column in SEALED.get(label, {}):
        stated[column] = f"CASE {column} WHEN '' THEN '' ELSE '{SEALED_MARK}' END"
    chosen = [
        sql.SQL("{} AS {}").format(sql.SQL(stated[name]), sql.Identifier(name)) if name in stated else sql.Identifier(name)
        for name in columns
    ]  # fmt: skip
    return sql.SQL("SELECT {} FROM {} WHERE {} = {} ORDER BY {}").format(
        sql.SQL(", ").join(chosen),
        sql.Identifier(model._meta.db_table),
        sql.Identifier("id" if model is Partner else "partner_id"),
        sql.Literal(partner.pk),
        sql.SQL(", ").join(sql.Identifier(str(field.column)) for field in model._meta.pk_fields),
    )


def _people(models_: list[type[models.Model]], partner: Partner) -> sql.Composed:
    """Everybody whom a row names, as far as the partner knows them."""
    named = [
        sql.SQL("SELECT {} FROM {} WHERE partner_id = {}").format(
            sql.Identifier(column), sql.Identifier(model._meta.db_table), sql.Literal(partner.pk)
        )
        for model in models_
        for column in person_columns(model)
    ]
    return sql.SQL("SELECT {} FROM {} WHERE id IN ({}) ORDER BY id").format(
        sql.SQL(", ").join(map(sql.Identifier, PERSON)),
        sql.Identifier(User._meta.db_table),
        sql.SQL(" UNION ").join(named),
    )
