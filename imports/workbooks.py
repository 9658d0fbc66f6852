"""Reads workbooks in a process of their own (`imports.xlsx`): no process of the portal parses one.

Only names, numbers and texts come over the pipe, as JSON. Whatever happens to the process is raised as UnreadableFile.
"""

import json
import logging
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import UnsupportedOperation
from pathlib import Path
from shutil import copyfileobj
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from imports.tables import Problem, UnreadableFile, shortened
from imports.xlsx.protocol import Answer, Finding, Request
from partner_portal.formats.numbers import whole
from partner_portal.lib.rows.column_types import DateCell, NumberCell

log = logging.getLogger(__name__)

SPARE_MEMORY = 256 << 20  # bytes of address space beside what the texts of a workbook may have
_ROOT = Path(__file__).resolve().parent.parent
_LONGEST_LINE = 64 << 20
_PATIENCE = 2  # times the limit of processor time, until a process that does not answer is killed
_KNOWN_TEXTS = 500_000


@dataclass(frozen=True, slots=True)
class Contents:
    """What a workbook holds."""

    sheets: list[str]  # their names, in order
    unpacked: int  # bytes of all parts together
    hidden: frozenset[str] = frozenset()  # names of hidden sheets


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row as it was read."""

    number: int
    cells: list[str]
    beyond: int  # the last used column beyond the header's, counted from 1; 0 for none
    first_beyond: str  # the first text there; "" for none
    hidden: bool = False


@dataclass(slots=True)
class OpenSheet:
    """A sheet while it is read."""

    header: list[str]
    rows: Iterator[SheetRow]
    problems: list[Problem]  # met so far
    hidden_columns: list[int]  # their places
    merged: list[str]  # ranges of merged cells, known after the last row
    formulas: dict[
        int, int
    ]  # cells with a formula by place, whose last calculated values are read; known after the last row


def contents(file: IO[bytes]) -> Contents:
    """The sheets and the unpacked size of a workbook. Raises UnreadableFile."""
    with _answers(file, None) as answers:
        first = _next_with(answers, "sheets")
        return Contents(first["sheets"], first["unpacked"], frozenset(first["hidden_sheets"]))


def headers(file: IO[bytes], sheets: Sequence[str]) -> dict[str, list[str]]:
    """The first row by sheet. Sheets from one that cannot be read onwards are missing."""
    rows: dict[str, list[str]] = {}
    try:
        with _answers(file, sheets, header_only=True) as answers:
            for answer in answers:
                if "header" in answer:
                    rows[answer["sheet"]] = [_cell(text) for text in answer["header"]]
    except UnreadableFile:
        pass
    return rows


@contextmanager
def open_sheet(file: IO[bytes], sheet: str, header_row: int = 1) -> Iterator[OpenSheet]:
    """A sheet while it is read. Raises UnreadableFile."""
    problems: list[Problem] = []
    merged: list[str] = []
    formulas: dict[int, int] = {}
    with _answers(file, [sheet], header_row=header_row) as answers:
        _next_with(answers, "sheets")
        first = _next_with(answers, "header")
        header = [_cell(text) for text in first["header"]]
        problems += _problems(header_row, header, first["findings"])
        rows = _rows(answers, header, problems, merged, formulas)
        yield OpenSheet(header, rows, problems, first["hidden_columns"], merged, formulas)


def first_rows(file: IO[bytes], sheet: str, rows: int) -> list[tuple[int, list[str]]]:
    """The first used rows of a sheet with their numbers, whatever its header is. Raises UnreadableFile."""
    top: list[tuple[int, list[str]]] = []
    with _answers(file, [sheet], header_row=0, first_rows=rows) as answers:
        for answer in answers:
            for number, _beyond, _first_beyond, _findings, cells, _hidden in answer.get("rows", ()):
                top.append((number, [_cell(text) for text in cells]))
    return top


def _rows(
    answers: Iterator[Answer],
    header: list[str],
    problems: list[Problem],
    merged: list[str],
    formulas: dict[int, int],
) -> Iterator[SheetRow]:
    known: dict[str, str] = {}
    for answer in answers:
        merged += answer.get("merged", ())
        formulas |= dict(answer.get("formulas", ()))
        for number, beyond, first_beyond, findings, cells, hidden in answer.get("rows", ()):
            if findings:
                problems += _problems(number, header, findings)
            for place, text in enumerate(cells):
                cell = known.get(text)
                if cell is None:
                    cell = known[text] = _cell(text)
                cells[place] = cell
            yield SheetRow(number, cells, beyond, _cell(first_beyond), hidden)
        if len(known) > _KNOWN_TEXTS:
            known.clear()


def _cell(text: str) -> str:
    """The text of a cell; its first character may say that it is a number or a day (`imports.xlsx.cell_text`)."""
    mark = text[:1]
    if mark == "\x01":
        return NumberCell(text[1:])
    if mark == "\x02":
        return DateCell(text[1:])
    return text[1:] if mark == "\x00" else text


def _problems(number: int, header: Sequence[str], findings: Sequence[Finding]) -> list[Problem]:
    """Formulas without a calculated value, and error values: what they stand for is not certain."""
    problems = []
    for place, kind, text in findings:
        if kind == "f":
            accepted = _("the file opened and saved in a spreadsheet program once, or the value itself")
            message = _("a formula without a calculated value")
            problems.append(Problem(number, header[place], shortened(text), message, accepted))
        else:
            problems.append(Problem(number, header[place], text, _("an error value"), _("a value, or an empty cell")))
    return problems


# The process


@contextmanager
def _answers(
    file: IO[bytes],
    sheets: Sequence[str] | None,
    *,
    header_only: bool = False,
    header_row: int = 1,
    first_rows: int = 0,
) -> Iterator[Iterator[Answer]]:
    """The answers of the process, which ends with the block. Raises UnreadableFile."""
    request: Request = {
        "sheets": None if sheets is None else list(sheets),
        "header_only": header_only,
        "header_row": header_row,
        "first_rows": first_rows,
        "unpacked": settings.IMPORT_UNPACKED_BYTES,
        "memory": settings.IMPORT_UNPACKED_BYTES + SPARE_MEMORY,
        "seconds": settings.IMPORT_WORKBOOK_SECONDS,
    }
    with _with_descriptor(file) as source:
        # Neither site-packages nor an environment: the process knows no secret and no address.
        process = subprocess.Popen(  # noqa: S603 -- our own module, its arguments are JSON
            [sys.executable, "-S", "-E", "-B", "-m", "imports.xlsx.process", json.dumps(request)],
            cwd=_ROOT,
            env={},
            stdin=source.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield _checked(process)
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


@contextmanager
def _with_descriptor(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file itself when it has a file descriptor, otherwise a copy that has one."""
    file.seek(0)
    if _has_descriptor(file):
        file.flush()
        yield file
        file.seek(0)
        return
    with tempfile.TemporaryFile() as copy:
        copyfileobj(file, copy)
        copy.flush()
        file.seek(0)
        yield copy


def _has_descriptor(file: IO[bytes]) -> bool:
    try:
        file.fileno()
    except (OSError, UnsupportedOperation, AttributeError):
        return False
    return True


def _next_with(answers: Iterator[Answer], key: str) -> Answer:
    """The next answer. Raises UnreadableFile when it does not have the key."""
    answer = next(answers, Answer())
    if key not in answer:
        raise _unreadable("died", {})
    return answer


def _checked(process: subprocess.Popen[bytes]) -> Iterator[Answer]:
    """Answers up to the last one. Raises UnreadableFile when the workbook is rejected or the process ends before that."""
    for line in _lines(process):
        try:
            answer: Answer = json.loads(line)
        except ValueError:
            break
        if "refused" in answer:
            raise _unreadable(answer["refused"], answer["details"])
        if "complete" in answer:
            return
        yield answer
    process.kill()
    status = process.wait()
    log.warning("The process that read a workbook ended with %s.", status)
    raise _unreadable("out_of_time" if status == -24 else "out_of_memory" if status == -6 else "died", {})


def _lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout is not None  # noqa: S101 -- for the type
    descriptor = process.stdout.fileno()
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    rest = b""
    while True:
        if not waiting.poll(settings.IMPORT_WORKBOOK_SECONDS * _PATIENCE * 1000):
            raise _unreadable("out_of_time", {})
        data = os.read(descriptor, 1 << 20)
        if not data or len(rest) > _LONGEST_LINE:
            return
        *lines, last = data.split(b"\n")
        if lines:
            yield rest + lines[0]
            yield from lines[1:]
            rest = last
        else:
            rest += last


# Sentences


def _unreadable(code: str, details: dict[str, str | int]) -> UnreadableFile:
    """The sentence for a code of `WorkbookError`, or for a process that died."""
    most = int(details.get("most", 0))
    values = details | {
        "megabytes": whole(most // 2**20),
        "most": whole(most),
    }
    message, accepted = _sentences().get(code) or _sentences()["damaged"]
    return UnreadableFile(message % values, accepted % values)


def _sentences() -> dict[str, tuple[str, str]]:
    """What is wrong and what is accepted, by code."""
    workbook = _("a workbook saved as .xlsx, or CSV")
    saved_again = _("a workbook saved again by a spreadsheet program, or CSV")
    smaller = _("fewer rows and columns, or CSV")
    return {
        "not_a_workbook": (_("the file is not a workbook, or a damaged one"), workbook),
        "damaged": (_("the file is not a workbook, or a damaged one"), workbook),
        "encrypted": (_("the workbook is behind a password"), _("a workbook saved as .xlsx, without one")),
        "nested": (_("there is an archive in it: %(part)s"), saved_again),
        "duplicate_part": (_("it holds the part %(part)s twice"), saved_again),
        "overlap": (_("parts of it overlap: %(part)s"), saved_again),
        "false_size": (_("the part %(part)s has another size than the file says"), saved_again),
        "too_many_parts": (_("it has more than %(most)s parts"), saved_again),
        "too_large": (_("unpacked it is larger than %(megabytes)s MB"), smaller),
        "part_too_large": (_("its part %(part)s is larger than %(megabytes)s MB unpacked"), smaller),
        "too_much_text": (_("the texts of its cells are together larger than %(megabytes)s MB"), smaller),
        "strange_xml": (_("its XML is not that of a workbook"), saved_again),
        "too_many_sheets": (_("it has more than %(most)s sheets"), _("a workbook with fewer sheets")),
        "no_sheet": (_("the sheet “%(sheet)s” is not in the file"), saved_again),
        "too_many_columns": (
            _("sheet “%(sheet)s” has %(columns)s columns; a file may have %(most)s"),
            _("only the columns that are needed"),
        ),
        "cell_outside": (
            _("sheet “%(sheet)s”, cell %(cell)s: there is no such cell"),
            _("cells from A1 to XFD1048576"),
        ),
        "row_outside": (_("sheet “%(sheet)s”, row %(row)s: there is no such row"), _("rows from 1 to 1048576")),
        "row_order": (_("sheet “%(sheet)s”, row %(row)s: its rows are not in order"), saved_again),
        "cell_twice": (_("sheet “%(sheet)s”, cell %(cell)s: it is there twice, or not in order"), saved_again),
        "cell_misplaced": (_("sheet “%(sheet)s”, cell %(cell)s: it stands in row %(row)s"), saved_again),
        "cell_value": (_("sheet “%(sheet)s”, cell %(cell)s: its value cannot be read"), saved_again),
        "long_text": (_("a cell has more than %(most)s characters"), _("shorter texts")),
        "long_row": (_("sheet “%(sheet)s”, row %(row)s: its texts are too long"), _("shorter texts")),
        "out_of_memory": (_("reading it takes more memory than it may"), smaller),
        "out_of_time": (_("reading it takes longer than it may"), smaller),
        "died": (_("reading it ended unexpectedly"), saved_again),
    }
