"""Writes down what work on a batch found: sizes, counts and problems, in place of those of an earlier check."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from psycopg import sql

from imports.models import ImportBatch, ImportProblem, ImportTable
from imports.work import Outcome

_KEPT = ("points_before", "points_after", "entries", "corrections", "clients")
_PROBLEM_COLUMNS = ("partner_id", "batch_id", "table_id", "row", "column", "value", "message", "accepted")


def kept(outcome: Outcome) -> dict[str, Any]:
    """What of the ledger's summary a batch keeps."""
    return {name: outcome.points[name] for name in _KEPT if name in outcome.points}


def keep_findings(batch: ImportBatch, tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """Sizes, notices, counts and problems of the batch and its tables, in place of those of an earlier check."""
    checked = outcome.checked
    keep_counts(tables, outcome)
    for number, table in enumerate(tables):
        table.notices = checked.notices[number]
        table.errors = len(checked.problems[number])
        table.bad_rows = len(checked.bad_rows[number])
        table.rows = checked.rows[number]
        table.save()
    batch.rows = sum(table.rows for table in tables)
    batch.bad_rows = sum(table.bad_rows for table in tables)
    batch.errors = checked.errors
    batch.blocked = checked.blocked
    batch.problems_digest = outcome.digest
    batch.problems.all().delete()
    if checked.errors:
        _write_problems(batch, tables, outcome)


def keep_counts(tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """How many rows are new, changed and the same; unknown when nothing could be tried."""
    for number, table in enumerate(tables):
        counts = outcome.counts.get(number)
        if counts is None and outcome.counts:
            table.new = table.changed = table.same = 0
        else:
            table.new, table.changed, table.same = (counts.new, counts.changed, counts.same) if counts else (None,) * 3
        table.save()


def _write_problems(batch: ImportBatch, tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """Through a temporary table: there may be a million, and COPY does not write to a table with row-level security."""
    columns = sql.SQL(", ").join(map(sql.Identifier, _PROBLEM_COLUMNS))
    table = sql.Identifier(ImportProblem._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staged_problems")
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE staged_problems ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                columns, table
            )
        )
        with cursor.copy("COPY staged_problems FROM STDIN") as target:
            for number, problems in enumerate(outcome.checked.problems):
                for each in problems:
                    target.write_row((
                        batch.partner_id, batch.pk, tables[number].pk, each.row, each.column,
                        each.value.replace("\0", "\N{REPLACEMENT CHARACTER}"), each.message, each.accepted,
                    ))  # fmt: skip
        cursor.execute(
            sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM staged_problems").format(table, columns=columns)
        )
        cursor.execute("DROP TABLE staged_problems")
