"""Imports files by path in one go, as one batch: for the command."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from imports.checks import Source, Step
from imports.fact_writer import Counts
from imports.models import BatchStatus, ImportBatch, ImportFile
from imports.pipeline import Outcome, Sheet, check_sources, read_source, sheets_of, silent, write_checked
from imports.results import HIDDEN_SHEET, add_tables, finish, save_findings
from imports.tables import UnreadableFile
from partner_portal.lib.rows.facts import kind


class UnknownFileKindError(Exception):
    """Neither the name of the file at `path` nor that of a sheet in it is one of a kind."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


def import_paths(*, scope: Scope, paths: Sequence[Path], skip_bad_rows: bool, step: Step = silent) -> "PathsResult":
    """Check files and write them as one batch.

    A batch with errors is stored as failed, with its errors, and writes no fact. Raises UnreadableFile for a workbook that
    cannot be opened, UnknownFileKindError.
    """
    scope.require(Permission.IMPORT)
    plans = [(path, _sheets_of_path(path)) for path in paths]
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
        checked = check_sources(scope, sources, step)
        batch.skip_bad_rows = skip_bad_rows and checked.errors > 0
        if checked.blocked or (checked.errors and not skip_bad_rows):
            outcome = Outcome(checked)
            save_findings(batch, tables, outcome)
            batch.status = BatchStatus.FAILED
            batch.note = _("Nothing was imported: there are errors.")
            batch.save()
            audit.record(scope, "import.failed", str(batch), rows=batch.rows, errors=batch.errors)
        else:
            outcome = write_checked(scope, checked, batch_id=batch.pk, step=step)
            save_findings(batch, tables, outcome)
            finish(scope, batch, tables, outcome)
    return PathsResult(batch, sources, outcome)


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
