"""Reading step: CSV files and sheets as tables of texts. Nothing is interpreted: `NA` stays NA, an empty cell is "".

CSV is read by Python's own reader and not by pandas', which loses row numbers: it leaves out rows that it cannot split, or
rejects the file at the first. Workbooks are read by a process of their own (`imports.workbooks`).
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from typing import IO

from django.utils.translation import gettext as _

from imports import workbooks
from imports.tables import Problem, Table, UnreadableFile, shortened
from imports.xlsx.sheet import MOST_COLUMNS
from partner_portal.formats.numbers import whole

MOST_SEPARATORS = 100_000  # in one row of a CSV file, those inside of quotes too
MOST_CHARACTERS = 1 << 22  # of one row of a CSV file
MOST_PROBLEMS = 100_000  # of a table: with more of them the file as a whole is wrong
_CHUNK = 1 << 20
_ROWS = 20_000  # that are turned into columns at once
_OFFICE_FILE = b"\xd0\xcf\x11\xe0"  # the older Excel format, or a workbook behind a password

csv.field_size_limit((1 << 31) - 1)  # a long cell is read, and then reported as too long

type Needed = Callable[[list[str]], Collection[int]]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table while it is read."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]  # with their numbers; blank rows are left out
    problems: list[Problem]  # met so far


def read_csv(file: IO[bytes], needed: Needed | None = None) -> Table:
    """The table of a CSV file: UTF-8 with or without a mark, separated by `,` or `;`.

    needed: returns the places of the wanted columns of a header; the others are in the header only. None for all columns.
    Raises UnreadableFile: not UTF-8, no header, too many columns, a quote that never closes.
    """
    with _csv(file) as (rows, separator):
        table = _table("", rows, needed)
    if separator == ";":
        table.notices.append(_("separator ; found"))
    return table


def read_sheet(file: IO[bytes], sheet: str, needed: Needed | None = None) -> Table:
    """One sheet of a workbook. Formulas and error values are problems: what they stand for is not certain.

    `needed` as for `read_csv`. Raises UnreadableFile: not a workbook, too large, too many columns, no header.
    """
    with _sheet(file, sheet) as rows:
        return _table(sheet, rows, needed)


@contextmanager
def rows_of(file: IO[bytes], sheet: str) -> Iterator[Rows]:
    """A sheet, or with `sheet` "" a CSV file, row by row. Raises UnreadableFile."""
    if sheet:
        with _sheet(file, sheet) as rows:
            yield rows
    else:
        with _csv(file) as (rows, _separator):
            yield rows


def read_headers(file: IO[bytes], sheets: Collection[str]) -> dict[str, list[str]]:
    """The first row of each sheet, or of a CSV file, whose only sheet is ""; sheets that cannot be read are missing.

    Raises UnreadableFile for a CSV file that cannot be read.
    """
    if "" not in sheets:
        return workbooks.headers(file, list(sheets))
    _check_encoding(file)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        return {"": _checked_header(_first(_numbered(text, _separator(text))))}
    finally:
        text.detach()


def workbook_contents(file: IO[bytes]) -> workbooks.Contents:
    """The names of a workbook's sheets and its unpacked size. Raises UnreadableFile."""
    _check_format(file)
    return workbooks.contents(file)


def _table(sheet: str, rows: Rows, needed: Needed | None) -> Table:
    places = sorted(needed(rows.header)) if needed else list(range(len(rows.header)))
    numbers: list[int] = []
    columns: list[list[str]] = [[] for _place in places]
    # Most texts occur many times; storing them once saves most of the memory of a large file.
    known: dict[str, str] = {}
    for chunk in batched(rows.rows, _ROWS, strict=False):
        numbers += [number for number, _row in chunk]
        for column, place in zip(columns, places, strict=True):
            for _number, row in chunk:
                cell = row[place]
                column.append(known.setdefault(trimmed := cell.strip(), trimmed) if type(cell) is str else cell)
        if len(known) > 500_000:
            known.clear()
    import pandas as pd

    frame = pd.DataFrame(dict(zip(places, columns, strict=True)), index=pd.Index(numbers, dtype="int64"), dtype=object)
    return Table(sheet, rows.header, frame, rows.problems)


def _checked_header(header: list[str]) -> list[str]:
    """The header without empty cells at its end. Raises UnreadableFile."""
    while header and not header[-1]:
        header.pop()
    if not header:
        raise UnreadableFile(_("no header"), _("a first row with the names of the columns"))
    if len(header) > MOST_COLUMNS:
        raise _too_wide(whole(len(header)))
    return header


def _too_wide(width: str) -> UnreadableFile:
    return UnreadableFile(
        _("%(found)s columns; a file may have %(most)s") % {"found": width, "most": MOST_COLUMNS},
        _("only the columns that are needed"),
    )


def _too_many(cells: int, width: int, number: int, value: str) -> Problem:
    return Problem(
        number,
        "",
        shortened(value.strip()),
        _("%(found)s cells, but the header has %(width)s") % {"found": cells, "width": width},
        _("as many cells as the header; a separator inside a text needs quotes around it"),
    )


def _capped(rows: Iterator[tuple[int, list[str]]], problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """The rows, until there are too many problems to list. Raises UnreadableFile."""
    for row in rows:
        if len(problems) > MOST_PROBLEMS:
            break
        yield row
    if len(problems) > MOST_PROBLEMS:
        raise UnreadableFile(
            _("more than %(most)s cells or rows cannot be used, such as this one: %(message)s")
            % {"most": whole(MOST_PROBLEMS), "message": problems[0].message},
            problems[0].accepted,
            problems[0].row,
        )


# CSV


@contextmanager
def _csv(file: IO[bytes]) -> Iterator[tuple[Rows, str]]:
    """The rows of a CSV file, and its separator."""
    _check_encoding(file)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        separator = _separator(text)
        numbered = _numbered(text, separator)
        header = _checked_header(_first(numbered))
        problems: list[Problem] = []
        yield Rows(header, _capped(_of_width(numbered, len(header), problems), problems), problems), separator
    finally:
        text.detach()


def _first(rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    _one, header = next(rows, (1, []))
    return [cell.strip() for cell in header]


def _of_width(
    rows: Iterator[tuple[int, list[str]]], width: int, problems: list[Problem]
) -> Iterator[tuple[int, list[str]]]:
    """Rows with anything in them, each with as many cells as the header."""
    for number, row in rows:
        if len(row) != width:
            if any(cell.strip() for cell in row[width:]):
                problems.append(_too_many(len(row), width, number, row[width]))
            row = row[:width] + [""] * (width - len(row))
        if any(row) and any(cell.strip() for cell in row):
            yield number, row


class _Lines:
    """The lines of a text, counted since the last row: a row may have only so many separators and characters."""

    def __init__(self, text: io.TextIOWrapper, separator: str) -> None:
        self._text, self._separator = text, separator
        self._separators = self._characters = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(MOST_CHARACTERS + 1):
            self._separators += line.count(self._separator)
            self._characters += len(line)
            if self._separators > MOST_SEPARATORS:
                raise _TooLongError(_("more than %(most)s separators in this row"), MOST_SEPARATORS)
            if self._characters > MOST_CHARACTERS:
                raise _TooLongError(_("more than %(most)s characters in this row"), MOST_CHARACTERS)
            yield line

    def row_ends(self) -> None:
        """The next line begins a row."""
        self._separators = self._characters = 0


class _TooLongError(Exception):
    """A row that is longer than any that is meant."""

    def __init__(self, message: str, most: int) -> None:
        super().__init__(message % {"most": whole(most)})


def _check_encoding(file: IO[bytes]) -> None:
    """Raises UnreadableFile, naming the line, when the bytes are not UTF-8. Leaves the file at its beginning."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, start = 1, file.read(4)
    accepted = _("a file saved as UTF-8 (in Excel: “CSV UTF-8”)")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableFile(_("the file is UTF-16, not UTF-8"), accepted)
    if start.startswith((b"PK\x03\x04", _OFFICE_FILE)):
        raise UnreadableFile(_("the file is a workbook, not CSV"), _("the ending .xlsx, or a file saved as CSV"))
    file.seek(0)
    while chunk := file.read(_CHUNK):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise UnreadableFile(_("the file is not UTF-8 (line %(line)s)") % {"line": line}, accepted) from None
        line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise UnreadableFile(_("the file is not UTF-8: it ends inside a character"), accepted) from None
    file.seek(0)


def _separator(text: io.TextIOWrapper) -> str:
    """`;` when the header has more of them than of commas, quotes left aside. Leaves the text at its beginning."""
    header = re.sub(r'"[^"]*"', "", text.readline(100_000))
    text.seek(0)
    return ";" if header.count(";") > header.count(",") else ","


def _numbered(text: io.TextIOWrapper, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with their numbers, the header's is 1; a line break inside quotes does not start a new one."""
    lines = _Lines(text, separator)
    number = 0
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=separator, strict=True), 1):
            lines.row_ends()
            yield number, row  # the last good row's number names the bad one
    except _TooLongError as error:
        raise UnreadableFile(str(error), _("shorter rows, and quotes that close"), row=number + 1) from None
    except csv.Error as error:
        if "unexpected end" in str(error):
            message = _("a quote that opens in this row never closes")
        else:
            message = _("quotes are wrong: after the closing quote comes something else than a separator")
        raise UnreadableFile(
            message, _('a quote inside a quoted text written twice, as in "1"" pipe"'), row=number + 1
        ) from None


# Workbooks


@contextmanager
def _sheet(file: IO[bytes], sheet: str) -> Iterator[Rows]:
    _check_format(file)
    with workbooks.open_sheet(file, sheet) as (header, rows, problems):
        header = _checked_header(header)
        yield Rows(header, _capped(_of_sheet(rows, len(header), problems), problems), problems)


def _of_sheet(
    rows: Iterator[workbooks.SheetRow], width: int, problems: list[Problem]
) -> Iterator[tuple[int, list[str]]]:
    """As `_of_width`, of rows without what is empty at their end."""
    for row in rows:
        if row.beyond:
            problems.append(_too_many(row.beyond, width, row.number, row.first_beyond))
        cells = row.cells
        if any(cells):
            yield row.number, cells + [""] * (width - len(cells))


def _check_format(file: IO[bytes]) -> None:
    """Raises UnreadableFile."""
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    if start == _OFFICE_FILE:
        raise UnreadableFile(
            _("the workbook is in the old Excel format or behind a password"),
            _("a workbook saved as .xlsx, without one"),
        )
