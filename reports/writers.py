"""Writers of CSV and XLSX, in constant memory. `write_csv` and `write_xlsx` are the only places where rows become files.

Text that a spreadsheet would run as a formula is prefixed with an apostrophe in CSV and is a text cell in XLSX; numbers and
days keep their types.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from django.db.models import Max, Min, QuerySet
from django.utils.translation import gettext as _

from partner_portal.lib.formula_guard import guarded
from partner_portal.lib.rounding import half_even
from partner_portal.lib.rows.datasets import Column, Kind, Selection
from reports.csv_copy import copy_csv
from reports.dialects import EXACT_PLACES, PLACES, Dialect

if TYPE_CHECKING:
    from rustpy_xlsxwriter import Format

BOM = b"\xef\xbb\xbf"
XLSX_ROWS = 1_048_575  # a sheet has 1,048,576 rows, and one is the header
CELL_LENGTH = 32_767  # characters that a cell of a workbook holds
STEP = 5_000  # rows between two reports of progress
WIDTHS = {
    Kind.TEXT: 22,
    Kind.POINTS: 14,
    Kind.MONEY: 16,
    Kind.DATE: 12,
    Kind.MONTH: 10,
    Kind.COUNT: 10,
    Kind.RATIO: 10,
    Kind.RATE: 14,
}
CELL_FORMATS = {
    Kind.POINTS: "#,##0.0000", Kind.MONEY: "#,##0.00", Kind.DATE: "yyyy-mm-dd", Kind.MONTH: "yyyy-mm", Kind.COUNT: "#,##0",
    Kind.RATIO: "0.00%", Kind.RATE: "0.0000####",
}  # fmt: skip

# Paper: landscape A4, as wide as the sheet, its first row on every page. rustpy_xlsxwriter names 9 as A4, as Excel does.
PAPER = {
    "landscape": True, "paper_size": 9, "fit_to_pages": (1, 0), "repeat_rows": 0, "footer": "&L&A&R&P / &N",
}  # fmt: skip

EXACT = Decimal(1).scaleb(-EXACT_PLACES)

Progress = Callable[[int], None]  # called with the number of rows written so far
Cell = str | int | Decimal | date | None  # of a workbook


class TooManyRowsError(Exception):
    """More rows than a sheet holds. `rows` is how many there are."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Written:
    """What was written to a file."""

    rows: int
    totals: Mapping[str, Decimal]  # column name -> sum
    shortened: int = 0  # texts cut to CELL_LENGTH


def columns_of(selection: Selection) -> tuple[Column, ...]:
    """The selection's columns, with the currency column after every amount whose currency was not selected."""
    permitted = {column.name: column for column in selection.dataset.permitted(selection.scope)}
    chosen = {column.name for column in selection.columns}
    columns: list[Column] = []
    for column in selection.columns:
        columns.append(column)
        if column.currency in permitted and column.currency not in chosen:
            chosen.add(column.currency)
            columns.append(permitted[column.currency])
    return tuple(columns)


def headings(columns: Sequence[Column], *, stable_names: bool) -> list[str]:
    """A distinct heading for each column: its label in the active language, or its stable name."""
    texts: list[str] = []
    for column in columns:
        label = column.name if stable_names else str(column.label)
        same = sum(1 for other in texts if other == label or other.startswith(f"{label} ("))
        texts.append(f"{label} ({same + 1})" if same else label)
    return texts


def write_csv(
    selection: Selection,
    out: BinaryIO,
    dialect: Dialect,
    *,
    stable_names: bool = False,
    progress: Progress = lambda rows: None,
) -> Written:
    """Write all rows as CSV: UTF-8 with a byte order mark, CRLF, ISO days, plain decimals.

    Rows of a query without computed columns are copied by the database, which needs a transaction with one snapshot
    (`reports.snapshot`); others are written one by one.
    """
    columns = tuple(map(selection.written, columns_of(selection)))
    out.write(BOM)
    if _copyable(selection, columns):
        out.write(_line(headings(columns, stable_names=stable_names), dialect).encode())
        rows = copy_csv(selection, columns, out, dialect, progress)
        return Written(rows, {c.name: selection.totals[c.name] for c in columns if c.total})
    return write_csv_in_python(selection, out, dialect, stable_names=stable_names, progress=progress, bom=False)


def write_csv_in_python(
    selection: Selection,
    out: BinaryIO,
    dialect: Dialect,
    *,
    stable_names: bool = False,
    progress: Progress = lambda rows: None,
    bom: bool = True,
) -> Written:
    """Write the same file row by row, from a single statement."""
    columns = columns_of(selection)
    if bom:
        out.write(BOM)
    text = _Encoder(out)
    writer = csv.writer(text, delimiter=dialect.delimiter, lineterminator="\r\n")
    writer.writerow(headings(columns, stable_names=stable_names))
    cells = [_csv_cell(column, dialect) for column in columns]
    tally = _Tally(columns, progress)
    for row in tally.watch(selection.iterate(columns)):
        writer.writerow([cell(value) for cell, value in zip(cells, row, strict=True)])
    return tally.written()


def write_xlsx(
    selection: Selection,
    path: Path,
    about: Callable[[Written], Iterable[tuple[str, Cell]]],
    *,
    stable_names: bool = False,
    progress: Progress = lambda rows: None,
) -> Written:
    """Write all rows as a workbook with typed cells. about: makes the second sheet, called when the rows are written.

    Raises TooManyRowsError before anything is written when they do not fit, and OSError when the disk is full.
    """
    from rustpy_xlsxwriter import Format, write_worksheets  # imported only by workers that write workbooks

    if selection.count > XLSX_ROWS:
        raise TooManyRowsError(selection.count)
    columns = tuple(map(selection.written, columns_of(selection)))
    names = headings(columns, stable_names=stable_names)
    formats = _formats(selection, columns)
    rows_title, about_title = str(selection.dataset.unit[1]).capitalize()[:31], _("About this export")[:31]
    tally = _Tally(columns, progress)
    if not selection.count:
        _write_empty(path, rows_title, names, about_title, about(tally.written()))
        return tally.written()
    shorten = _Shorten()
    cells = [_xlsx_cell(column, shorten) for column in columns]

    def rows() -> Iterator[dict[str, Cell]]:
        for row in tally.watch(selection.iterate(columns)):
            yield {name: cell(value) for name, cell, value in zip(names, cells, row, strict=True)}

    def about_rows() -> Iterator[dict[str, Cell]]:
        for what, value in about(tally.written(shorten.count)):
            yield {_("What"): what, _("Value"): value}

    write_worksheets(
        [(rows_title, rows()), (about_title, about_rows())],
        str(path),
        freeze_panes={rows_title: {"row": 1, "col": 0}},
        autofilter={rows_title: True},
        header_format={
            "general": Format().set_bold(),
            rows_title: Format().set_bold(),
            about_title: Format().set_bold(),
        },
        column_widths={
            rows_title: [float(_width(column, name)) for column, name in zip(columns, names, strict=True)],
            about_title: [28.0, 90.0],
        },
        column_formats={
            rows_title: {
                name: _cell_format(Format(), column, formats.get(column.name, ""))
                for column, name in zip(columns, names, strict=True)
            },
            about_title: {_("Value"): Format().set_text_wrap()},
        },
        page_setup={rows_title: PAPER, about_title: PAPER},
        ignore_errors={rows_title: [n for c, n in zip(columns, names, strict=True) if c.kind == Kind.TEXT]},
    )
    return tally.written(shorten.count)


def _copyable(selection: Selection, columns: Sequence[Column]) -> bool:
    return isinstance(selection.rows, QuerySet) and not any(column.compute for column in columns)


class _Tally:
    """Counts the rows that are written and sums their columns, for the receipt."""

    def __init__(self, columns: Sequence[Column], progress: Progress) -> None:
        self.summed = [(place, column.name) for place, column in enumerate(columns) if column.total]
        self.sums = {name: Decimal(0) for _place, name in self.summed}
        self.rows = 0
        self.progress = progress

    def watch(self, rows: Iterable[list[Any]]) -> Iterator[list[Any]]:
        summed, sums = self.summed, self.sums
        for count, row in enumerate(rows, 1):
            for place, name in summed:
                if row[place] is not None:
                    sums[name] += row[place]
            yield row
            self.rows = count
            if not count % STEP:
                self.progress(count)

    def written(self, shortened: int = 0) -> Written:
        return Written(self.rows, self.sums, shortened)


class _Encoder:
    """The text file that csv.writer needs, over a binary one."""

    def __init__(self, out: BinaryIO) -> None:
        self.out = out

    def write(self, text: str) -> int:
        return self.out.write(text.encode("utf-8", "surrogatepass"))


def _line(cells: Sequence[str], dialect: Dialect) -> str:
    text = StringIO()
    csv.writer(text, delimiter=dialect.delimiter, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _csv_cell(column: Column, dialect: Dialect) -> Callable[[Any], str]:
    """The function that writes a value of the column. None becomes an empty cell."""
    kind = column.kind
    if kind == Kind.DATE:
        return lambda value: "" if value is None else value.isoformat()
    if kind == Kind.MONTH:
        return lambda value: "" if value is None else f"{value:%Y-%m}"
    if kind == Kind.COUNT:
        return lambda value: "" if value is None else str(int(value))
    if kind in PLACES:
        places, comma = PLACES[kind], dialect.decimal
        return lambda value: "" if value is None else decimal_text(value, places).replace(".", comma)
    labels = {key: guarded(str(label)) for key, label in (column.choices or {}).items()}
    return lambda value: "" if value is None else labels[value] if value in labels else guarded(plain_text(value))


def decimal_text(value: Decimal | Fraction, places: int) -> str:
    """A decimal with at least `places` places, and up to EXACT_PLACES where it has them; rounded as the database rounds."""
    number = value if isinstance(value, Decimal) else half_even(value, EXACT_PLACES)
    exact = number.quantize(EXACT, ROUND_HALF_UP) + 0  # adding 0 turns -0 into 0
    short = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0
    return f"{short:f}" if exact == short else f"{exact.normalize():f}"


def plain_text(value: Any) -> str:
    """A value of a text column; booleans as the database writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Shorten:
    """Cuts texts that are too long for a cell, with an ellipsis, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, text: str) -> str:
        if len(text) <= CELL_LENGTH:
            return text
        self.count += 1
        return f"{text[: CELL_LENGTH - 1]}…"


def _xlsx_cell(column: Column, shorten: _Shorten) -> Callable[[Any], Cell]:
    """The function that types a value of the column."""
    if column.kind in PLACES or column.kind == Kind.COUNT:
        return _number
    if column.kind in {Kind.DATE, Kind.MONTH}:
        return _day
    labels = {key: str(label) for key, label in (column.choices or {}).items()}
    return lambda value: None if value is None else shorten(labels[value] if value in labels else plain_text(value))


def _number(value: Decimal | Fraction | int | None) -> Decimal | int | None:
    if isinstance(value, Decimal):
        return value or abs(value)  # turns -0 into 0
    return half_even(value, 4) if isinstance(value, Fraction) else value


def _day(value: date | None) -> date | None:
    return value


def _formats(selection: Selection, columns: Sequence[Column]) -> dict[str, str]:
    """Number formats by column name; an amount shows its currency when all rows have the same one."""
    formats = {column.name: CELL_FORMATS[column.kind] for column in columns if column.kind in CELL_FORMATS}
    for column in columns:
        if column.kind == Kind.MONEY:
            currency = _only_currency(selection, column.currency) if column.currency else "USD"
            formats[column.name] = f"[${currency}] {CELL_FORMATS[Kind.MONEY]}" if currency else CELL_FORMATS[Kind.MONEY]
    return formats


def _only_currency(selection: Selection, name: str) -> str:
    """The currency that all rows have, or "" when there are several."""
    column = selection.dataset.column(name)
    if isinstance(selection.rows, QuerySet):
        ends = selection.rows.order_by().aggregate(first=Min(column.source), last=Max(column.source))
        return ends["first"] or "" if ends["first"] == ends["last"] else ""
    currencies = {row[column.key] for row in selection.rows if row[column.key]}
    return currencies.pop() if len(currencies) == 1 else ""


def _cell_format(cell: "Format", column: Column, number_format: str) -> "Format":
    """How cells of the column look: texts are wrapped, and all stand at the top of their row."""
    cell.set_align("top")
    if column.kind == Kind.TEXT:
        cell.set_text_wrap()
    if number_format:
        cell.set_num_format(number_format)
    return cell


def _width(column: Column, name: str) -> int:
    if column.compute or column.written:
        return 70
    return max(WIDTHS[column.kind], min(len(name) + 4, 30))


def _write_empty(
    path: Path, rows_title: str, names: list[str], about_title: str, about: Iterable[tuple[str, Cell]]
) -> None:
    """Write a workbook without rows: the fast writer takes its header from the first row, so it cannot."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    for title, rows in ((rows_title, [names]), (about_title, [(_("What"), _("Value")), *about])):
        sheet = book.create_sheet(title)
        if title == rows_title:
            sheet.freeze_panes = "A2"
        for place, row in enumerate(rows):
            cells = []
            for value in row:
                cell = WriteOnlyCell(sheet, float(value) if isinstance(value, int | Decimal) else None)
                if cell.value is None:
                    cell.value, cell.data_type = str(value), "s"
                if not place:
                    cell.font = Font(bold=True)
                cells.append(cell)
            sheet.append(cells)
    book.save(path)
