"""Stores the outcome of a check or of writing with the batch, in place of an earlier one."""

from collections.abc import Mapping, Sequence

from django.db import connection
from django.db.models.functions import Now
from psycopg import sql

from accounts import audit
from accounts.scope import Scope
from imports import sample_data
from imports.effects import Effects, effects_data
from imports.models import BatchStatus, ChangeAction, ImportBatch, ImportFile, ImportProblem, ImportTable
from imports.pipeline import Outcome, Sheet
from imports.undo import UndoOutcome
from partner_portal.lib.rows.events import figures_settled, import_written

HIDDEN_SHEET = "hidden sheet"  # a notice; the page has its sentence
_SUMMARY = ("points_before", "points_after", "entries", "corrections", "clients")
_PROBLEM_COLUMNS = ("partner_id", "batch_id", "table_id", "row", "column", "value", "message", "accepted")


def add_tables(batch: ImportBatch, row: ImportFile, sheets: Sequence[Sheet], *, ask_hidden: bool = False) -> None:
    """Add the tables of a file to the batch. ask_hidden: leave the kinds of hidden sheets to a person."""
    ImportTable.objects.bulk_create(
        ImportTable(
            partner_id=batch.partner_id,
            batch=batch,
            file=row,
            sheet=sheet.name,
            kind="" if sheet.hidden and ask_hidden else sheet.kind,
            left_out=sheet.ignored,
            notices=[HIDDEN_SHEET] if sheet.hidden else [],
        )
        for sheet in sheets
    )


def points_summary(points: Mapping[str, object]) -> dict[str, object]:
    """The part of the ledger's summary that is stored with a batch."""
    return {name: points[name] for name in _SUMMARY if name in points}


def save_findings(batch: ImportBatch, tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """Store sizes, notices, counts and problems of the batch and its tables, in place of those of an earlier check."""
    checked = outcome.checked
    save_counts(tables, outcome)
    for number, table in enumerate(tables):
        hidden = [notice for notice in table.notices if notice == HIDDEN_SHEET]
        table.notices = [*hidden, *checked.notices[number]]
        table.errors = len(checked.problems[number])
        table.bad_rows = len(checked.bad_rows[number])
        table.rows = checked.rows[number]
        table.save()
    batch.rows = sum(table.rows for table in tables)
    batch.bad_rows = sum(table.bad_rows for table in tables)
    batch.errors = checked.errors
    batch.blocked = checked.blocked
    batch.problems_digest = outcome.digest
    effects = Effects.of_check(outcome.missing, outcome.points_of_missing, outcome.forgotten, tables)
    batch.effects = effects_data(effects)
    batch.problems.all().delete()
    if checked.errors:
        _write_problems(batch, tables, outcome)


def save_counts(tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """Store how many rows are new, changed and the same; null when nothing could be tried."""
    for number, table in enumerate(tables):
        counts = outcome.counts.get(number)
        if counts is None and outcome.counts:
            table.new = table.changed = table.same = 0
        else:
            table.new, table.changed, table.same = (counts.new, counts.changed, counts.same) if counts else (None,) * 3
        table.save()


def _write_problems(batch: ImportBatch, tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """Insert the problems through a temporary table: there may be a million, and COPY cannot write under row security."""
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
                for problem in problems:
                    target.write_row((
                        batch.partner_id, batch.pk, tables[number].pk, problem.row, problem.column,
                        problem.value.replace("\0", "\N{REPLACEMENT CHARACTER}"), problem.message, problem.accepted,
                    ))  # fmt: skip
        cursor.execute(
            sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM staged_problems").format(table, columns=columns)
        )
        cursor.execute("DROP TABLE staged_problems")


def finish(scope: Scope, batch: ImportBatch, tables: Sequence[ImportTable], outcome: Outcome) -> None:
    """Mark the batch as written, with what that changed."""
    save_counts(tables, outcome)
    batch.points = points_summary(outcome.points)
    batch.status = BatchStatus.COMMITTED
    batch.committed_at = Now()
    counts = outcome.counts.values()
    batch.added = sum(count.new for count in counts)
    batch.changed = sum(count.changed for count in counts)
    batch.withdrawn = outcome.withdrawn
    batch.recorded = True
    batch.save()
    audit.record(
        scope,
        "import.written",
        str(batch),
        rows=batch.rows,
        new=batch.added,
        changed=batch.changed,
        withdrawn=batch.withdrawn,
        left_out=batch.bad_rows if batch.skip_bad_rows else 0,
    )
    sample_data.note_written(scope, batch)
    import_written.send(ImportBatch, scope=scope, batch=batch)
    figures_settled.send(ImportBatch, scope=scope, rows=batch.added + batch.changed + batch.withdrawn)


def finish_undo(scope: Scope, batch: ImportBatch, outcome: UndoOutcome) -> None:
    """Mark an undo as written, with what it took back."""
    batch.effects = effects_data(Effects.of_undo(outcome))
    batch.rest = bool(outcome.left)
    batch.points = points_summary(outcome.points)
    batch.added = outcome.total(ChangeAction.RESTORED)
    batch.changed = outcome.total(ChangeAction.CHANGED)
    batch.withdrawn = outcome.total(ChangeAction.WITHDRAWN)
    batch.rows = batch.changes
    batch.recorded = True
    batch.status = BatchStatus.COMMITTED
    batch.committed_at = Now()
    batch.save()
    audit.record(
        scope,
        "import.undone",
        str(batch),
        undoes=f"#{batch.undoes_id}",
        restored=batch.added,
        changed=batch.changed,
        withdrawn=batch.withdrawn,
        left=len(outcome.left),
    )
    sample_data.note_written(scope, batch)
    figures_settled.send(ImportBatch, scope=scope, rows=batch.changes)
