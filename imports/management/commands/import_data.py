"""Command `import_data SLUG FILE... [--on DATE] [--skip-bad-rows] [--complete KINDS [--allow-withdrawals N]]`."""

from argparse import ArgumentTypeError
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.utils import translation

from accounts.models import Partner
from accounts.scope import partner_scope, system_scope
from imports import import_paths
from imports.effects import MOST_PAIRS
from imports.pipeline import ENDINGS, ending_of
from imports.tables import Problem, UnreadableFile
from partner_portal.lib import arguments
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.facts import kinds


class Command(BaseCommand):
    help = "Check files of facts and write them as one batch: all of it, or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(kind.key for kind in kinds())
        parser.add_argument("slug", help="the partner's short name")
        parser.add_argument(
            "files",
            nargs="+",
            type=Path,
            metavar="FILE",
            help=f"CSV, or XLSX with sheets, named after what is in it: {names}",
        )
        parser.add_argument("--on", type=arguments.day, metavar="DATE", help="today for this run")
        parser.add_argument(
            "--skip-bad-rows", action="store_true", help="write the good rows and leave the bad ones out"
        )

        parser.add_argument(
            "--complete",
            type=_kinds,
            default=(),
            metavar="KIND[,KIND...]",
            help="of these kinds the files have every row: withdraw what is not in them; all: of every kind in the files",
        )
        parser.add_argument(
            "--allow-withdrawals",
            type=arguments.whole,
            metavar="N",
            help="withdraw up to so many rows, where that is more than a few",
        )

    def handle(
        self,
        *_args: object,
        slug: str,
        files: list[Path],
        on: date | None,
        skip_bad_rows: bool,
        complete: Collection[str] | None,
        allow_withdrawals: int | None,
        **options: Any,
    ) -> None:
        partner = Partner.objects.filter(slug=slug).first()
        if partner is None:
            raise CommandError(f"There is no partner “{slug}”.", returncode=2)
        _refuse_wrong_names(files)
        terminal = _Terminal(self.stderr if options["verbosity"] else None)
        with clock.moved_to(on), translation.override("en"), partner_scope(partner):
            try:
                result = import_paths.import_paths(
                    scope=system_scope(partner),
                    paths=files,
                    skip_bad_rows=skip_bad_rows,
                    complete=complete,
                    allowed_withdrawals=allow_withdrawals,
                    step=terminal,
                )
            except import_paths.MissingKindError as error:
                raise CommandError(f"--complete {error}: none of the files has {error}.", returncode=2) from error
            except import_paths.UnknownFileKindError as error:
                raise CommandError(_no_kind(error.path), returncode=2) from error
            except UnreadableFile as error:
                self.stderr.write(_line(error.name, error.problem))
                raise CommandError("Nothing was imported: 1 error.", returncode=1) from error
        terminal.clear()
        for label, problem in result.problems:
            self.stderr.write(_line(label, problem))
        if not result.written:
            self._explain_withdrawals(result)
            reason = _count(len(result.problems), "error") if result.problems else "the withdrawals are not confirmed"
            raise CommandError(f"Nothing was imported: {reason}.", returncode=1)
        if options["verbosity"]:
            self._report(result)

    def _explain_withdrawals(self, result: "import_paths.PathsResult") -> None:
        """Say what keeps complete files from being written, besides errors."""
        for table, notice in result.notices:
            self.stderr.write(f"{table}: {notice}")
        self._name_forgotten(result, self.stderr)
        missing = result.outcome.missing
        if missing.confirmed_by(result.batch.allowed_withdrawals):
            return
        for key, rows in missing.guarded.items():
            self.stderr.write(f"{rows} of {missing.stored[key]} {key} would be withdrawn")
        self.stderr.write(f"If that is right, repeat with --allow-withdrawals {sum(missing.guarded.values())}.")

    def _name_forgotten(self, result: "import_paths.PathsResult", stream: OutputWrapper) -> None:
        """Name what looks forgotten: stored rows that the files do not have, and new rows that look like one of them."""
        forgotten = result.outcome.forgotten
        for key, pks in forgotten.missing.items():
            are = "is" if len(pks) == 1 else "are"
            stream.write(
                f"{key}: {len(pks)} of {_count(forgotten.stored[key], 'stored row')} {are} not in these files; "
                f"--complete {key} withdraws what is missing"
            )
        for pair in forgotten.pairs[:MOST_PAIRS]:
            stream.write(f"{result.sources[pair.source].label}: row {pair.row}: {pair.message}")
        if len(forgotten.pairs) > MOST_PAIRS:
            stream.write(f"{_count(len(forgotten.pairs) - MOST_PAIRS, 'more row')} like these")

    def _report(self, result: "import_paths.PathsResult") -> None:
        batch = result.batch
        for table, notice in result.notices:
            self.stdout.write(f"{table}: {notice}")
        self._name_forgotten(result, self.stdout)
        for table, counts in result.counts():
            self.stdout.write(
                f"{table}: {_count(counts.new, 'new row')}, {counts.changed} changed, {counts.same} unchanged"
            )
        for key, rows in result.outcome.missing.moved.counts.items():
            self.stdout.write(f"{key}: {_count(rows, 'row')} withdrawn")
        left_out = f", {batch.bad_rows} left out" if batch.skip_bad_rows else ""
        entries = batch.points.get("entries", 0)
        self.stdout.write(
            f"Batch {batch} is written: {_count(batch.rows, 'row')}{left_out}, {_count(entries, 'ledger entry')}."
        )


class _Terminal:
    """Shows the phase on one line of a terminal, and nothing when the output goes to a file."""

    def __init__(self, stream: OutputWrapper | None) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None

    def __call__(self, phase: str, done: int, total: int) -> None:
        if self._stream is not None:
            self._stream.write(f"\r{phase} {f'{done} of {total}' if total else '...'}\x1b[K", ending="")

    def clear(self) -> None:
        if self._stream is not None:
            self._stream.write("\r\x1b[K", ending="")


def _kinds(text: str) -> list[str] | None:
    """Keys of kinds; None for `all`. Raises ArgumentTypeError."""
    names = [name.strip() for name in text.split(",")]
    if names == ["all"]:
        return None
    known = [kind.key for kind in kinds()]
    for name in names:
        if name not in known:
            raise ArgumentTypeError(f"“{name}” is not a kind; accepted: all, {', '.join(known)}")
    return names


def _refuse_wrong_names(files: list[Path]) -> None:
    for path in files:
        if ending_of(path.name) not in ENDINGS:
            raise CommandError(
                f"{path}: only CSV (.csv, .tsv, .txt) and Excel (.xlsx, .xlsm) files can be imported.", returncode=2
            )
        if not path.is_file():
            raise CommandError(f"{path}: there is no such file.", returncode=2)


def _no_kind(path: Path) -> str:
    names = ", ".join(kind.key for kind in kinds())
    return f"{path}: neither the file's name nor a sheet's says what it holds; accepted: {names}."


def _line(label: str, problem: Problem) -> str:
    """`FILE:ROW: COLUMN: what is wrong`, on one line whatever the value holds; `*` for a row as a whole."""
    value = f" ({problem.value!r})" if problem.value else ""
    accepted = f"; accepted: {problem.accepted}" if problem.accepted else ""
    return f"{label}:{problem.row}: {problem.column or '*'}: {problem.message}{value}{accepted}"


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"
