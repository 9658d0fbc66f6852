"""Reading step: CSV files and sheets as tables of texts. Nothing is interpreted: `NA` stays NA, an empty cell is "".

CSV is split by `imports.csv_text`, workbooks by a process of their own (`imports.workbooks`).
"""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import batched
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from imports import workbooks
from imports.cells.header_row import TOP_ROWS, likely_row, names_in
from imports.cells.invisible import without_invisible
from imports.csv_text import OFFICE_FILE, dialect, encodings_of, numbered, open_text
from imports.reading_options import LEAVE_OUT, ReadingOptions
from imports.tables import Problem, Table, UnreadableFile, shortened
from imports.xlsx.sheet import MOST_COLUMNS, place_of
from partner_portal.formats.numbers import whole

MOST_PROBLEMS = 100_000  # of a table: with more of them the file as a whole is wrong
_ROWS = 20_000  # that are turned into columns at once
_NO_NAMES: frozenset[str] = frozenset()
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
        return workbooks.first_rows(file, sheet, TOP_ROWS)
    with open_text(file, options) as text:
        _marked, _separator, rows = dialect(text, _NO_NAMES)
        return [(number, row) for number, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]


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
            cells = [row[place] for _number, row in chunk]
            if sheet:  # some cells of a workbook say what they were
                column += [
                    known.setdefault(trimmed := cell.strip(), trimmed) if type(cell) is str else cell for cell in cells
                ]
            else:
                trimmed_cells = list(map(str.strip, cells))
                column += map(known.setdefault, trimmed_cells, trimmed_cells)
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
    with open_text(file, options) as text:
        marked, separator, top = dialect(text, names)
        likely = 0 if options.header_row else likely_row(list(enumerate(top, 1)), names)
        numbered_rows = numbered(text, separator, skip=marked)
        row = options.header_row or 1
        try:
            header = _checked_header(_at_row(numbered_rows, row))
        except UnreadableFile as error:
            error.asks = likely > 0
            raise
        problems: list[Problem] = []
        rows = _capped(_of_width(numbered_rows, len(header), problems), problems)
        yield Rows(header, rows, problems, row, likely, separator)


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
            if any(map(str.strip, row[width:])):
                problems.append(_too_many(len(row), width, number, row[width]))
            row = row[:width] + [""] * (width - len(row))
        if any(map(str.strip, row)):
            yield number, row


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
    if names_in(header, names) > 1 or (not names and sum(map(bool, header)) > 1):
        return 0, {}
    top = workbooks.first_rows(file, sheet, TOP_ROWS)
    cleaned = [(number, [without_invisible(cell) for cell in cells]) for number, cells in top]
    return likely_row(cleaned, names), dict(top)


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
    if start == OFFICE_FILE:
        raise UnreadableFile(
            _("the workbook is in the old Excel format or behind a password"),
            _("a workbook saved as .xlsx, without one"),
        )
