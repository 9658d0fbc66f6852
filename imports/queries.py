"""Reads of batches, their errors, and what they changed, within one partner."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import IO, Any, NamedTuple

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.scope import Scope
from imports.complete import WithdrawalPlan
from imports.effects import Effects, MissingRows
from imports.fact_tables import key_texts
from imports.mapping import Mapping, MappingData, fingerprint, from_data, proposed, ready_made, typed_tables
from imports.models import BatchStatus, ChangeAction, ImportBatch, ImportProblem, ImportTable, RememberedMapping
from partner_portal.lib.collation import SearchKey, search_key
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db.locks import IMPORT_BATCH, held_keys
from partner_portal.lib.formula_guard import guarded
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.rows.facts import kind as kind_of
from program.labels import labels
from program.terms import Track

type Summary = dict[str, Any]  # of the ledger, as it is stored with a batch
_STARTING = timedelta(seconds=10)  # between a worker's claim of a batch and its lock being visible
_PATIENCE = timedelta(seconds=30)  # until the page reports a batch that no worker took
NAMED_ON_PAGE = 20  # rows to withdraw that an import's page names
POINTS = {
    **labels(Track),
    "total": gettext_lazy("Total"),
}


def history(scope: Scope) -> QuerySet[ImportBatch]:
    """The partner's batches, newest first."""
    return ImportBatch.objects.filter(partner=scope.partner).select_related("user").order_by("-id")


def undone_by(scope: Scope) -> dict[int, ImportBatch]:
    """The written undo in force, by the number of the import it undoes. One that was itself undone is not in force."""
    undos = ImportBatch.objects.filter(partner=scope.partner, undoes__isnull=False, status=BatchStatus.COMMITTED)
    standing: dict[int, ImportBatch] = {}
    for undo in undos.order_by("-pk"):  # an undo is younger than what it undoes
        if undo.undoes_id is not None and (undo.pk not in standing or standing[undo.pk].rest):
            standing.setdefault(undo.undoes_id, undo)
    return standing


def undo_of(scope: Scope, batch: ImportBatch) -> ImportBatch | None:
    """The undo of a batch that is in force; None for none."""
    return undone_by(scope).get(batch.pk) if batch.status == BatchStatus.COMMITTED else None


def latest_written(scope: Scope) -> ImportBatch | None:
    """The import that was written last; None for none."""
    written = ImportBatch.objects.filter(partner=scope.partner, status=BatchStatus.COMMITTED)
    return written.order_by("-committed_at", "-pk").first()


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """An import as the history command lists it."""

    number: int
    at: datetime  #: when it was written, else when it began
    by: str | None  #: e-mail address, or name of a live connection; None for a command
    state: str  #: a `BatchStatus`, or `undone`
    rows: int
    added: int
    changed: int
    withdrawn: int
    undoes: int | None  #: number of the import that it undoes


def history_rows(scope: Scope) -> list[HistoryRow]:
    """The partner's imports, newest first."""
    undone = undone_by(scope)
    return [
        HistoryRow(
            number=batch.pk,
            at=batch.committed_at or batch.created_at,
            by=batch.user.email if batch.user else batch.origin or None,
            state="undone" if batch.pk in undone and not undone[batch.pk].rest else batch.status,
            rows=batch.rows,
            added=batch.added,
            changed=batch.changed,
            withdrawn=batch.withdrawn,
            undoes=batch.undoes_id,
        )
        for batch in history(scope)
    ]


def get_batch(scope: Scope, batch_id: int) -> ImportBatch:
    """One batch. Raises Http404."""
    batch = history(scope).filter(pk=batch_id).first()
    if batch is None:
        raise Http404
    return batch


def tables_of(scope: Scope, batch_id: int) -> list[ImportTable]:
    """The tables of a batch in the order of the files, including those that are left out."""
    tables = ImportTable.objects.filter(partner=scope.partner, batch_id=batch_id)
    return list(tables.select_related("file").order_by("file_id", "id"))


def tables_to_read(scope: Scope, batch_id: int) -> list[ImportTable]:
    """The tables of a batch that are read."""
    return [table for table in tables_of(scope, batch_id) if table.kind and not table.left_out]


def kinds_among(tables: Sequence[ImportTable]) -> list[FactKind]:
    """The kinds of the tables that are read, in their order."""
    return [kind_of(key) for key in dict.fromkeys(table.kind for table in tables if table.kind and not table.left_out)]


def named_withdrawals(effects: Effects) -> list[tuple[FactKind, MissingRows, list[tuple[int, str]]]]:
    """The rows that complete files withdraw, by kind, with the primary keys and names of the first ones."""
    named = []
    for row in effects.withdrawals:
        names = key_texts(kind_of(row.kind), row.pks[:NAMED_ON_PAGE])
        named.append((kind_of(row.kind), row, sorted(names.items(), key=lambda item: item[1])))
    return named


class UndoneRows(NamedTuple):
    """Numbers of rows of a kind by what an undo does to them."""

    kind: FactKind
    withdrawn: int
    changed: int
    restored: int


def undone_rows(effects: Effects) -> list[UndoneRows]:
    """The rows that an undo restores or withdraws, by kind."""
    return [
        UndoneRows(
            kind_of(key),
            *(rows.get(action, 0) for action in (ChangeAction.WITHDRAWN, ChangeAction.CHANGED, ChangeAction.RESTORED)),
        )
        for key, rows in effects.undone.items()
    ]


def withdrawal_plan(batch: ImportBatch) -> WithdrawalPlan:
    """Which stored rows the batch is to withdraw."""
    return WithdrawalPlan(batch.complete, batch.gone, batch.connection_id)


def tables_to_choose(scope: Scope, batch_id: int) -> list[ImportTable]:
    """The tables of a batch whose kind is not known yet."""
    return [table for table in tables_of(scope, batch_id) if not table.kind and not table.left_out]


def get_table(scope: Scope, batch_id: int, table_id: int) -> ImportTable:
    """One table of a batch. Raises Http404."""
    tables = ImportTable.objects.filter(partner=scope.partner, batch_id=batch_id, pk=table_id)
    table = tables.select_related("file", "batch__user").first()
    if table is None:
        raise Http404
    return table


# Mappings


def can_be_mapped(table: ImportTable) -> bool:
    """Whether the table's mapping can still be changed."""
    if not table.kind or table.left_out or is_given(table):
        return False
    return table.batch.status in (BatchStatus.CHOOSING, BatchStatus.CHECKED)


def is_given(table: ImportTable) -> bool:
    """Whether the table's mapping is that of its connection, which is changed there and not with one import."""
    return table.batch.connection_id is not None and (table.mapping or {}).get("name") == table.batch.origin


def required(kind: FactKind) -> list[str]:
    """The columns of the kind that must be filled."""
    return [column.name for column in kind.columns if column.required]


def mapping_of(table: ImportTable) -> Mapping:
    """The mapping of the table."""
    data: MappingData = table.mapping or MappingData()
    return _from_data(table.kind, data)


def _from_data(key: str, data: MappingData) -> Mapping:
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
    """The mapping of a remembered one."""
    return _from_data(row.kind, row.data)


def saved_mappings(scope: Scope, kind: FactKind) -> list[Mapping]:
    """Mappings that may fit a file of the kind: remembered ones, newest first, then those that ship."""
    own = [rules_of(row) for row in remembered(scope).filter(kind=kind.key)]
    return own + [_from_data(key, data) for key, data in ready_made() if key == kind.key]


def typed_mapping(kind: FactKind) -> Mapping:
    """The usual headers of a table of the kind that somebody typed."""
    return _from_data(kind.key, typed_tables().get(kind.key, {}))


def proposal(scope: Scope, table: ImportTable, header: Sequence[str]) -> tuple[Mapping, str]:
    """The mapping proposed for the table, and its origin: "table" for its own, "same" for that of a file with this header,
    "similar" for that of another whose columns it has too, "shipped", or "" when only names agree."""
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
    mapping = proposed(kind.key, [column.name for column in kind.columns], header)
    for key, data in ready_made():
        if key == kind.key and _from_data(key, data).proposes(needed, header):
            return mapping, "shipped"
    return mapping, ""


def totals(tables: Sequence[ImportTable]) -> dict[str, int | None]:
    """Sums over the tables that are read; None for a number that is not known for all of them."""
    sums: dict[str, int | None] = {}
    for name in ("rows", "new", "changed", "same", "bad_rows", "errors"):
        values = [getattr(table, name) for table in tables if not table.left_out]
        sums[name] = None if None in values else sum(values)
    return sums


# State of a batch


@dataclass(frozen=True, slots=True)
class State:
    """State of a batch for people."""

    text: str
    tone: str  # of its tag: ok, warn, bad, info
    running: bool = False
    stuck: bool = False  # no worker has it
    discarded: bool = False


def batches_in_progress() -> set[int]:
    """Primary keys of the batches that a worker holds. Call before reading a batch: its lock outlives the writing."""
    return held_keys(IMPORT_BATCH)


def state_of(batch: ImportBatch, in_progress: set[int], undo: ImportBatch | None = None) -> State:
    """State of the batch, given the batches that workers hold, and the undo of it in force."""
    match batch.status:
        case BatchStatus.COMMITTED if undo:
            text = _("Partly undone by #%(number)s") if undo.rest else _("Undone by #%(number)s")
            return State(text % {"number": undo.pk}, "")
        case BatchStatus.CHECKING | BatchStatus.COMMITTING:
            return _progress_state(batch, in_progress)
        case BatchStatus.COMMITTED if batch.skip_bad_rows:
            left_out = ngettext("Imported, %(rows)s row left out", "Imported, %(rows)s rows left out", batch.bad_rows)
            return State(left_out % {"rows": batch.bad_rows}, "warn")
        case BatchStatus.COMMITTED if batch.undoes_id:
            return State(_("Undo done"), "ok")
        case BatchStatus.COMMITTED:
            return State(_("Imported") if batch.changes else _("Imported, no change"), "ok")
        case BatchStatus.CHECKED if batch.errors:
            return State(_("Not imported: has errors"), "bad")
        case BatchStatus.CHECKED | BatchStatus.CHOOSING:
            return State(_("Needs your input"), "info")
        case BatchStatus.FAILED:
            return State(_("Failed, nothing imported"), "bad")
    return State(_("Cancelled"), "", discarded=True)


def _progress_state(batch: ImportBatch, in_progress: set[int]) -> State:
    if batch.pk in in_progress or (batch.started_at and now() - batch.started_at < _STARTING):
        return State(
            _("Being checked") if batch.status == BatchStatus.CHECKING else _("Being imported"), "info", running=True
        )
    if batch.started_at:
        return State(_("Interrupted"), "bad", stuck=True)
    late = batch.queued_at is not None and now() - batch.queued_at > _PATIENCE
    return State(_("Waiting to start"), "warn" if late else "info", running=True, stuck=late)


# What a batch changed


@dataclass(frozen=True, slots=True)
class PointsLine:
    """Points of a track before and after an import."""

    track: str  # "total" for all of them
    before: Decimal
    after: Decimal

    @property
    def name(self) -> str:
        """Name of the track."""
        return str(POINTS[self.track])

    @property
    def change(self) -> Decimal:
        """Positive for a gain."""
        return self.after - self.before


def points_lines(summary: Summary) -> list[PointsLine]:
    """Points by track from the ledger's summary of a batch; empty when it has none."""
    before, after = summary.get("points_before"), summary.get("points_after")
    if not before or not after:
        return []
    return [PointsLine(name, Decimal(before[name]), Decimal(after[name])) for name in POINTS if name in before]


# Errors


class ProblemChoice(NamedTuple):
    """Which errors of a batch: of one table (None: of all), of one column, and with a text; "" for any."""

    table: int | None = None
    column: str = ""
    text: str = ""


def problems(scope: Scope, batch_id: int, choice: ProblemChoice) -> QuerySet[ImportProblem]:
    """The errors of a batch by file and row."""
    rows = ImportProblem.objects.filter(partner=scope.partner, batch_id=batch_id)
    if choice.table is not None:
        rows = rows.filter(table_id=choice.table)
    if choice.column:
        rows = rows.filter(column=choice.column)
    if choice.text:
        key = search_key(choice.text)
        with_keys = rows.alias(value_key=SearchKey("value"), message_key=SearchKey("message"))
        rows = with_keys.filter(Q(value_key__contains=key) | Q(message_key__contains=key))
    return rows.select_related("table__file").order_by("table_id", "row", "id")


def problem_columns(scope: Scope, batch_id: int) -> list[str]:
    """The columns with an error."""
    rows = ImportProblem.objects.filter(partner=scope.partner, batch_id=batch_id).exclude(column="")
    return list(rows.order_by("column").values_list("column", flat=True).distinct())


def write_problems_csv(problems: QuerySet[ImportProblem], file: IO[bytes]) -> None:
    """Write the errors as CSV: with a byte order mark for Excel, and formulas guarded."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([_("file"), _("sheet"), _("row"), _("column"), _("value"), _("what is wrong"), _("accepted")])
    rows = problems.values_list("table__file__name", "table__sheet", "row", "column", "value", "message", "accepted")
    for row in rows.iterator(chunk_size=5000):
        writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in row])
    text.flush()
    text.detach()
