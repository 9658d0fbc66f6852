"""Reads of batches, what is wrong in them, and what they changed. A batch of another partner does not exist here."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import IO, Any

from django.db.models import Max, Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.scope import Scope
from imports.mapping import Mapping, fingerprint, from_data, proposed, ready_made
from imports.models import BatchStatus, ImportBatch, ImportProblem, ImportTable, RememberedMapping
from partner_portal.lib.collation import SearchKey, search_key
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db.locks import IMPORT_BATCH, held_keys
from partner_portal.lib.formula_guard import guarded
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.rows.facts import kind as kind_of
from program.labels import labels
from program.terms import Track

AT_WORK = (BatchStatus.CHECKING, BatchStatus.COMMITTING)
_STARTING = timedelta(seconds=10)  # between a worker's note that it began and our seeing its lock
_PATIENCE = timedelta(seconds=30)  # until a batch that no worker took is worth a remark
POINTS = {
    **labels(Track),
    "total": gettext_lazy("Total"),
}


def history(scope: Scope) -> QuerySet[ImportBatch]:
    """The partner's batches, newest first."""
    return ImportBatch.objects.filter(partner=scope.partner).select_related("user").order_by("-id")


def last_written(scope: Scope) -> datetime | None:
    """When facts last came in; None before the first import."""
    written = ImportBatch.objects.filter(partner=scope.partner, status=BatchStatus.COMMITTED)
    return written.aggregate(last=Max("committed_at"))["last"]  # type: ignore[no-any-return]


def get_batch(scope: Scope, batch_id: int) -> ImportBatch:
    """One batch. Raises Http404."""
    batch = history(scope).filter(pk=batch_id).first()
    if batch is None:
        raise Http404
    return batch


def tables_of(scope: Scope, batch_id: int) -> list[ImportTable]:
    """The tables of a batch in the order of the files, those that are left out too."""
    found = ImportTable.objects.filter(partner=scope.partner, batch_id=batch_id)
    return list(found.select_related("file").order_by("file_id", "id"))


def tables_to_read(scope: Scope, batch_id: int) -> list[ImportTable]:
    """The tables of a batch that are read."""
    return [table for table in tables_of(scope, batch_id) if table.kind and not table.left_out]


def tables_to_choose(scope: Scope, batch_id: int) -> list[ImportTable]:
    """The tables of a batch of which nobody said yet what they hold."""
    return [table for table in tables_of(scope, batch_id) if not table.kind and not table.left_out]


def get_table(scope: Scope, batch_id: int, table_id: int) -> ImportTable:
    """One table of a batch. Raises Http404."""
    found = ImportTable.objects.filter(partner=scope.partner, batch_id=batch_id, pk=table_id)
    table = found.select_related("file", "batch__user").first()
    if table is None:
        raise Http404
    return table


# How columns become ours


def can_be_mapped(table: ImportTable) -> bool:
    """Whether it can still be said how the table's columns become ours."""
    if not table.kind or table.left_out:
        return False
    return table.batch.status in (BatchStatus.CHOOSING, BatchStatus.CHECKED)


def required(kind: FactKind) -> list[str]:
    """The columns of the kind that must be filled."""
    return [column.name for column in kind.columns if column.required]


def mapping_of(table: ImportTable) -> Mapping:
    """The mapping that the table has."""
    return _from_data(table.kind, table.mapping or {})


def _from_data(key: str, data: dict[str, Any]) -> Mapping:
    return from_data(key, data, [column.name for column in kind_of(key).columns])


def remembered(scope: Scope) -> QuerySet[RememberedMapping]:
    """The partner's mappings by kind, in each the newest first."""
    return RememberedMapping.objects.filter(partner=scope.partner).select_related("user").order_by("kind", "-saved_at")


def get_remembered(scope: Scope, mapping_id: int) -> RememberedMapping:
    """One remembered mapping. Raises Http404."""
    row = remembered(scope).filter(pk=mapping_id).first()
    if row is None:
        raise Http404
    return row


def rules_of(row: RememberedMapping) -> Mapping:
    """What a remembered mapping says."""
    return _from_data(row.kind, row.data)


def saved_mappings(scope: Scope, kind: FactKind) -> list[Mapping]:
    """Mappings that may fit a file of the kind: remembered ones, newest first, then those that ship."""
    own = [rules_of(row) for row in remembered(scope).filter(kind=kind.key)]
    return own + [_from_data(key, data) for key, data in ready_made() if key == kind.key]


def proposal(scope: Scope, table: ImportTable, header: Sequence[str]) -> tuple[Mapping, str]:
    """How the table's columns probably become ours, and where that was said: "table" for the table itself, "same" for a
    file with this header, "similar" for another that has the columns too, "shipped", or "" when only names agree."""
    kind = kind_of(table.kind)
    if table.mapping:
        return mapping_of(table), "table"
    rows = list(remembered(scope).filter(kind=kind.key))
    needed = required(kind)
    same = fingerprint(header)
    for origin, fitting in (
        ("same", (row for row in rows if row.fingerprint == same)),
        ("similar", (row for row in rows if rules_of(row).proposes(needed, header))),
    ):
        row = next(fitting, None)
        if row:
            return rules_of(row), origin
    found = proposed(kind.key, [column.name for column in kind.columns], header)
    for key, data in ready_made():
        if key == kind.key and _from_data(key, data).proposes(needed, header):
            return found, "shipped"
    return found, ""


def totals(tables: Sequence[ImportTable]) -> dict[str, int | None]:
    """Sums over the tables that are read; None for one that is not known of all of them."""
    sums: dict[str, int | None] = {}
    for name in ("rows", "new", "changed", "same", "bad_rows", "errors"):
        values = [getattr(table, name) for table in tables if not table.left_out]
        sums[name] = None if None in values else sum(values)
    return sums


# What a batch is doing


@dataclass(frozen=True, slots=True)
class State:
    """How a batch stands, in words, with the tone of its tag: ok, warn, bad, info. `stuck`: nobody is working on it."""

    words: str
    tone: str
    at_work: bool = False
    stuck: bool = False
    discarded: bool = False


def batches_in_progress() -> set[int]:
    """Numbers of batches that a worker holds. Ask before reading a batch: the lock goes after the outcome is written."""
    return held_keys(IMPORT_BATCH)


def state_of(batch: ImportBatch, at_work: set[int]) -> State:
    """How the batch stands, given the batches that workers hold."""
    match batch.status:
        case BatchStatus.CHECKING | BatchStatus.COMMITTING:
            return _progress_state(batch, at_work)
        case BatchStatus.COMMITTED if batch.skip_bad_rows:
            left_out = ngettext("Written, %(rows)s row left out", "Written, %(rows)s rows left out", batch.bad_rows)
            return State(left_out % {"rows": batch.bad_rows}, "warn")
        case BatchStatus.COMMITTED:
            return State(_("Written") if batch.changes else _("Written, no change"), "ok")
        case BatchStatus.CHECKED if batch.errors:
            return State(_("Not written: has errors"), "bad")
        case BatchStatus.CHECKED | BatchStatus.CHOOSING:
            return State(_("Waits for you"), "info")
        case BatchStatus.FAILED:
            return State(_("Failed, nothing written"), "bad")
    return State(_("Discarded"), "", discarded=True)


def _progress_state(batch: ImportBatch, at_work: set[int]) -> State:
    if batch.pk in at_work or (batch.started_at and now() - batch.started_at < _STARTING):
        return State(str(BatchStatus(batch.status).label), "info", at_work=True)
    if batch.started_at:
        return State(_("Interrupted"), "bad", stuck=True)
    late = batch.queued_at is not None and now() - batch.queued_at > _PATIENCE
    return State(_("Waits for a worker"), "warn" if late else "info", at_work=True, stuck=late)


# What a batch changed


@dataclass(frozen=True, slots=True)
class PointsLine:
    """Points of a track before and after, and the difference."""

    track: str
    before: Decimal
    after: Decimal

    @property
    def name(self) -> str:
        """What the track is called."""
        return str(POINTS[self.track])

    @property
    def change(self) -> Decimal:
        """Positive for a gain."""
        return self.after - self.before


def points_lines(summary: dict) -> list[PointsLine]:
    """What the ledger's summary says about points, a line a track; empty when it says nothing."""
    before, after = summary.get("points_before"), summary.get("points_after")
    if not before or not after:
        return []
    return [PointsLine(name, Decimal(before[name]), Decimal(after[name])) for name in POINTS if name in before]


# What is wrong


def problems(
    scope: Scope, batch_id: int, *, table: int | None = None, column: str = "", text: str = ""
) -> QuerySet[ImportProblem]:
    """The errors of a batch by file and row: of one table, of one column, or those in which the text occurs."""
    found = ImportProblem.objects.filter(partner=scope.partner, batch_id=batch_id)
    if table is not None:
        found = found.filter(table_id=table)
    if column:
        found = found.filter(column=column)
    if text:
        found = found.alias(value_key=SearchKey("value"), message_key=SearchKey("message"))
        found = found.filter(Q(value_key__contains=search_key(text)) | Q(message_key__contains=search_key(text)))
    return found.select_related("table__file").order_by("table_id", "row", "id")


def problem_columns(scope: Scope, batch_id: int) -> list[str]:
    """The columns in which something is wrong."""
    found = ImportProblem.objects.filter(partner=scope.partner, batch_id=batch_id).exclude(column="")
    return list(found.order_by("column").values_list("column", flat=True).distinct())


def write_problems_csv(found: QuerySet[ImportProblem], file: IO[bytes]) -> None:
    """The errors as CSV, marked as UTF-8 for Excel, without a cell that a spreadsheet would compute."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([_("file"), _("sheet"), _("row"), _("column"), _("value"), _("what is wrong"), _("accepted")])
    rows = found.values_list("table__file__name", "table__sheet", "row", "column", "value", "message", "accepted")
    for row in rows.iterator(chunk_size=5000):
        writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in row])
    text.flush()
    text.detach()
