"""Takes an archive into this installation: in one transaction, so that all of it is there or nothing."""

import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO

from django.apps import apps
from django.db import DataError, IntegrityError, connection, models, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from accounts import audit
from accounts.models import Partner, User
from accounts.scope import outside_partners, set_tenant, system_scope
from partner_portal.lib.db.analyze import analyze_tables
from partner_portal.partner_archive.contents import (
    NUMBERS,
    SEALED,
    SEALED_MARK,
    archived_models,
    has_number,
    member,
    stored_fields,
)
from partner_portal.partner_archive.manifest import (
    NAME,
    PEOPLE,
    SECRETS,
    ArchiveError,
    Manifest,
    Part,
    fingerprint,
    schema_version,
)
from partner_portal.partner_archive.numbers import (
    index_numbers,
    inserted,
    number_rows,
    person_numbers,
    rewrite,
    staged,
    staged_type,
)
from partner_portal.partner_archive.secrets import Box, open_box, seal_again
from partner_portal.partner_archive.writing import PERSON
from program.queries import current

_BLOCK = 2**18  # bytes
_LARGEST_MANIFEST = 2**22
_PASSED_ON = ("name", "language", "theme", "density", "single_keys")  # of people who are new here


def read_archive(*, file: Path, passphrase: str = "", other_rules: bool = False) -> tuple[Partner, Manifest]:
    """Write everything of the archive with new numbers. Returns the partner.

    other_rules: take it although this installation's programme has other rules; the ledger is then posted again under them.

    Raises:
        ArchiveError: the archive is damaged, of another schema or under other rules, or the partner exists.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive)
            _check(archive, manifest, other_rules)
            box = _box(archive, manifest, passphrase)
            with transaction.atomic():
                partner = _Reading(archive, manifest, box).partner()
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ArchiveError(f"The archive is damaged: {error or 'it ends too early'}.") from None
    except (DataError, IntegrityError) as error:
        if "accounts_partner_slug" in str(error):  # made by somebody else meanwhile
            raise ArchiveError(_exists(manifest.slug)) from None
        raise ArchiveError(f"The archive is damaged: its rows do not fit ({str(error).splitlines()[0]}).") from None
    analyze_tables()
    return partner, manifest


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        if archive.getinfo(NAME).file_size > _LARGEST_MANIFEST:
            raise ArchiveError("The archive is damaged: its manifest is too large.")
        return Manifest.from_json(archive.read(NAME))
    except KeyError:
        raise ArchiveError("The file is no archive of a partner: it has no manifest.") from None


def _check(archive: zipfile.ZipFile, manifest: Manifest, other_rules: bool) -> None:
    here = schema_version()
    if differ := sorted(
        app for app in here.keys() | manifest.schema.keys() if here.get(app) != manifest.schema.get(app)
    ):
        raise ArchiveError(
            f"The archive was made by another version of the portal (migrations of {', '.join(differ)} differ)."
            " Bring both installations to the same version, and make the archive again."
        )
    if Partner.objects.filter(slug=manifest.slug).exists():
        raise ArchiveError(_exists(manifest.slug))
    if fingerprint(current()[0]) != manifest.rules and not other_rules:
        raise ArchiveError(
            "The programme's rules here are not those of the archive, so that the figures would differ. Enter the same rules,"
            " or take it with --under-other-rules: the ledger is then posted again."
        )
    expected = {PEOPLE, *map(member, archived_models())}
    if missing := sorted(expected - manifest.parts.keys() | expected - set(archive.namelist())):
        raise ArchiveError(f"The archive is damaged: {missing[0]} is missing.")


def _exists(slug: str) -> str:
    return f"There is a partner “{slug}” already. An archive is never mixed with what is there."


def _box(archive: zipfile.ZipFile, manifest: Manifest, passphrase: str) -> Box:
    if SECRETS not in manifest.parts:
        if passphrase:
            raise ArchiveError("The archive was made without a passphrase: it has no tokens of connections.")
        return {}
    if not passphrase:
        return {}
    content = archive.read(SECRETS)
    if sha256(content).hexdigest() != manifest.parts[SECRETS].sha256:
        raise ArchiveError(f"The archive is damaged: {SECRETS} is not what was written.")
    return open_box(content, passphrase, bytes.fromhex(manifest.salt))


class _Reading:
    """One archive on its way into the database."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest, box: Box) -> None:
        self._archive, self._manifest, self._box = archive, manifest, box
        self._models = archived_models()

    def partner(self) -> Partner:
        """Stage, number, write and check everything. In a transaction."""
        set_tenant(None)
        with connection.cursor() as cursor:
            for model in self._models:
                columns = {str(field.column): staged_type(field) for field in stored_fields(model)}
                self._stage(cursor, staged(model), member(model), columns)
                if has_number(model):
                    number_rows(cursor, model)
            self._people(cursor)
            rewrite(cursor)
            cursor.execute("SELECT new FROM numbers_accounts_partner")
            [(pk,)] = cursor.fetchall()
            set_tenant(pk)
            self._revision(cursor)
            for model in self._models:
                self._write(cursor, model, pk)
            self._seal(pk)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        partner = Partner.objects.get(pk=pk)
        rows = sum(part.rows for part in self._manifest.parts.values())
        audit.record(
            system_scope(partner), "partner.imported", partner.slug, rows=rows, made_at=self._manifest.made_at,
            secrets=bool(self._box),
        )  # fmt: skip
        return partner

    def _stage(self, cursor: CursorWrapper, table: sql.Identifier, name: str, columns: dict[str, str]) -> None:
        part = self._manifest.parts[name]
        if list(columns) != part.columns:
            raise ArchiveError(f"The archive is damaged: {name} has other columns.")
        typed = [sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns.items()]
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(table, sql.SQL(", ").join(typed))
        )
        with (
            self._archive.open(name) as source,
            cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as target,
        ):
            for block in _verified(source, name, part):
                target.write(block)
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
        if cursor.fetchone()[0] != part.rows:
            raise ArchiveError(f"The archive is damaged: {name} has another number of rows.")
        cursor.execute(sql.SQL("ANALYZE {}").format(table))

    def _people(self, cursor: CursorWrapper) -> None:
        """Everybody by their address: who is known here keeps name and settings, others are made, without a password."""
        table = sql.Identifier("staged_people")
        columns = {str(field.column): staged_type(field) for field in map(User._meta.get_field, PERSON)}  # type: ignore[union-attr,arg-type]
        self._stage(cursor, table, PEOPLE, columns)
        names = sql.SQL(", ").join(map(sql.Identifier, PERSON))
        cursor.execute(sql.SQL("SELECT {} FROM {} ORDER BY id").format(names, table))
        people = [dict(zip(PERSON, row, strict=True)) for row in cursor.fetchall()]
        numbers = []
        with outside_partners():
            emails = [person["email"].lower() for person in people]
            known = {user.email.lower(): user.pk for user in User.objects.filter(email__in=emails)}
            for person in people:
                pk = known.get(person["email"].lower())
                if pk is None:
                    values = {name: person[name] for name in _PASSED_ON}
                    user = User.objects.create_user(person["email"], None, is_active=person["is_active"], **values)
                    pk = user.pk
                numbers.append((person["id"], pk))
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} (old bigint, new bigint) ON COMMIT DROP").format(person_numbers())
        )
        cursor.executemany(sql.SQL("INSERT INTO {} VALUES (%s, %s)").format(person_numbers()), numbers)
        index_numbers(cursor, User)

    def _revision(self, cursor: CursorWrapper) -> None:
        """Under the rules here the ledger is as good as it was there, or is posted again (0 is no revision)."""
        rules, revision = current()
        same = self._manifest.current and fingerprint(rules) == self._manifest.rules
        cursor.execute("UPDATE staged_ledger_posting SET revision = %s", [revision if same else 0])

    def _write(self, cursor: CursorWrapper, model: type[models.Model], partner: int) -> None:
        fields = stored_fields(model)
        columns = [str(field.column) for field in fields]
        references = {
            str(field.column): field.related_model for field in fields if isinstance(field.related_model, type)
        }
        references |= {name: apps.get_model(label) for name, label in NUMBERS.get(model._meta.label, {}).items()}
        if model is Partner:
            references["id"] = Partner
        elif has_number(model):
            references["id"] = model
        own = "" if model is Partner else "partner_id"
        cursor.execute(inserted(model, references, own, columns), {"partner": partner})

    def _seal(self, partner: int) -> None:
        """Encrypt tokens and addresses with this installation's key. A connection without its token asks for a new one."""
        for label, columns in SEALED.items():
            for row in apps.get_model(label)._base_manager.filter(partner_id=partner):
                lost = False
                for column, of in columns.items():
                    if getattr(row, column) != SEALED_MARK:
                        continue
                    clear = self._clear(label, column, row)
                    lost = lost or not clear
                    value = seal_again(clear, partner_id=partner, row=row, column_of=of) if clear else ""
                    setattr(row, column, value)
                if lost:
                    _without_secret(row)
                row.save()

    def _clear(self, label: str, column: str, row: models.Model) -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT old FROM {} WHERE new = %s").format(sql.Identifier(f"numbers_{row._meta.db_table}")),
                [row.pk],
            )
            [(old,)] = cursor.fetchall()
        return self._box.get(label, {}).get(column, {}).get(str(old), "")


def _without_secret(row: models.Model) -> None:
    from notices.models import Channel, ChannelState
    from sources.models import Connection, ConnectionState

    if isinstance(row, Connection):
        row.state, row.next_at = ConnectionState.REJECTED, None
    elif isinstance(row, Channel) and row.state == ChannelState.ACTIVE:
        row.state = ChannelState.PAUSED


def _verified(source: IO[bytes], name: str, part: Part) -> Iterator[bytes]:
    """The content in blocks. Raises ArchiveError at its end when it is not what the manifest says."""
    digest = sha256()
    while block := source.read(_BLOCK):
        digest.update(block)
        yield block
    if digest.hexdigest() != part.sha256:
        raise ArchiveError(f"The archive is damaged: {name} is not what was written.")
