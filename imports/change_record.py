"""Records what an import did to stored rows (`ImportChange`), in set-based SQL within the import's transaction.

Rows of the record are written before the change itself, while the earlier values are still stored.
"""

from collections.abc import Sequence

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from imports.fact_tables import table_of
from imports.models import ChangeAction, ImportChange
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.rows.facts import kind as kind_of
from partner_portal.lib.rows.withdrawals import MovedRows

RECORD = sql.Identifier(ImportChange._meta.db_table)
INSERT = sql.SQL(
    "INSERT INTO {} (partner_id, batch_id, kind, fact_id, action, before, withdrawal_id) "
    "SELECT %(partner)s, %(batch)s, %(kind)s, "
).format(RECORD)


def earlier_values(columns: Sequence[sql.Identifier], old: str, new: str) -> sql.Composable:
    """JSON object of the values in `old` that differ from those in `new`, by column; both are aliases of rows."""
    pairs = [
        sql.SQL("{}, {}.{}").format(sql.Literal(column.as_string().strip('"')), sql.Identifier(old), column)
        for column in columns
    ]
    equal = [
        sql.SQL("CASE WHEN {0}.{2} IS NOT DISTINCT FROM {1}.{2} THEN {3} END").format(
            sql.Identifier(old), sql.Identifier(new), column, sql.Literal(column.as_string().strip('"'))
        )
        for column in columns
    ]
    return sql.SQL("jsonb_build_object({}) - ARRAY[{}]::text[]").format(
        sql.SQL(", ").join(pairs), sql.SQL(", ").join(equal)
    )


def record_planned(
    cursor: CursorWrapper,
    kind: FactKind,
    columns: Sequence[sql.Identifier],
    plan: sql.Identifier,
    *,
    partner: int,
    batch_id: int,
) -> None:
    """Record stored rows that a plan changes or restores."""
    query = sql.SQL(
        """
        {insert} stored.id,
               CASE WHEN plan.is_new THEN {restored} ELSE {changed} END,
               {before} || CASE WHEN plan.is_new THEN jsonb_build_object('withdrawal_id', stored.withdrawal_id)
                                ELSE '{{}}' END,
               NULL
          FROM {plan} plan JOIN {table} stored ON stored.id = plan.stored_id
         WHERE NOT plan.same
        """
    ).format(
        insert=INSERT,
        restored=sql.Literal(ChangeAction.RESTORED),
        changed=sql.Literal(ChangeAction.CHANGED),
        before=earlier_values(columns, "stored", "plan"),
        plan=plan,
        table=table_of(kind),
    )
    cursor.execute(query, {"partner": partner, "batch": batch_id, "kind": kind.key})


def record_added(cursor: CursorWrapper, kind: FactKind, insert: sql.Composable, *, partner: int, batch_id: int) -> None:
    """Carry out a statement that inserts rows and returns their ids, and record these as added."""
    query = sql.SQL("WITH inserted AS ({}) {} id, {}, NULL, NULL FROM inserted ORDER BY id").format(
        insert, INSERT, sql.Literal(ChangeAction.ADDED)
    )
    cursor.execute(query, {"partner": partner, "batch": batch_id, "kind": kind.key})


def record_reverted(
    cursor: CursorWrapper,
    kind: FactKind,
    columns: Sequence[sql.Identifier],
    plan: sql.Identifier,
    *,
    partner: int,
    batch_id: int,
) -> dict[str, int]:
    """Record stored rows whose earlier values a plan restores; `columns` include the withdrawal. Returns numbers by action."""
    query = sql.SQL(
        """
        WITH recorded AS (
        {insert} stored.id,
               CASE WHEN stored.withdrawal_id IS NULL AND plan.withdrawal_id IS NOT NULL THEN {withdrawn}
                    WHEN stored.withdrawal_id IS NOT NULL AND plan.withdrawal_id IS NULL THEN {restored}
                    ELSE {changed} END,
               {before}, plan.withdrawal_id
          FROM {plan} plan JOIN {table} stored ON stored.id = plan.stored_id
         WHERE NOT plan.is_added AND ROW({stored}) IS DISTINCT FROM ROW({planned})
        RETURNING action
        ) SELECT action, count(*) FROM recorded GROUP BY action
        """
    ).format(
        insert=INSERT,
        withdrawn=sql.Literal(ChangeAction.WITHDRAWN),
        restored=sql.Literal(ChangeAction.RESTORED),
        changed=sql.Literal(ChangeAction.CHANGED),
        before=earlier_values(columns, "stored", "plan"),
        plan=plan,
        table=table_of(kind),
        stored=sql.SQL(", ").join(sql.SQL("stored.{}").format(column) for column in columns),
        planned=sql.SQL(", ").join(sql.SQL("plan.{}").format(column) for column in columns),
    )
    cursor.execute(query, {"partner": partner, "batch": batch_id, "kind": kind.key})
    return dict(cursor.fetchall())


def record_withdrawn(moved: MovedRows, *, partner: int, batch_id: int) -> dict[str, int]:
    """Record the rows that the batch withdrew and that are still withdrawn by it. Returns their numbers by kind."""
    counts: dict[str, int] = {}
    for key in moved.rows:
        query = sql.SQL(
            "{} id, {}, jsonb_build_object('withdrawal_id', NULL), withdrawal_id FROM {} "
            "WHERE withdrawal_id = %(withdrawal)s ORDER BY id"
        ).format(INSERT, sql.Literal(ChangeAction.WITHDRAWN), table_of(kind_of(key)))
        values: dict[str, int | str | None] = {
            "partner": partner, "batch": batch_id, "kind": key, "withdrawal": moved.withdrawal_id,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            if cursor.rowcount:
                counts[key] = cursor.rowcount
    return counts
