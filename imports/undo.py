"""Undo of an import (points.md 13): restores the earlier values of its rows, from the record of what it changed.

Rows that it added are withdrawn. A row stays as it is when a later import or a person touched it, when later rows belong to
it, or when its earlier values would contradict others now. A trial is the undo itself, rolled back at the end.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _
from psycopg import sql

from accounts.scope import Scope
from accounts.services import reload_partner
from imports.change_record import RECORD, record_reverted, record_withdrawn
from imports.checks import Step
from imports.fact_tables import column_field, column_of, identifier, key_texts, table_of, text_rows
from imports.models import ChangeAction, ImportBatch
from imports.posting import post_rows
from partner_portal.lib.db.locks import PARTNER_FACTS, lock
from partner_portal.lib.rows.facts import FactKind, kinds
from partner_portal.lib.rows.facts import kind as kind_of
from partner_portal.lib.rows.withdrawals import withdrawals

type Reasons = dict[str, dict[int, str]]  # why rows are left as they are, by kind and primary key


@dataclass(frozen=True, slots=True)
class LeftRow:
    """A row of the import that an undo leaves as it is."""

    kind: str  #: key
    pk: int
    name: str  #: its key, as in files
    why: str  #: a sentence's end, such as "changed again by import #9"


@dataclass(slots=True)
class UndoOutcome:
    """Result of an undo, done or tried."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)  #: rows by kind and `ChangeAction`
    left: list[LeftRow] = field(default_factory=list)
    points: dict[str, object] = field(default_factory=dict)  #: summary of the ledger
    written: bool = False  #: it was not rolled back

    def total(self, *actions: ChangeAction) -> int:
        """Number of rows with one of these actions."""
        return sum(counts.get(action, 0) for counts in self.counts.values() for action in actions)

    @property
    def digest(self) -> str:
        """Digest of the rows that are undone and of those that are left."""
        seen = sorted((key, sorted(counts.items())) for key, counts in self.counts.items())
        left = [(row.kind, row.pk) for row in self.left]
        return hashlib.sha256(repr((seen, left)).encode()).hexdigest()


def revert_import(
    scope: Scope, target: ImportBatch, *, batch_id: int, accept: Callable[[UndoOutcome], bool], step: Step
) -> UndoOutcome:
    """Undo an import as the batch of that number, and roll that back unless `accept` returns True for the outcome."""
    outcome = UndoOutcome()
    with transaction.atomic():
        step("waiting", 0, 0)
        lock(PARTNER_FACTS, scope.partner.pk)
        step("comparing", 0, 0)
        reasons, skipped = _touched_since(scope, target)
        client_ids = _apply_all(scope, target, batch_id, reasons, skipped, outcome, step)
        outcome.left = list(_named(reasons))
        outcome.points = post_rows(scope, client_ids, rows=outcome.total(*ChangeAction), batch_id=batch_id, step=step)
        outcome.written = accept(outcome)
        if not outcome.written:
            transaction.set_rollback(True)
    if not outcome.written:
        reload_partner(scope)
    return outcome


def _named(reasons: Reasons) -> Iterator[LeftRow]:
    for key, of_kind in reasons.items():
        names = key_texts(kind_of(key), of_kind)
        for pk, why in sorted(of_kind.items(), key=lambda item: names[item[0]]):
            yield LeftRow(key, pk, names[pk], why)


def _touched_since(scope: Scope, target: ImportBatch) -> tuple[Reasons, dict[str, set[int]]]:
    """Rows that were touched after the import, with why they are left, and rows that were undone already."""
    reasons: Reasons = {}
    skipped: dict[str, set[int]] = {}
    query = sql.SQL(
        """
        SELECT later.kind, later.fact_id, later.batch_id, batch.undoes_id
          FROM {record} own
          JOIN {record} later ON later.fact_id = own.fact_id AND later.kind = own.kind AND later.id > own.id
          JOIN imports_importbatch batch ON batch.id = later.batch_id
         WHERE own.batch_id = %s ORDER BY later.kind, later.fact_id, later.id
        """
    ).format(record=RECORD)
    with connection.cursor() as cursor:
        cursor.execute(query, [target.pk])
        for (key, pk), later in groupby(cursor, key=lambda row: (row[0], row[1])):
            standing = _standing_imports(target.pk, [(batch, undoes) for _key, _pk, batch, undoes in later])
            if target.pk not in standing:
                skipped.setdefault(key, set()).add(pk)
            elif standing[-1] != target.pk:
                why = _("changed again by import #%(number)s") % {"number": standing[-1]}
                reasons.setdefault(key, {})[pk] = why
        merged = withdrawals().of_merges(scope)
        for kind in kinds():
            for pk, is_withdrawn in _moved_by_persons(cursor, kind, target, merged):
                if pk not in skipped.get(kind.key, ()):
                    why = _("withdrawn by a person since") if is_withdrawn else _("restored by a person since")
                    reasons.setdefault(kind.key, {}).setdefault(pk, why)
    return reasons, skipped


def _standing_imports(target: int, later: list[tuple[int, int | None]]) -> tuple[int, ...]:
    """The imports whose values a row has, oldest first, from the target on: an undo brings back those before what it undid.

    later: the imports that touched the row after the target, in order, each with the one that it undoes.
    """
    before: dict[int | None, tuple[int, ...]] = {target: ()}
    standing: tuple[int, ...] = (target,)
    for batch, undoes in later:
        before[batch] = standing
        standing = before.get(undoes, (*standing, batch))
    return standing


def _moved_by_persons(
    cursor: CursorWrapper, kind: FactKind, target: ImportBatch, merged: Collection[int]
) -> list[tuple[int, bool]]:
    """Rows of the import that are withdrawn otherwise than the record says, and whether they are withdrawn.

    merged: withdrawals of merges of product lines, which change nothing about where a row comes from.
    """
    query = sql.SQL(
        """
        SELECT own.fact_id, stored.withdrawal_id IS NOT NULL
          FROM {record} own JOIN {table} stored ON stored.id = own.fact_id
         WHERE own.batch_id = %s AND own.kind = %s AND stored.withdrawal_id IS DISTINCT FROM (
               SELECT latest.withdrawal_id FROM {record} latest
                WHERE latest.fact_id = own.fact_id AND latest.kind = own.kind ORDER BY latest.id DESC LIMIT 1)
           AND NOT coalesce(stored.withdrawal_id = ANY(%s::bigint[]), FALSE)
        """
    ).format(record=RECORD, table=table_of(kind))
    cursor.execute(query, [target.pk, kind.key, list(merged)])
    return list(cursor.fetchall())


def _apply_all(
    scope: Scope,
    target: ImportBatch,
    batch_id: int,
    reasons: Reasons,
    skipped: dict[str, set[int]],
    outcome: UndoOutcome,
    step: Step,
) -> set[int]:
    """Write the rows back, but for those left. Adds to `reasons` until nothing contradicts. Returns clients that may move."""
    while True:
        attempt = _Attempt(scope, target, batch_id)
        with connection.cursor() as cursor:
            savepoint = transaction.savepoint_create()
            left = {kind.key: {*reasons.get(kind.key, ()), *skipped.get(kind.key, ())} for kind in kinds()}
            contradictions = attempt.run(cursor, left, step)
            if not contradictions:
                transaction.savepoint_commit(savepoint)
                outcome.counts = attempt.counts
                return attempt.client_ids
            transaction.savepoint_rollback(savepoint)
        for key, of_kind in contradictions.items():
            for pk, why in of_kind.items():
                reasons.setdefault(key, {}).setdefault(pk, why)


class _Attempt:
    """One attempt to write the rows of an import back, through a temporary table for each kind."""

    def __init__(self, scope: Scope, target: ImportBatch, batch_id: int) -> None:
        self.scope = scope
        self.target = target
        self.batch_id = batch_id
        self.counts: dict[str, dict[str, int]] = {}
        self.client_ids: set[int] = set()
        self.added: dict[str, list[int]] = {}
        self.kinds = kinds()

    def run(self, cursor: CursorWrapper, left: dict[str, set[int]], step: Step) -> Reasons:
        """Write back all rows but those in `left`. Returns the rows that contradict others then; all is to be undone if any."""
        for place, kind in enumerate(self.kinds):
            step("writing", place, len(self.kinds))
            self._plan(cursor, kind, left[kind.key])
        contradictions = self._contradicting_references(cursor)
        if contradictions:
            return contradictions
        moved = withdrawals().withdraw_rows(scope=self.scope, rows=self.added, batch_id=self.batch_id)
        self.client_ids |= moved.client_ids
        for key, rows in record_withdrawn(moved, partner=self.scope.partner.pk, batch_id=self.batch_id).items():
            self._count(key, ChangeAction.WITHDRAWN, rows)
        return self._contradicting_values(cursor)

    def _count(self, key: str, action: str, rows: int) -> None:
        of_kind = self.counts.setdefault(key, {})
        of_kind[action] = of_kind.get(action, 0) + rows

    def _plan(self, cursor: CursorWrapper, kind: FactKind, left: Collection[int]) -> None:
        """Make the plan of a kind and carry it out, but for rows that were added: they are withdrawn together."""
        plan = _plan_table(kind)
        columns = [*(column_of(kind, column.name) for column in kind.columns), sql.Identifier("withdrawal_id")]
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(plan))
        query = sql.SQL(
            """
            CREATE TEMPORARY TABLE {plan} ON COMMIT DROP AS
            SELECT change.fact_id AS stored_id, change.action = {added} AS is_added, {columns}
              FROM {record} change JOIN {table} stored ON stored.id = change.fact_id,
                   LATERAL jsonb_populate_record(stored, coalesce(change.before, '{{}}')) earlier
             WHERE change.batch_id = %s AND change.kind = %s AND NOT change.fact_id = ANY(%s::bigint[])
            """
        ).format(
            plan=plan,
            added=sql.Literal(ChangeAction.ADDED),
            columns=sql.SQL(", ").join(sql.SQL("earlier.{}").format(column) for column in columns),
            record=RECORD,
            table=table_of(kind),
        )
        cursor.execute(query, [self.target.pk, kind.key, list(left)])
        cursor.execute(sql.SQL("SELECT stored_id FROM {} WHERE is_added").format(plan))
        self.added[kind.key] = [pk for (pk,) in cursor.fetchall()]
        for action, rows in record_reverted(
            cursor, kind, columns, plan, partner=self.scope.partner.pk, batch_id=self.batch_id
        ).items():
            self._count(kind.key, action, rows)
        if kind.client_field:
            self._note_clients(cursor, kind, plan)
        cursor.execute(
            sql.SQL("UPDATE {} stored SET {} FROM {} plan WHERE stored.id = plan.stored_id AND NOT is_added").format(
                table_of(kind),
                sql.SQL(", ").join(sql.SQL("{0} = plan.{0}").format(column) for column in columns),
                plan,
            )
        )

    def _note_clients(self, cursor: CursorWrapper, kind: FactKind, plan: sql.Identifier) -> None:
        if kind.client_field == "pk":
            cursor.execute(sql.SQL("SELECT stored_id FROM {} WHERE NOT is_added").format(plan))
        else:
            query = sql.SQL(
                "SELECT DISTINCT unnest(ARRAY[stored.{client}, plan.{client}]) "
                "FROM {plan} plan JOIN {table} stored ON stored.id = plan.stored_id WHERE NOT is_added"
            )
            client = identifier(column_field(kind.model, kind.client_field))
            cursor.execute(query.format(client=client, plan=plan, table=table_of(kind)))
        self.client_ids |= {client for (client,) in cursor.fetchall()}

    def _contradicting_references(self, cursor: CursorWrapper) -> Reasons:
        """Rows that would count without the row they belong to, or would be withdrawn from under rows that count."""
        reasons: Reasons = {}
        for kind in self.kinds:
            for name, target_key in kind.references.items():
                field = column_field(kind.model, kind.column(name).field_name)
                if field.is_relation:
                    self._check_reference(cursor, kind, kind_of(target_key), identifier(field), reasons)
        return reasons

    def _check_reference(
        self, cursor: CursorWrapper, kind: FactKind, target: FactKind, column: sql.Identifier, reasons: Reasons
    ) -> None:
        query = sql.SQL(
            """
            SELECT row.id, row.{column}, plan.stored_id IS NOT NULL, target.withdrawal_id IS NULL
              FROM {table} row
              JOIN {target_table} target ON target.id = row.{column}
              LEFT JOIN {plan} plan ON plan.stored_id = row.id
             WHERE row.partner_id = %s AND row.withdrawal_id IS NULL AND plan.is_added IS NOT TRUE
               AND (target.withdrawal_id IS NOT NULL OR target.id = ANY(%s::bigint[]))
            """
        ).format(column=column, table=table_of(kind), target_table=table_of(target), plan=_plan_table(kind))
        cursor.execute(query, [self.scope.partner.pk, self.added[target.key]])
        for pk, target_pk, is_planned, target_is_added in cursor.fetchall():
            if target_is_added or not is_planned:
                reasons.setdefault(target.key, {})[target_pk] = _("rows of later imports belong to it")
            else:
                reasons.setdefault(kind.key, {})[pk] = _("its client is withdrawn now")

    def _contradicting_values(self, cursor: CursorWrapper) -> Reasons:
        """Rows whose earlier values break a rule of their kind now, such as services that overlap."""
        import pandas as pd

        reasons: Reasons = {}
        for kind in self.kinds:
            if not kind.checks or not self.counts.get(kind.key):
                continue
            query = sql.SQL("SELECT stored_id FROM {} WHERE NOT is_added AND withdrawal_id IS NULL")
            cursor.execute(query.format(_plan_table(kind)))
            pks = [pk for (pk,) in cursor.fetchall()]
            if not pks:
                continue
            names = ["id", *(column.name for column in kind.columns)]
            frame = pd.DataFrame(text_rows(cursor, kind, pks), columns=names, dtype=object).set_index("id")
            for check in kind.checks:
                for finding in check.find(self.scope, frame):
                    reasons.setdefault(kind.key, {})[finding.row] = f"{finding.column}: {finding.message}"
        return reasons


def _plan_table(kind: FactKind) -> sql.Identifier:
    return sql.Identifier(f"undo_{kind.key}")
