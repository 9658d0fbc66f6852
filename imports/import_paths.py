"""Imports files by path in one go, as one batch: for the command."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from imports.checks import Source, Step
from imports.complete import WithdrawalPlan
from imports.fact_writer import Counts
from imports.models import BatchStatus, ImportBatch, ImportFile
from imports.pipeline import Outcome, Sheet, carry_out, read_source, sheets_of, silent
from imports.results import HIDDEN_SHEET, add_tables, finish, save_findings
from imports.tables import UnreadableFile
from partner_portal.lib.rows.facts import kind


class UnknownFileKindError(Exception):
    """Neither the name of the file at `path` nor that of a sheet in it is one of a kind."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


def import_paths(
    *,
    scope: Scope,
    paths: Sequence[Path],
    skip_bad_rows: bool,
    complete: Collection[str] | None = (),
    allowed_withdrawals: int | None = None,
    step: Step = silent,
) -> "PathsResult":
    """Check files and write them as one batch.

    complete: keys of kinds of which the files have every row; None for all kinds in the files. A batch with errors, or one
    that would withdraw many rows while `allowed_withdrawals` does not cover them, is stored as failed and writes no fact.
    Raises UnreadableFile for a workbook that cannot be opened, UnknownFileKindError, and MissingKindError for a complete kind
    that no file has.
    """
    scope.require(Permission.IMPORT)
    plans = [(path, _sheets_of_path(path)) for path in paths]
    present = [sheet.kind for _path, (sheets, _size) in plans for sheet in sheets if not sheet.ignored]
    if absent := sorted(set(complete or ()) - set(present)):
        raise MissingKindError(absent[0])
    with transaction.atomic():
        batch = ImportBatch.objects.create(partner=scope.partner, user=scope.user, status=BatchStatus.COMMITTING)
        tables, sources = [], []
        for place, (path, (sheets, unpacked)) in enumerate(plans):
            step("reading", place, len(plans))
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
                size = path.stat().st_size
                row = ImportFile.objects.create(
                    partner=scope.partner,
                    batch=batch,
                    name=path.name[:255],
                    size=size,
                    unpacked=unpacked,
                    sha256=content,
                )
                add_tables(batch, row, sheets)
                for table in row.tables.filter(left_out=False).order_by("id"):
                    tables.append(table)
                    label = f"{path}[{table.sheet}]" if table.sheet else str(path)
                    sources.append(read_source(label, kind(table.kind), file, table.sheet))
                    if HIDDEN_SHEET in table.notices:
                        sources[-1].table.notices.append(_("the sheet is hidden"))
        batch.complete = sorted(set(present) if complete is None else complete)
        batch.allowed_withdrawals = allowed_withdrawals
        outcome = carry_out(
            scope,
            sources,
            batch_id=batch.pk,
            plan=WithdrawalPlan(batch.complete),
            accept=lambda outcome: (
                (skip_bad_rows or not outcome.checked.errors) and outcome.missing.confirmed_by(allowed_withdrawals)
            ),
            trying=False,
            step=step,
        )
        batch.skip_bad_rows = skip_bad_rows and outcome.checked.errors > 0
        save_findings(batch, tables, outcome)
        if outcome.written:
            finish(scope, batch, tables, outcome)
        else:
            batch.status = BatchStatus.FAILED
            batch.note = (
                _("Nothing was imported: there are errors.")
                if batch.errors
                else _("Nothing was imported: many rows would be withdrawn, and their number was not confirmed.")
            )
            batch.save()
            audit.record(scope, "import.failed", str(batch), rows=batch.rows, errors=batch.errors)
    return PathsResult(batch, sources, outcome)


class MissingKindError(Exception):
    """No file is of a kind that was declared complete; the message is the kind's key."""


class PathsResult:
    """Result of `import_paths`: the batch, and every problem with the label of its source."""

    def __init__(self, batch: ImportBatch, sources: Sequence[Source], outcome: Outcome) -> None:
        self.batch = batch
        self.sources = sources
        self.outcome = outcome
        self.problems = [
            (source.label, problem)
            for source, problems in zip(sources, outcome.checked.problems, strict=True)
            for problem in problems
        ]

    @property
    def notices(self) -> list[tuple[str, str]]:
        """What was ignored without being an error, with the label of its source."""
        return [
            (source.label, notice)
            for source, notices in zip(self.sources, self.outcome.checked.notices, strict=True)
            for notice in notices
        ]

    def counts(self) -> list[tuple[str, Counts]]:
        """How many rows of every source were added and changed, with its label."""
        return [(source.label, self.outcome.counts.get(number, Counts())) for number, source in enumerate(self.sources)]

    @property
    def written(self) -> bool:
        """Whether the facts were written."""
        return self.batch.status == BatchStatus.COMMITTED


def _sheets_of_path(path: Path) -> tuple[list[Sheet], int]:
    try:
        with path.open("rb") as file:
            sheets, unpacked = sheets_of(path.name, file)
    except UnreadableFile as error:
        error.name = str(path)
        raise
    if any(not sheet.kind and not sheet.ignored for sheet in sheets):
        raise UnknownFileKindError(path)
    return sheets, unpacked
