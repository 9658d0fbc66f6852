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
from dataclasses import dataclass, field
from itertools import batched
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from imports import workbooks
from imports.cells.encodings import Candidate, candidates
from imports.cells.header_row import LOOKED_AT, header_row
from imports.cells.invisible import without_invisible
from imports.cells.vocabulary import folded
from imports.reading_options import LEAVE_OUT, ReadingOptions
from imports.tables import Problem, Table, UnreadableFile, shortened
from imports.xlsx.sheet import MOST_COLUMNS, place_of
from partner_portal.formats.numbers import whole

MOST_SEPARATORS = 100_000  # in one row of a CSV file, those inside of quotes too
MOST_CHARACTERS = 1 << 22  # of one row of a CSV file
MOST_PROBLEMS = 100_000  # of a table: with more of them the file as a whole is wrong
_CHUNK = 1 << 20
_ROWS = 20_000  # that are turned into columns at once
_OFFICE_FILE = b"\xd0\xcf\x11\xe0"  # the older Excel format, or a workbook behind a password

csv.field_size_limit((1 << 31) - 1)  # a long cell is read, and then reported as too long

SEPARATORS = (",", ";", "\t", "|")
_NO_NAMES: frozenset[str] = frozenset()
_SEPARATOR_LINE = re.compile(r'\ufeff*"?sep=(.)"?\s*')
_RANGE = re.compile(r"([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")

type Needed = Callable[[list[str]], Collection[int]]


@dataclass(slots=True)
class Rows:
    """A table while it is read."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]  # with their numbers; blank rows are left out
    problems: list[Problem]  # met so far
    header_row: int = 1
    likely_header: int = 0  # another row that looks like the header; 0 for none
    separator: str = ","  # of a CSV file
    hidden_rows: int = 0  # met so far
    hidden_columns: list[str] = field(default_factory=list)  # names
    merged: list[str] = field(default_factory=list)  # ranges of merged cells, known after the last row
    formulas: dict[int, int] = field(default_factory=dict)  # cells with a formula by place, known after the last row


def read_table(
    file: IO[bytes],
    sheet: str,
    needed: Needed | None = None,
    options: ReadingOptions = ReadingOptions(),  # noqa: B008 -- frozen
    names: Collection[str] = _NO_NAMES,
) -> Table:
    """The table of a sheet, or with `sheet` "" of a CSV file: UTF-8, unless the options say otherwise.

    Formulas that were never calculated, error values and merged cells of a sheet are problems: what they stand for is not
    certain.
    needed: returns the places of the wanted columns of a header; the others are in the header only. None for all columns.
    names:  folded names of columns, by which a header is known that is not in the first row.
    Raises UnreadableFile: another encoding, no header, too many columns, a quote that never closes, not a workbook.
    """
    with rows_of(file, sheet, options, names) as rows:
        table = _table(sheet, rows, needed)
    if rows.separator in _SEPARATOR_NAMES:
        table.notices.append(str(_SEPARATOR_NAMES[rows.separator]))
    table.header_row, table.likely_header = rows.header_row, rows.likely_header
    table.hidden_rows, table.hidden_columns = rows.hidden_rows, rows.hidden_columns
    table.problems += _merged_problems(rows, set(table.rows.index))
    if formulas := sum(rows.formulas.get(int(place), 0) for place in table.rows.columns):
        notice = ngettext(
            "%(count)s cell holds a formula: its last calculated value is used",
            "%(count)s cells hold formulas: their last calculated values are used",
            formulas,
        )
        table.notices.append(notice % {"count": whole(formulas)})
    return table


_SEPARATOR_NAMES = {
    ";": gettext_lazy("separator ; found"),
    "\t": gettext_lazy("columns separated by tabs"),
    "|": gettext_lazy("columns separated by |"),
}


@contextmanager
def rows_of(
    file: IO[bytes],
    sheet: str,
    options: ReadingOptions = ReadingOptions(),  # noqa: B008 -- frozen
    names: Collection[str] = _NO_NAMES,
) -> Iterator[Rows]:
    """A sheet, or with `sheet` "" a CSV file, row by row, as for `read_table`. Raises UnreadableFile."""
    with _sheet(file, sheet, options, names) if sheet else _csv(file, options, names) as rows:
        yield rows


def read_headers(file: IO[bytes], sheets: Collection[str], names: Collection[str] = _NO_NAMES) -> dict[str, list[str]]:
    """The likely header of each sheet, or of a CSV file, whose only sheet is "", in the encoding that fits.

    Sheets that cannot be read are missing. Raises UnreadableFile for a CSV file that cannot be read.
    """
    if "" in sheets:
        options = ReadingOptions(encoding=next((fit.encoding for fit in encodings_of(file)), ""))
        with _csv(file, options, names) as rows:
            if not rows.likely_header:
                return {"": rows.header}
        top = dict(first_rows(file, "", options))
        return {"": _clean_header(top[rows.likely_header])}
    headers = {sheet: _clean_header(header) for sheet, header in workbooks.headers(file, list(sheets)).items()}
    for sheet, header in headers.items():
        likely, top = _likely_in_sheet(file, sheet, header, names)
        if likely:
            headers[sheet] = _clean_header(top[likely])
    return headers


def first_rows(file: IO[bytes], sheet: str, options: ReadingOptions) -> list[tuple[int, list[str]]]:
    """The first rows with anything in them, with their numbers: one of them is the header. Raises UnreadableFile."""
    if sheet:
        _check_format(file)
        return workbooks.first_rows(file, sheet, LOOKED_AT)
    with _text(file, options) as text:
        _marked, _separator, rows = _dialect(text, _NO_NAMES)
        return [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]


def encodings_of(file: IO[bytes]) -> list[Candidate]:
    """Encodings other than UTF-8 that fit a CSV file; none for UTF-8 and for workbooks."""
    file.seek(0)
    start = file.read(_CHUNK)
    file.seek(0)
    if start.startswith((b"PK\x03\x04", _OFFICE_FILE)):
        return []
    fitting = candidates(start)
    if fitting or _first_wrong_line(file) is None:
        return fitting
    file.seek(0)
    return candidates(file.read())


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
    """The cleaned header. Raises UnreadableFile."""
    header = _clean_header(header)
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
def _csv(file: IO[bytes], options: ReadingOptions, names: Collection[str]) -> Iterator[Rows]:
    with _text(file, options) as text:
        marked, separator, top = _dialect(text, names)
        likely = 0 if options.header_row else _likely_row(list(enumerate(top, 1)), names)
        numbered = _numbered(text, separator, skip=marked)
        row = options.header_row or 1
        try:
            header = _checked_header(_at_row(numbered, row))
        except UnreadableFile as error:
            error.asks = likely > 0
            raise
        problems: list[Problem] = []
        rows = _capped(_of_width(numbered, len(header), problems), problems)
        yield Rows(header, rows, problems, row, likely, separator)


@contextmanager
def _text(file: IO[bytes], options: ReadingOptions) -> Iterator[io.TextIOWrapper]:
    """The text of a CSV file. Raises UnreadableFile."""
    _check_encoding(file, options)
    encoding = options.encoding.replace("windows-1252", "cp1252") or "utf-8-sig"
    text = io.TextIOWrapper(file, encoding=encoding, newline="", errors="replace" if options.encoding else "strict")
    try:
        yield text
    finally:
        text.detach()


def _dialect(text: io.TextIOWrapper, names: Collection[str]) -> tuple[bool, str, list[list[str]]]:
    """Whether the first line names the separator (`sep=;`), the separator, and the first rows. Leaves the text at its start.

    Without such a line: the separator with which a row has the most known names, then the one that the first line with any
    has most often, quotes left aside.
    """
    first = text.readline(100_000)
    marked = _SEPARATOR_LINE.fullmatch(first)
    lines = [*([] if marked else [first.lstrip("\ufeff")]), *(text.readline(100_000) for _line in range(LOOKED_AT))]
    text.seek(0)
    if marked:
        return True, marked[1], _split(lines, marked[1])
    by_separator = {separator: _split(lines, separator) for separator in SEPARATORS}
    known = {separator: max(map(_names_in(names), rows), default=0) for separator, rows in by_separator.items()}
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines]
    telling = next((line for line in bare if any(separator in line for separator in SEPARATORS)), "")
    best = max(
        SEPARATORS, key=lambda separator: (known[separator] if known[separator] > 1 else 0, telling.count(separator))
    )
    return False, best, by_separator[best]


def _split(lines: list[str], separator: str) -> list[list[str]]:
    try:
        return [
            [without_invisible(cell) for cell in row] for row in csv.reader(filter(None, lines), delimiter=separator)
        ]
    except csv.Error:
        return []


def _names_in(names: Collection[str]) -> Callable[[list[str]], int]:
    return lambda row: len({folded(cell) for cell in row} & set(names))


def _likely_row(top: list[tuple[int, list[str]]], names: Collection[str]) -> int:
    """Number of a row other than the first that looks like the header; 0 for none."""
    by_number = dict(top)
    rows = [by_number.get(number, []) for number in range(1, max(by_number, default=0) + 1)]
    number = header_row(rows[:LOOKED_AT], names)
    return number if number > 1 else 0


def _at_row(rows: Iterator[tuple[int, list[str]]], wanted: int) -> list[str]:
    return next((row for number, row in rows if number == wanted), [])


def _clean_header(row: list[str]) -> list[str]:
    """The names without characters that nobody sees."""
    header = [without_invisible(cell) for cell in row]
    while header and not header[-1]:
        header.pop()
    return header


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
        self._starts = True

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(MOST_CHARACTERS + 1):
            self._separators += line.count(self._separator)
            self._characters += len(line)
            if self._starts:
                self._starts, line = False, line.lstrip("\ufeff")
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


def _check_encoding(file: IO[bytes], options: ReadingOptions) -> None:
    """Raises UnreadableFile for a workbook, and, naming the line, for bytes that are not UTF-8 unless that was said.

    Leaves the file at its beginning.
    """
    file.seek(0)
    start = file.read(200)
    file.seek(0)
    if start.startswith((b"PK\x03\x04", _OFFICE_FILE)):
        raise UnreadableFile(_("the file is a workbook, not CSV"), _("the ending .xlsx, or a file saved as CSV"))
    if options.encoding:
        return
    accepted = _("a file saved as UTF-8 (in Excel: “CSV UTF-8”)")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or start.count(0) * 3 > len(start):
        raise UnreadableFile(_("the file is UTF-16, not UTF-8"), accepted, asks=True)
    line = _first_wrong_line(file)
    if line is not None:
        message = (
            _("the file is not UTF-8 (line %(line)s)") % {"line": line}
            if line
            else _("the file is not UTF-8: it ends inside a character")
        )
        raise UnreadableFile(message, accepted, asks=bool(encodings_of(file)))
    file.seek(0)


def _first_wrong_line(file: IO[bytes]) -> int | None:
    """The first line that is not UTF-8; 0 for an end inside a character, None for a file that is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    file.seek(0)
    while chunk := file.read(_CHUNK):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
        line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return 0
    return None


def _numbered(text: io.TextIOWrapper, separator: str, *, skip: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Rows with their numbers from 1; a line break inside quotes does not start a new one.

    skip: the first line names the separator and is no row.
    """
    if skip:
        text.readline()
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
def _sheet(file: IO[bytes], sheet: str, options: ReadingOptions, names: Collection[str]) -> Iterator[Rows]:
    _check_format(file)
    row = options.header_row or 1
    with workbooks.open_sheet(file, sheet, row) as opened:
        likely = 0
        if not options.header_row:
            likely, _top = _likely_in_sheet(file, sheet, opened.header, names)
        try:
            header = _checked_header(opened.header)
        except UnreadableFile as error:
            error.asks = likely > 0
            raise
        hidden = [place for place in opened.hidden_columns if place < len(header) and header[place]]
        rows = Rows(header, iter(()), opened.problems, row, likely, merged=opened.merged, formulas=opened.formulas)
        rows.hidden_columns = [header[place] for place in hidden]
        width = len(header)
        if options.hidden_columns == LEAVE_OUT:
            rows.header = ["" if place in hidden else name for place, name in enumerate(header)]
        counted = _of_sheet(opened.rows, width, rows, leave_out=options.hidden_rows == LEAVE_OUT)
        rows.rows = _capped(counted, opened.problems)
        yield rows


def _likely_in_sheet(
    file: IO[bytes], sheet: str, header: list[str], names: Collection[str]
) -> tuple[int, dict[int, list[str]]]:
    """Number of a row other than the first that looks like the header (0 for none), and the first rows by number."""
    if _names_in(names)(header) > 1 or (not names and sum(map(bool, header)) > 1):
        return 0, {}
    top = workbooks.first_rows(file, sheet, LOOKED_AT)
    return _likely_row([(number, [without_invisible(cell) for cell in cells]) for number, cells in top], names), dict(
        top
    )


def _of_sheet(
    sheet_rows: Iterator[workbooks.SheetRow], width: int, rows: Rows, *, leave_out: bool
) -> Iterator[tuple[int, list[str]]]:
    """As `_of_width`, of rows without empty cells at their end. leave_out: the hidden ones."""
    for row in sheet_rows:
        cells = row.cells
        if row.hidden and any(cells):
            rows.hidden_rows += 1
            if leave_out:
                continue
        if row.beyond:
            rows.problems.append(_too_many(row.beyond, width, row.number, row.first_beyond))
        if any(cells):
            yield row.number, cells + [""] * (width - len(cells))


def _merged_problems(rows: Rows, numbers: set[int]) -> list[Problem]:
    """Cells below or beside the first of merged ones: they are empty in the file, whatever the sheet shows."""
    problems = []
    for merged in rows.merged:
        match = _RANGE.fullmatch(merged)
        if match is None:
            continue
        left, right = place_of(match[1]), place_of(match[3])
        top, bottom = int(match[2]), int(match[4])
        inside = sorted(number for number in numbers if top <= number <= bottom)
        for number in inside:
            for place in range(left, min(right + 1, len(rows.header))):
                if (number, place) != (top, left) and rows.header[place]:
                    message = _("part of the merged cells %(range)s, of which only the first has a value")
                    accepted = _("cells that are not merged, each with its value")
                    problems.append(Problem(number, rows.header[place], "", message % {"range": merged}, accepted))
    return problems


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
