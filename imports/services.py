"""Steps in the life of a batch, each in one transaction and with its audit event."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import IO, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.cache import cache
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from imports.assumptions import assumptions
from imports.cells.encodings import Candidate
from imports.cells.header_row import header_row
from imports.cells.invisible import without_invisible
from imports.cells.vocabulary import folded
from imports.checks import Source, Step
from imports.effects import Effects, effects_data, effects_of
from imports.mapping import Mapping as ColumnMapping
from imports.mapping import WrongMapping, fingerprint, mapped
from imports.mapping_preview import Sample, cached_sample, sample_of
from imports.models import (
    BatchStatus,
    ChangeAction,
    ImportBatch,
    ImportChange,
    ImportFile,
    ImportTable,
    RememberedMapping,
)
from imports.pipeline import (
    TEXT_ENDINGS,
    carry_out,
    column_names,
    ending_of,
    kind_by_name,
    read_source,
    sheets_of,
    silent,
)
from imports.progress import ask_to_stop
from imports.queries import (
    get_batch,
    get_remembered,
    mapping_of,
    remembered,
    required,
    rules_of,
    saved_mappings,
    status_text,
    tables_to_read,
    typed_mapping,
    undone_by,
)
from imports.reading import encodings_of, first_rows, read_headers, rows_of
from imports.reading_options import PREFIX, Questions, ReadingOptions, options_from
from imports.results import HIDDEN_SHEET, add_tables, finish, finish_undo, points_summary, save_findings
from imports.tables import UnreadableFile
from imports.undo import UndoOutcome, take_back
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db.locks import PARTNER_FACTS, lock_if_free
from partner_portal.lib.rows.facts import kind, kinds

MOST_ATTEMPTS = 3
OPEN_FOR_MAPPING = (BatchStatus.CHOOSING, BatchStatus.CHECKED)
UNDECIDED = (BatchStatus.CHOOSING, BatchStatus.CHECKING, BatchStatus.CHECKED)
_DOUBLE_CLICK = timedelta(minutes=1)
_SECONDS_CACHED = 3600
_BYTES_A_ROW = 120  # of a file with as many rows as an undo takes back
_PACKED = 5  # a workbook unpacks to so many times its size, and its XML is so many times as long as CSV


class NotNow(Exception):  # noqa: N818 -- it says when, not what went wrong
    """The batch is not in a state for this step; the message names its state."""


@transaction.atomic
def upload(*, scope: Scope, files: Sequence[UploadedFile]) -> ImportBatch:
    """Store the files as a new batch. It is checked next, unless the kind of a file has to be asked for first.

    The same files, uploaded twice within a minute, are one batch. Raises UnreadableFile when a workbook cannot be opened.
    """
    scope.require(Permission.IMPORT)
    digests = [_digest(uploaded) for uploaded in files]
    named = [(uploaded.name or "", digest) for uploaded, digest in zip(files, digests, strict=True)]
    if earlier := _just_uploaded(scope, named):
        return earlier
    batch = ImportBatch.objects.create(
        partner=scope.partner, user=scope.user, status=BatchStatus.CHECKING, queued_at=Now()
    )
    saved: list[ImportFile] = []
    try:
        for uploaded, digest in zip(files, digests, strict=True):
            row = ImportFile(
                partner=scope.partner, batch=batch, name=uploaded.name or "", size=uploaded.size or 0, sha256=digest
            )
            try:
                sheets, row.unpacked = sheets_of(row.name, _plain(uploaded))
            except UnreadableFile as error:
                error.name = row.name
                raise
            uploaded.seek(0)
            row.file.save(row.name, uploaded, save=False)
            saved.append(row)
            row.save()
            add_tables(batch, row, sheets, ask_hidden=True)
    except Exception:
        for row in saved:
            row.file.delete(save=False)
        raise
    for table in batch.tables.select_related("file").filter(kind="", left_out=False):
        if HIDDEN_SHEET not in table.notices and (key := _kind_by_header(scope, table)):
            table.kind = key
            table.save(update_fields=["kind"])
    if batch.tables.filter(kind="", left_out=False).exists():
        batch.status = BatchStatus.CHOOSING
        batch.save(update_fields=["status"])
    audit.record(scope, "import.uploaded", str(batch), files=len(files))
    return batch


def _just_uploaded(scope: Scope, files: list[tuple[str, str]]) -> ImportBatch | None:
    """The undecided batch that the same person made of the same files within the last minute: a double click."""
    batch = ImportBatch.objects.filter(partner=scope.partner, user=scope.user).order_by("-id").first()
    if batch is None or batch.status not in UNDECIDED or now() - batch.created_at > _DOUBLE_CLICK:
        return None
    same = sorted(batch.files.values_list("name", "sha256")) == sorted(files)
    return batch if same else None


def _digest(uploaded: UploadedFile) -> str:
    digest = hashlib.sha256()
    for chunk in uploaded.chunks():
        digest.update(chunk)
    uploaded.seek(0)
    return digest.hexdigest()


@transaction.atomic
def choose_kinds(*, scope: Scope, batch_id: int, kinds: Mapping[int, str]) -> ImportBatch:
    """Set the kinds of tables: keys of kinds by table, "" to leave the table out. Raises NotNow."""
    batch = _locked(scope, batch_id, BatchStatus.CHOOSING)
    for table in batch.tables.select_related("file").filter(kind="", left_out=False):
        table.kind = kinds.get(table.pk, "")
        table.left_out = not table.kind
        table.unmapped = bool(table.kind and set(required(kind(table.kind))) - set(header_of(table)))
        table.save(update_fields=["kind", "left_out", "unmapped"])
    _to_next_step(batch)
    return batch


@transaction.atomic
def map_table(*, scope: Scope, batch_id: int, table_id: int, mapping: ColumnMapping) -> ImportBatch:
    """Set the mapping of a table, and remember it for the partner's next file with this header.

    A batch that was checked is checked again. Raises NotNow, WrongMapping for one that does not fit the file.
    """
    batch = _locked(scope, batch_id, *OPEN_FOR_MAPPING)
    table = batch.tables.select_related("file").get(pk=table_id)
    header = _header_as(table, mapping.reading)
    if mapping.kind != table.kind or mapping.missing(required(kind(table.kind)), header):
        raise WrongMapping(_("Columns that must be filled have no source."))
    table.mapping = {**mapping.as_data(), "zone": scope.partner.time_zone}
    table.unmapped = table.left_out = False
    table.save(update_fields=["mapping", "unmapped", "left_out"])
    row, _created = RememberedMapping.objects.update_or_create(
        partner=scope.partner,
        kind=table.kind,
        fingerprint=fingerprint(header),
        defaults={"name": table.label, "data": mapping.as_data(), "user": scope.user, "saved_at": Now()},
    )
    audit.record(scope, "import.mapping_remembered", str(row), batch=str(batch))
    _to_next_step(batch)
    return batch


@transaction.atomic
def leave_out(*, scope: Scope, batch_id: int, table_id: int) -> ImportBatch:
    """Leave a table whose columns are not ours out of the batch. Raises NotNow."""
    batch = _locked(scope, batch_id, *OPEN_FOR_MAPPING)
    batch.tables.filter(pk=table_id).update(left_out=True, unmapped=False, rows=0, errors=0, bad_rows=0)
    _to_next_step(batch)
    return batch


@transaction.atomic
def ask_kind_again(*, scope: Scope, batch_id: int, table_id: int) -> ImportBatch:
    """Clear the kind and the mapping of a table. Raises NotNow."""
    batch = _locked(scope, batch_id, *OPEN_FOR_MAPPING)
    batch.tables.filter(pk=table_id).update(kind="", mapping=None, unmapped=False)
    _to_next_step(batch)
    return batch


@transaction.atomic
def forget_mapping(*, scope: Scope, mapping_id: int) -> None:
    """Delete a remembered mapping; batches that used it are unchanged. Raises Http404."""
    scope.require(Permission.IMPORT)
    row = get_remembered(scope, mapping_id)
    row.delete()
    audit.record(scope, "import.mapping_forgotten", str(row))


def _to_next_step(batch: ImportBatch) -> None:
    """Have a batch wait for the answers still open, or be checked."""
    batch.refresh_from_db()
    open_ = batch.tables.filter(left_out=False).filter(Q(kind="") | Q(unmapped=True)).exists()
    batch.status = BatchStatus.CHOOSING if open_ else BatchStatus.CHECKING
    batch.queued_at, batch.started_at, batch.attempts, batch.note = Now(), None, 0, ""
    batch.save()


@transaction.atomic
def check_batch(*, scope: Scope, batch_id: int, step: Step = silent) -> ImportBatch:
    """Read and check the batch's files and try to write them. Only the outcome is stored.

    When a file has other columns than ours, the batch waits for a mapping instead. It is not locked meanwhile, so that it
    can be discarded. Raises NotNow when it was, or is not to be checked.
    """
    batch = get_batch(scope, batch_id)
    if batch.undoes_id:
        return _check_undo(scope, batch, step)
    tables = tables_to_read(scope, batch_id)
    _apply_remembered(scope, tables)
    sources = _sources(tables, step)
    unmapped = _unmapped(scope, tables, sources)
    if unmapped:
        batch = _locked(scope, batch_id, BatchStatus.CHECKING)
        batch.tables.filter(pk__in=unmapped).update(unmapped=True)
        _to_next_step(batch)
        return batch
    outcome = carry_out(
        scope,
        sources,
        batch_id=batch_id,
        complete=batch.complete,
        accept=lambda _: False,
        trying=True,
        step=step,
    )
    batch = _locked(scope, batch_id, BatchStatus.CHECKING)
    save_findings(batch, tables, outcome)
    batch.preview = points_summary(outcome.points)
    batch.status = BatchStatus.CHECKED
    batch.checked_at = Now()
    batch.save()
    return batch


@transaction.atomic
def request_commit(
    *,
    scope: Scope,
    batch_id: int,
    skip_bad_rows: bool,
    allowed_withdrawals: int | None = None,
    rest: bool = False,
) -> ImportBatch:
    """Have the batch written. Raises NotNow, also when there are bad rows and they are not to be left out.

    allowed_withdrawals: the number that a person confirmed, where complete files would withdraw many rows. rest: of an undo,
    that rows which others changed since stay as they are.
    """
    batch = _locked(scope, batch_id, BatchStatus.CHECKED)
    effects = effects_of(batch)
    if effects.to_confirm > (allowed_withdrawals or 0):
        raise NotNow(_("Many rows would be withdrawn. Confirm their number first."))
    if effects.left and not rest:
        raise NotNow(_("Some rows were changed since. Choose to undo the rest, or leave everything as it is."))
    batch.allowed_withdrawals = allowed_withdrawals
    batch.rest = rest
    if batch.blocked:
        raise NotNow(_("A file cannot be used as it is. Correct it and upload the files again."))
    if batch.errors and not skip_bad_rows:
        raise NotNow(_("There are bad rows. Correct them and upload the files again, or choose to leave them out."))
    batch.skip_bad_rows = bool(batch.errors)
    batch.status = BatchStatus.COMMITTING
    batch.queued_at, batch.started_at, batch.attempts, batch.note = Now(), None, 0, ""
    batch.save()
    return batch


@transaction.atomic
def commit_batch(*, scope: Scope, batch_id: int, step: Step = silent) -> ImportBatch:
    """Write the batch, after checking it again: other imports may have been written in between.

    When other rows are wrong now than the user saw, nothing is written and the batch waits for a new decision.
    Raises NotNow, with everything rolled back, when the batch was discarded meanwhile.
    """
    batch = get_batch(scope, batch_id)
    if batch.undoes_id:
        return _commit_undo(scope, batch, step)
    tables = tables_to_read(scope, batch_id)
    seen, allowed = batch.problems_digest, batch.allowed_withdrawals
    outcome = carry_out(
        scope,
        _sources(tables, step),
        batch_id=batch_id,
        complete=batch.complete,
        accept=lambda found: found.digest == seen and found.missing.confirmed_by(allowed),
        trying=True,
        step=step,
    )
    batch = _locked(scope, batch_id, BatchStatus.COMMITTING)
    if not outcome.written:
        save_findings(batch, tables, outcome)
        batch.preview = points_summary(outcome.points)
        batch.status, batch.checked_at = BatchStatus.CHECKED, Now()
        batch.note = _(
            "Nothing was imported: your data has changed since the check, and with it what is wrong. Look at the errors again."
        )
        batch.save()
        return batch
    finish(scope, batch, tables, outcome)
    return batch


@transaction.atomic
def choose_complete(*, scope: Scope, batch_id: int, kinds: Collection[str]) -> ImportBatch:
    """Say of which kinds the files have every row (points.md 13), and have the batch checked again. Raises NotNow."""
    batch = _locked(scope, batch_id, BatchStatus.CHECKED)
    present = {table.kind for table in tables_to_read(scope, batch_id)}
    batch.complete = sorted(present & set(kinds))
    batch.save(update_fields=["complete"])
    _to_next_step(batch)
    return batch


@transaction.atomic
def request_undo(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Create the batch that undoes a written one; it is checked next. Raises NotNow when there is nothing to undo.

    While an undo of the same batch waits for a decision, that one is returned.
    """
    target = _locked(scope, batch_id, BatchStatus.COMMITTED)
    if waiting := target.undone_by.filter(status__in=UNDECIDED).first():
        return waiting
    _require_undoable(scope, target)
    batch = ImportBatch.objects.create(
        partner=scope.partner, user=scope.user, undoes=target, status=BatchStatus.CHECKING, queued_at=Now()
    )
    audit.record(scope, "import.undo_requested", str(batch), undoes=str(target))
    return batch


@transaction.atomic
def undo_now(*, scope: Scope, batch_id: int, rest: bool, step: Step = silent) -> tuple[ImportBatch, UndoOutcome]:
    """Undo a written batch in one go: for the command. Raises NotNow when there is nothing to undo.

    rest: undo the rows that nobody touched since, where others were; otherwise nothing is undone then.
    """
    target = _locked(scope, batch_id, BatchStatus.COMMITTED)
    _require_undoable(scope, target)
    batch = ImportBatch.objects.create(
        partner=scope.partner, user=scope.user, undoes=target, status=BatchStatus.COMMITTING, rest=rest
    )
    outcome = take_back(scope, target, batch_id=batch.pk, accept=lambda found: rest or not found.left, step=step)
    if outcome.written:
        finish_undo(scope, batch, outcome)
    else:
        batch.effects = effects_data(Effects.of_undo(outcome))
        batch.status = BatchStatus.FAILED
        batch.note = _("Nothing was undone: rows of it were changed since.")
        batch.save()
        audit.record(scope, "import.failed", str(batch), left=len(outcome.left))
    return batch, outcome


def _require_undoable(scope: Scope, target: ImportBatch) -> None:
    if not target.recorded:
        raise NotNow(
            _("Import %(batch)s was written before changes were recorded: it cannot be undone.") % {"batch": target}
        )
    undo = undone_by(scope).get(target.pk)
    if undo is not None and not undo.rest:
        raise NotNow(_("Import %(batch)s is undone already, by #%(undo)s.") % {"batch": target, "undo": undo.pk})


def _check_undo(scope: Scope, batch: ImportBatch, step: Step) -> ImportBatch:
    target = get_batch(scope, cast("int", batch.undoes_id))
    outcome = take_back(scope, target, batch_id=batch.pk, accept=lambda _: False, step=step)
    batch = _locked(scope, batch.pk, BatchStatus.CHECKING)
    _save_undo_preview(batch, outcome)
    return batch


def _commit_undo(scope: Scope, batch: ImportBatch, step: Step) -> ImportBatch:
    target = get_batch(scope, cast("int", batch.undoes_id))
    seen, rest = batch.problems_digest, batch.rest
    outcome = take_back(
        scope,
        target,
        batch_id=batch.pk,
        accept=lambda found: found.digest == seen and (rest or not found.left),
        step=step,
    )
    batch = _locked(scope, batch.pk, BatchStatus.COMMITTING)
    if outcome.written:
        finish_undo(scope, batch, outcome)
    else:
        _save_undo_preview(batch, outcome)
        batch.note = _("Nothing was undone: since the check the stored rows have changed.")
        batch.save()
    return batch


def _save_undo_preview(batch: ImportBatch, outcome: UndoOutcome) -> None:
    batch.effects = effects_data(Effects.of_undo(outcome))
    batch.problems_digest = outcome.digest
    batch.preview = points_summary(outcome.points)
    batch.rows = outcome.total(*ChangeAction)
    batch.status, batch.checked_at = BatchStatus.CHECKED, Now()
    batch.save()


@transaction.atomic
def cancel(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Discard a batch that is not written. Raises NotNow."""
    batch = _locked(scope, batch_id, *UNDECIDED, BatchStatus.COMMITTING)
    batch.status = BatchStatus.CANCELLED
    batch.save(update_fields=["status"])
    batch.problems.all().delete()
    audit.record(scope, "import.discarded", str(batch))
    transaction.on_commit(lambda: ask_to_stop(batch_id))
    return batch


@transaction.atomic
def requeue(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Requeue a batch that was interrupted or that no worker took. Raises NotNow."""
    batch = _locked(scope, batch_id, BatchStatus.CHECKING, BatchStatus.COMMITTING)
    batch.queued_at, batch.started_at, batch.attempts = Now(), None, 0
    batch.save()
    return batch


@transaction.atomic
def start(*, scope: Scope, batch_id: int) -> ImportBatch | None:
    """Claim the batch for a worker; None when nothing is left to do, or when it was tried too often."""
    batch = ImportBatch.objects.select_for_update().filter(partner=scope.partner, pk=batch_id).first()
    if batch is None or batch.status not in (BatchStatus.CHECKING, BatchStatus.COMMITTING):
        return None
    if batch.attempts >= MOST_ATTEMPTS:
        batch.status = BatchStatus.FAILED
        batch.note = _("Nothing was imported: it was interrupted %(times)s times.") % {"times": batch.attempts}
        batch.save()
        return None
    batch.attempts += 1
    batch.started_at = Now()
    batch.save()
    return batch


@transaction.atomic
def fail(*, scope: Scope, batch_id: int, reason: str) -> None:
    """Store why a batch could not be checked or written. No fact was written."""
    changed = ImportBatch.objects.filter(
        partner=scope.partner, pk=batch_id, status__in=(BatchStatus.CHECKING, BatchStatus.COMMITTING)
    ).update(status=BatchStatus.FAILED, note=reason)
    if changed:
        audit.record(scope, "import.failed", f"#{batch_id}", reason=reason)


def forget_files(*, scope: Scope, days: int) -> int:
    """Discard undecided batches, and delete the contents of files no longer needed, that are older than `days`."""
    before = now() - timedelta(days=days)
    undecided = (BatchStatus.CHOOSING, BatchStatus.CHECKED)
    for batch_id in ImportBatch.objects.filter(
        partner=scope.partner, status__in=undecided, created_at__lt=before
    ).values_list("pk", flat=True):
        cancel(scope=scope, batch_id=batch_id)
    files = ImportFile.objects.filter(
        partner=scope.partner,
        batch__status__in=(BatchStatus.COMMITTED, BatchStatus.CANCELLED, BatchStatus.FAILED),
        batch__created_at__lt=before,
    ).exclude(file="")
    for row in files:
        row.file.delete(save=True)
    return len(files)


def _locked(scope: Scope, batch_id: int, *states: BatchStatus) -> ImportBatch:
    """The batch, locked until the transaction ends. Raises NotNow when it is in none of the states, as after a double click."""
    scope.require(Permission.IMPORT)
    batch = ImportBatch.objects.select_for_update().get(partner=scope.partner, pk=batch_id)
    if batch.status not in states:
        raise NotNow(_("Import %(batch)s: %(state)s") % {"batch": batch, "state": status_text(batch.status)})
    return batch


def _sources(tables: Sequence[ImportTable], step: Step) -> list[Source]:
    sources = []
    for place, table in enumerate(tables):
        step("reading", place, len(tables))
        with table.file.file.open("rb") as file:
            mapping = mapping_of(table) if table.mapping else None
            source = read_source(table.label, kind(table.kind), _plain(file), table.sheet, mapping)
        if mapping and table.mapping and not source.unreadable:
            source.mapping, source.original = mapping, source.table
            source.table = mapped(source.table, mapping, ZoneInfo(table.mapping["zone"]))
            source.table.notices += assumptions(mapping, source.original)
        sources.append(source)
    return sources


def _apply_remembered(scope: Scope, tables: Sequence[ImportTable]) -> None:
    """Give tables without a mapping the one of the last file of their kind with the same header, unless it cannot fit.

    It cannot when a cell is a day or number only in another form: then a person is asked.
    """
    for table in tables:
        header = [] if table.mapping else header_of(table)
        row = remembered(scope).filter(kind=table.kind, fingerprint=fingerprint(header)).first() if header else None
        if row is None:
            continue
        mapping = rules_of(row)
        try:
            sample = sample_table(table, mapping.reading)
            fits = not any(
                rule.contradicted_by(example.text for example in sample.examples[place])
                for rule in mapping.columns.values()
                if (place := rule.place_in(sample.header)) is not None
            )
        except (UnreadableFile, WrongMapping):
            continue
        if fits and not mapping.missing(required(kind(table.kind)), sample.header):
            table.mapping = {**mapping.as_data(), "zone": scope.partner.time_zone}
            table.save(update_fields=["mapping"])


def _kind_by_header(scope: Scope, table: ImportTable) -> str:
    """The kind whose mapping is remembered for just this header; "" for none, or for several."""
    header = header_of(table)
    rows = remembered(scope).filter(fingerprint=fingerprint(header)) if header else remembered(scope).none()
    keys = set(rows.values_list("kind", flat=True))
    return keys.pop() if len(keys) == 1 else ""


def _unmapped(scope: Scope, tables: Sequence[ImportTable], sources: Sequence[Source]) -> list[int]:
    """Tables whose columns are not ours: none of the required ones is there by name, or a known mapping fits.

    Where only some required columns are missing, the check reports them.
    """
    unmapped = []
    for table, source in zip(tables, sources, strict=True):
        if source.asks:
            unmapped.append(table.pk)
            continue
        needed, header = required(source.kind), source.table.header
        if table.mapping or source.unreadable or not set(needed) - set(header):
            continue
        known = [*saved_mappings(scope, source.kind), typed_mapping(source.kind)]
        if not set(needed) & set(header) or any(mapping.proposes(needed, header) for mapping in known):
            unmapped.append(table.pk)
    return unmapped


def _plain(file: object) -> IO[bytes]:
    """The file inside Django's wrappers, which readers of text and workbooks cannot use."""
    while isinstance(file, File):
        file = file.file
    return cast("IO[bytes]", file)


def fits_into_a_request(*, scope: Scope, batch_id: int) -> bool:
    """Whether checking or writing is short enough for a request: small files, and no other import of the partner running.

    Holds the partner's lock from then on, so that none starts.
    """
    files = ImportFile.objects.filter(partner=scope.partner, batch_id=batch_id)
    undone = ImportChange.objects.filter(partner=scope.partner, batch__undone_by=batch_id)
    weight = undone.count() * _BYTES_A_ROW + sum(
        file.size if ending_of(file.name) in TEXT_ENDINGS else max(file.size * _PACKED, file.unpacked // _PACKED)
        for file in files
    )
    return weight <= settings.IMPORT_INLINE_BYTES and lock_if_free(PARTNER_FACTS, scope.partner.pk)


def process_now(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Check or write the batch, whichever is due; do nothing when neither is."""
    status = ImportBatch.objects.values_list("status", flat=True).get(partner=scope.partner, pk=batch_id)
    if status == BatchStatus.CHECKING:
        return check_batch(scope=scope, batch_id=batch_id)
    if status == BatchStatus.COMMITTING:
        return commit_batch(scope=scope, batch_id=batch_id)
    return ImportBatch.objects.get(partner=scope.partner, pk=batch_id)


def header_of(table: ImportTable) -> list[str]:
    """The likely header of a table's file; empty when it cannot be read."""
    return _headers([table])[table.pk]


def _header_as(table: ImportTable, options: ReadingOptions) -> list[str]:
    """The header of a table's file as it was said to be read; empty when it cannot be read so."""
    with (
        table.file.file.open("rb") as file,
        suppress(UnreadableFile),
        rows_of(_plain(file), table.sheet, options) as rows,
    ):
        return rows.header
    return []


def _headers(tables: Sequence[ImportTable]) -> dict[int, list[str]]:
    """Headers by table, cached since files never change. A file is opened once for all of its sheets."""
    by_table: dict[int, list[str]] = {}
    by_file: dict[int, list[ImportTable]] = {}
    for table in tables:
        header = cache.get(f"import-header:{table.pk}")
        if header is None:
            by_file.setdefault(table.file_id, []).append(table)
        else:
            by_table[table.pk] = header
    for of_file in by_file.values():
        headers: dict[str, list[str]] = {}
        with of_file[0].file.file.open("rb") as file, suppress(UnreadableFile):
            headers = read_headers(_plain(file), [table.sheet for table in of_file], column_names())
        for table in of_file:
            by_table[table.pk] = headers.get(table.sheet, [])
            if by_table[table.pk]:
                cache.set(f"import-header:{table.pk}", by_table[table.pk], _SECONDS_CACHED)
    return by_table


def sample_table(table: ImportTable, options: ReadingOptions) -> Sample:
    """The table's first rows and its words. Raises UnreadableFile."""

    def read() -> Sample:
        with table.file.file.open("rb") as file, rows_of(_plain(file), table.sheet, options, column_names()) as rows:
            return sample_of(rows)

    said = [f"{name}={value}" for name, value in options.as_data().items() if (name, value) != ("header_row", 1)]
    return cached_sample(":".join([str(table.pk), *said]), read)


def _encodings_of(table: ImportTable) -> list[Candidate]:
    """Encodings that fit a CSV file, cached since files never change."""
    fitting: list[Candidate] | None = [] if table.sheet else cache.get(f"import-encodings:{table.pk}")
    if fitting is None:
        with table.file.file.open("rb") as file:
            fitting = encodings_of(_plain(file))
        cache.set(f"import-encodings:{table.pk}", fitting, _SECONDS_CACHED)
    return fitting


def _first_rows(table: ImportTable, options: ReadingOptions) -> dict[int, list[str]]:
    """The first rows of a table by number, cached since files never change. Raises UnreadableFile."""
    key = f"import-first-rows:{table.pk}:{options.encoding}"
    rows: dict[int, list[str]] | None = cache.get(key)
    if rows is None:
        with table.file.file.open("rb") as file:
            top = first_rows(_plain(file), table.sheet, options)
        rows = {number: [without_invisible(cell) for cell in cells] for number, cells in top}
        cache.set(key, rows, _SECONDS_CACHED)
    return rows


def read_as_answered(table: ImportTable, answers: Mapping[str, str]) -> tuple[Questions, ReadingOptions, Sample]:
    """What is to be asked about how a table is read, the answers so far, and its sample read so. Raises UnreadableFile.

    answers: of the page, by name; what is not there has the table's answer, then the likeliest one.
    """
    options = mapping_of(table).reading
    if f"{PREFIX}header_row" in answers:
        options = options_from({name.removeprefix(PREFIX): value for name, value in answers.items()})
    fitting = _encodings_of(table)
    names = [candidate.encoding for candidate in fitting]
    options = replace(options, encoding=options.encoding if options.encoding in names else next(iter(names), ""))
    by_number = _first_rows(table, options)
    likely = header_row(
        [by_number.get(number, []) for number in range(1, max(by_number, default=0) + 1)], column_names()
    )
    options = replace(options, header_row=options.header_row or (likely if likely > 1 else 0))
    sample = sample_table(table, options)
    rows = list(by_number.items())
    return Questions(fitting, rows, likely, sample.hidden_rows, sample.hidden_columns), options, sample


def proposed_kinds(scope: Scope, tables: Sequence[ImportTable]) -> dict[int, str]:
    """Keys of the kinds proposed for tables, by table: of the kinds whose columns are all there, the one that needs most.

    With other columns, the kind of a mapping that fits: remembered ones, newest first, before those that ship. Then what the
    name of the file says, and last a kind of which people type tables with such columns.
    """
    proposed = {}
    typed = [typed_mapping(kind_) for kind_ in kinds()]
    known = [mapping for kind_ in kinds() for mapping in saved_mappings(scope, kind_)] if tables else []
    headers = _headers(tables)
    for table in tables:
        header = headers[table.pk]
        names = set(map(folded, header))
        fitting = [(len(needed), kind_.key) for kind_ in kinds() if (needed := set(required(kind_))) <= names]
        by_name = kind_by_name(table.label)
        by_mapping, by_typed = (
            [mapping.kind for mapping in mappings if mapping.proposes(required(kind(mapping.kind)), header)]
            for mappings in (known, typed)
        )
        guesses = [max(fitting)[1]] if fitting else [*by_mapping, by_name, *by_typed]
        proposed[table.pk] = next(filter(None, guesses), "")
    return proposed
