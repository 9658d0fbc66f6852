"""Reads CSV files and workbooks into tables of texts. Nothing is interpreted here: `NA` stays NA, an empty cell is "".

Cells of a CSV file come from Python's own reader and not from pandas', because only there does every row keep its number:
pandas leaves out rows that it cannot split, or refuses the file at the first.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import IO, TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from imports.tables import Problem, Table, UnreadableFile, shortened
from partner_portal.lib.fact_columns import DateCell, NumberCell

if TYPE_CHECKING:
    import pandas as pd

MOST_UNPACKED = 1 << 30  # bytes of all sheets of a workbook
MOST_CELLS = 30_000_000  # of one sheet, the empty ones between the used included
_CHUNK = 1 << 20
_ROWS = 20_000  # that are turned into columns at once
_OFFICE_FILE = b"\xd0\xcf\x11\xe0"  # the older Excel format, or a workbook behind a password

csv.field_size_limit((1 << 31) - 1)  # a cell of any size is read, and then reported as too long


def read_csv(file: IO[bytes]) -> Table:
    """The table of a CSV file: UTF-8 with or without a mark, separated by `,` or `;`.

    Raises UnreadableFile: not UTF-8, no header, a quote that never closes.
    """
    _check_encoding(file)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        separator = _separator(text)
        rows = _numbered(csv.reader(text, delimiter=separator, strict=True))
        _one, header = next(rows, (1, []))
        table = _table("", [cell.strip() for cell in header], rows)
    finally:
        text.detach()
    if separator == ";":
        table.notices.append(_("separator ; found"))
    return table


def read_header(file: IO[bytes], sheet: str) -> list[str]:
    """Only the first row of a CSV file, or of a sheet. Raises UnreadableFile."""
    if sheet:
        import pandas as pd

        first = pd.read_excel(_open(file), sheet_name=sheet, header=None, nrows=1, dtype=object)
        return [str(cell).strip() for row in first.to_numpy().tolist() for cell in row]
    _check_encoding(file)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        _one, header = next(_numbered(csv.reader(text, delimiter=_separator(text), strict=True)), (1, []))
        return [cell.strip() for cell in header]
    finally:
        text.detach()


def sheet_names(file: IO[bytes]) -> list[str]:
    """The names of a workbook's sheets. Raises UnreadableFile."""
    return [str(name) for name in _open(file).sheet_names]


def read_sheet(file: IO[bytes], sheet: str) -> Table:
    """One sheet of a workbook. Formulas and error values are problems: what they stand for is not in the file for sure.

    Raises UnreadableFile: not a workbook, too large, no header.
    """
    import pandas as pd

    book = _open(file)
    suspicious = _inspect(file, sheet)
    try:
        cells = pd.read_excel(book, sheet_name=sheet, header=None, dtype=object, keep_default_na=False, na_filter=False)
    except Exception as error:  # whatever the parser meets in a damaged file
        raise _damaged() from error
    texts = cells.apply(_as_texts)
    lists = texts.values.tolist()
    header = [str(cell) for cell in lists[0]] if lists else []
    table = _table(sheet, header, ((number, row) for number, row in enumerate(lists[1:], 2)))
    if suspicious:
        table.problems += _formulas_and_errors(file, sheet, table.header)
    return table


def _table(sheet: str, header: list[str], rows: Iterator[tuple[int, list[str]]]) -> Table:
    if not any(header):
        raise UnreadableFile(_("no header"), _("a first row with the names of the columns"))
    while not header[-1]:
        header.pop()
    width = len(header)
    problems: list[Problem] = []
    numbers: list[int] = []
    columns: list[list[str]] = [[] for _name in header]
    # Most texts occur again and again; keeping each once makes a large file small.
    known: dict[str, str] = {}
    for chunk in batched(_of_width(rows, width, problems), _ROWS, strict=False):
        numbers += [number for number, _row in chunk]
        for column, cells in zip(columns, zip(*(row for _number, row in chunk), strict=True), strict=True):
            column += [
                known.setdefault(trimmed := cell.strip(), trimmed) if type(cell) is str else cell for cell in cells
            ]
        if len(known) > 500_000:
            known.clear()
    import pandas as pd

    frame = pd.DataFrame(dict(enumerate(columns)), index=pd.Index(numbers, dtype="int64"), dtype=object)
    return Table(sheet, header, frame, problems)


def _of_width(
    rows: Iterator[tuple[int, list[str]]], width: int, problems: list[Problem]
) -> Iterator[tuple[int, list[str]]]:
    """Rows with anything in them, each with as many cells as the header."""
    for number, row in rows:
        if len(row) != width:
            if any(cell.strip() for cell in row[width:]):
                problems.append(
                    Problem(
                        number,
                        "",
                        shortened(row[width].strip()),
                        _("%(found)s cells, but the header has %(width)s") % {"found": len(row), "width": width},
                        _("as many cells as the header; a separator inside a text needs quotes around it"),
                    )
                )
            row = row[:width] + [""] * (width - len(row))
        if any(row) and any(cell.strip() for cell in row):
            yield number, row


# CSV


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


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows with their numbers, the header's is 1; a line break inside quotes does not start a new one."""
    number = 0
    try:
        for number, row in enumerate(reader, 1):  # the last good row's number names the bad one
            yield number, row
    except csv.Error as error:
        if "unexpected end" in str(error):
            message = _("a quote that opens in this row never closes")
        else:
            message = _("quotes are wrong: after the closing quote comes something else than a separator")
        raise UnreadableFile(
            message, _('a quote inside a quoted text written twice, as in "1"" pipe"'), row=number + 1
        ) from None


# Workbooks


def _open(file: IO[bytes]) -> "pd.ExcelFile":
    import pandas as pd

    start = file.read(4)
    file.seek(0)
    if start == _OFFICE_FILE:
        raise UnreadableFile(
            _("the workbook is in the old Excel format or behind a password"),
            _("a workbook saved as .xlsx, without one"),
        )
    if not zipfile.is_zipfile(file):
        raise _damaged()
    file.seek(0)
    try:
        return pd.ExcelFile(file, engine="calamine")
    except Exception as error:  # whatever the parser meets in a damaged file
        raise _damaged() from error


def _damaged() -> UnreadableFile:
    return UnreadableFile(_("the file is not a workbook, or a damaged one"), _("a workbook saved as .xlsx, or CSV"))


_MARKS = re.compile(rb'<(?:\w+:)?f[ />]|\bt="e"')
_FAR_COLUMN = re.compile(rb'\br="([A-Z]{2,3})[0-9]')
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="([0-9]{1,9})"')


def _inspect(file: IO[bytes], sheet: str) -> bool:
    """Whether any sheet has a formula or an error value. Raises UnreadableFile for sheets that would not fit in memory.

    Looks at the packed XML itself: the reader takes a formula's last result for a value, an error for an empty cell,
    and room for every cell up to the last one.
    """
    suspicious = False
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as packed:
            sheets = [each for each in packed.infolist() if re.search(r"worksheets/[^/]+\.xml$", each.filename)]
            if sum(each.file_size for each in packed.infolist()) > MOST_UNPACKED:
                raise _too_large()
            for each in sheets:
                last_row, last_column = 1, 26
                with packed.open(each) as xml:
                    for piece in _overlapping(xml):
                        suspicious = suspicious or _MARKS.search(piece) is not None
                        last_row = max([last_row, *(int(row) for row in _ROW.findall(piece)[-1:])])
                        last_column = max([last_column, *map(_column_number, set(_FAR_COLUMN.findall(piece)))])
                if last_row * last_column > MOST_CELLS:
                    raise _too_large()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise _damaged() from error
    file.seek(0)
    return suspicious


def _too_large() -> UnreadableFile:
    return UnreadableFile(
        _("the workbook is too large, or has something in a cell far away from the others"),
        _("fewer rows and columns, or CSV"),
    )


def _overlapping(file: IO[bytes], overlap: int = 400) -> Iterator[bytes]:
    """The file in pieces that share some bytes, so that a short pattern is always whole in one of them."""
    tail = b""
    while chunk := file.read(_CHUNK):
        yield tail + chunk
        tail = chunk[-overlap:]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _formulas_and_errors(file: IO[bytes], sheet: str, header: list[str]) -> Iterator[Problem]:
    from openpyxl import load_workbook

    file.seek(0)
    book = load_workbook(file, read_only=True)
    try:
        for number, row in enumerate(book[sheet].iter_rows(max_col=len(header)), 1):
            for name, cell in zip(header, row, strict=False):
                if cell.data_type == "f":
                    formula = str(getattr(cell.value, "text", None) or cell.value)
                    accepted = _("the value itself (copy, then paste as values)")
                    yield Problem(number, name, shortened(formula), _("a formula"), accepted)
                elif cell.data_type == "e":
                    yield Problem(number, name, str(cell.value), _("an error value"), _("a value, or an empty cell"))
    finally:
        book.close()
        file.seek(0)


def _as_texts(column: "pd.Series") -> "pd.Series":
    known: dict[tuple[type, Any], str] = {}
    texts = []
    for value in column:
        key = (type(value), value)
        text = known.get(key)
        if text is None:
            text = known[key] = _as_text(value)
        texts.append(text)
    return type(column)(texts, index=column.index, dtype=object)


def _as_text(value: Any) -> str:
    """A typed cell as CSV would write it. Numbers have the 15 digits that Excel itself shows: 0.1 + 0.2 is 0.3."""
    spell = _SPELLINGS.get(type(value))
    return spell(value) if spell else str(value).strip()


def _number(value: float) -> str:
    digits = format(Decimal(format(value, ".15g")), "f")
    return NumberCell(digits.rstrip("0").rstrip(".") if "." in digits else digits)


def _moment(value: datetime) -> str:
    whole_day = not (value.hour or value.minute or value.second or value.microsecond)
    return DateCell(value.date().isoformat()) if whole_day else value.isoformat(" ")


_SPELLINGS: dict[type, Callable[[Any], str]] = {
    str: str.strip,
    bool: lambda value: "TRUE" if value else "FALSE",
    int: _number,
    float: _number,
    datetime: _moment,
    date: lambda value: DateCell(value.isoformat()),
    timedelta: str,
}
