"""Imports what a live connection read, as one batch: `sources` decides whether it is written or waits for a person."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.core.files import File
from django.db.models.functions import Now

from accounts.roles import Permission
from accounts.scope import Scope
from imports.batch_states import to_next_step
from imports.checks import Step
from imports.mapping import Mapping as ColumnMapping
from imports.mapping_steps import apply_remembered, kind_by_header, unmapped_tables
from imports.models import BatchStatus, ImportBatch, ImportFile, ImportTable
from imports.pipeline import Outcome, Sheet, carry_out, sheets_of
from imports.queries import tables_of, tables_to_read, withdrawal_plan
from imports.results import HIDDEN_SHEET, add_tables, finish, points_summary, save_findings
from imports.stored_tables import read_sources


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that a connection read."""

    path: Path
    name: str
    kind: str = ""  #: key of its kind; "" to recognise it by its name, sheets or header
    mapping: ColumnMapping | None = None  #: None for that of the last file with this header, or for our own columns


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with an outcome."""

    write: bool = False
    drop: bool = False  #: nothing is stored, not even the batch


@dataclass(slots=True)
class ConnectedResult:
    """Result of an import of a connection."""

    batch: ImportBatch | None  #: None when it was dropped
    outcome: Outcome | None  #: None when a person has to choose first what is in the files
    tables: list[ImportTable] = field(default_factory=list)


def import_connected(
    *,
    scope: Scope,
    connection_id: int,
    origin: str,
    files: Sequence[ReadFile],
    complete: Collection[str],
    gone: Mapping[str, Collection[int]],
    decide: Callable[[Outcome], Decision],
    step: Step,
) -> ConnectedResult:
    """Check files of a connection as one batch, and write it, leave it for a person, or drop it, as `decide` says.

    connection_id, origin: number and name of the connection. complete, gone: as of `ImportBatch`. Rows with errors are left
    out when the batch is written. The caller's transaction makes all of it. Raises UnreadableFile, WrongMapping.
    """
    scope.require(Permission.IMPORT)
    batch = ImportBatch.objects.create(
        partner=scope.partner,
        status=BatchStatus.CHECKING,
        queued_at=Now(),
        connection_id=connection_id,
        origin=origin,
        complete=sorted(complete),
        gone={key: sorted(pks) for key, pks in gone.items()},
    )
    result = ConnectedResult(batch, None)
    stored: list[ImportFile] = []
    try:
        for file in files:
            stored.append(_add(scope, batch, file))
        _carry_out(scope, batch, result, decide, step)
    except Exception:
        _delete(stored)
        raise
    if result.batch is None:
        _delete(stored)
        batch.delete()
    return result


def _carry_out(
    scope: Scope,
    batch: ImportBatch,
    result: ConnectedResult,
    decide: Callable[[Outcome], Decision],
    step: Step,
) -> None:
    result.tables = tables_to_read(scope, batch.pk)
    apply_remembered(scope, result.tables)
    sources = read_sources(result.tables, step)
    unmapped = unmapped_tables(scope, result.tables, sources)
    batch.tables.filter(pk__in=unmapped).update(unmapped=True)
    if unmapped or any(not table.kind and not table.left_out for table in tables_of(scope, batch.pk)):
        to_next_step(batch)
        return
    decision = Decision()

    def confirm(outcome: Outcome) -> bool:
        nonlocal decision
        decision = decide(outcome)
        return decision.write

    result.outcome = carry_out(
        scope,
        sources,
        batch_id=batch.pk,
        plan=withdrawal_plan(batch),
        accept=lambda _: True,
        confirm=confirm,
        trying=True,
        step=step,
    )
    if decision.drop:
        result.batch = None
        return
    save_findings(batch, result.tables, result.outcome)
    batch.skip_bad_rows = decision.write and batch.errors > 0
    batch.checked_at = Now()
    if result.outcome.written:
        batch.allowed_withdrawals = result.outcome.missing.total
        finish(scope, batch, result.tables, result.outcome)
    else:
        batch.preview = points_summary(result.outcome.points)
        batch.status = BatchStatus.CHECKED
        batch.save()


def _add(scope: Scope, batch: ImportBatch, file: ReadFile) -> ImportFile:
    """Store a file and its tables, with their kinds and mappings as far as they are known."""
    row = ImportFile(partner=scope.partner, batch=batch, name=file.name[:255], size=file.path.stat().st_size)
    with file.path.open("rb") as content:
        row.sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        sheets, row.unpacked = [Sheet("", file.kind)], 0
        if not file.kind:
            sheets, row.unpacked = sheets_of(file.name, content)
            content.seek(0)
        row.file.save(row.name, File(content), save=False)
    row.save()
    add_tables(batch, row, sheets, ask_hidden=True)
    for table in row.tables.select_related("file").filter(left_out=False):
        if not table.kind and HIDDEN_SHEET not in table.notices:
            table.kind = kind_by_header(scope, table)
        if file.mapping:
            table.mapping = {**file.mapping.as_data(), "zone": scope.partner.time_zone}
        table.save(update_fields=["kind", "mapping"])
    return row


def _delete(stored: Sequence[ImportFile]) -> None:
    for row in stored:
        row.file.delete(save=False)
