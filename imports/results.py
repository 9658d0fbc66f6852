"""Writes down what is in a batch, and what work on it found, in place of what an earlier check found."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from psycopg import sql

from accounts import audit
from accounts.scope import Scope
from imports.models import BatchStatus, ImportBatch, ImportFile, ImportProblem, ImportTable
from imports.pipeline import Outcome, Sheet

_KEPT = ("points_before", "points_after", "entries", "corrections", "clients")
_PROBLEM_COLUMNS = ("partner_id", "batch_id", "table_id", "row", "column", "value", "message", "accepted")


def add_tables(batch: ImportBatch, row: ImportFile, sheets: Sequence[Sheet]) -> None:
    """The tables of a file of the batch."""
    ImportTable.objects.bulk_create(
        ImportTable(
            partner_id=batch.partner_id,
            batch=batch,
            file=row,
            sheet=sheet.name,
            kind=sheet.kind,
            left_out=sheet.passed_over,
        )
        for sheet in sheets
    )


def kept(outcome: Outcome) -> dict[str, Any]:
    """What of the ledger's summary a batch keeps."""
    return {name: outcome.points[name] for name in _KEPT if name in outcome.points}


def save_findings(batch: ImportBatch, tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """Sizes, notices, counts and problems of the batch and its tables, in place of those of an earlier check."""
    checked = outcome.checked
    save_counts(tables, outcome)
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


def save_counts(tables: Sequence[ImportTable], outcome: Outcome) -> None:
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


def finish(scope: Scope, batch: ImportBatch, tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """The facts are written: note what that did."""
    save_counts(tables, outcome)
    batch.points = kept(outcome)
    batch.status = BatchStatus.COMMITTED
    batch.committed_at = Now()
    counts = outcome.counts.values()
    batch.changes = sum(each.new + each.changed for each in counts)
    batch.save()
    audit.record(
        scope,
        "import.written",
        str(batch),
        rows=batch.rows,
        new=sum(each.new for each in counts),
        changed=sum(each.changed for each in counts),
        left_out=batch.bad_rows if batch.skip_bad_rows else 0,
    )
