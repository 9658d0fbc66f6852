"""Rows into files: CSV and XLSX, safe by construction and flat in memory.

Text that a spreadsheet would run as a formula is marked with an apostrophe in CSV and is a text cell in XLSX; numbers and
days stay what they are. `write_csv` and `write_xlsx` are the only places where rows become files.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO

from django.db.models import Max, Min, QuerySet
from django.utils.translation import gettext as _

from partner_portal.lib.formula_guard import guarded
from partner_portal.lib.rounding import half_even
from partner_portal.lib.rows.datasets import Column, Kind, Selection
from reports.csv_copy import copy_csv
from reports.dialects import EXACT_PLACES, PLACES, Dialect

BOM = b"\xef\xbb\xbf"
XLSX_ROWS = 1_048_575  # a sheet has 1,048,576 rows, and one is the header
CELL_LENGTH = 32_767  # what one cell of a workbook holds
STEP = 5_000  # rows between two words about how far it is
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

EXACT = Decimal(1).scaleb(-EXACT_PLACES)

Progress = Callable[[int], None]


class TooManyRowsError(Exception):
    """The rows do not fit into one sheet. `rows` is how many there are."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Written:
    """What went into a file. totals: column name -> sum. shortened: cells that were longer than a cell may be."""

    rows: int
    totals: Mapping[str, Decimal]
    shortened: int = 0


def columns_of(selection: Selection) -> tuple[Column, ...]:
    """The selection's columns, with the currency behind every amount whose currency would otherwise be left out."""
    permitted = {column.name: column for column in selection.dataset.permitted(selection.scope)}
    chosen = {column.name for column in selection.columns}
    found: list[Column] = []
    for column in selection.columns:
        found.append(column)
        if column.currency in permitted and column.currency not in chosen:
            chosen.add(column.currency)
            found.append(permitted[column.currency])
    return tuple(found)


def headings(columns: Sequence[Column], *, stable_names: bool) -> list[str]:
    """A distinct head for each column: its label in the reader's language, or its stable name."""
    found: list[str] = []
    for column in columns:
        label = column.name if stable_names else str(column.label)
        same = sum(1 for other in found if other == label or other.startswith(f"{label} ("))
        found.append(f"{label} ({same + 1})" if same else label)
    return found


def write_csv(
    selection: Selection,
    out: BinaryIO,
    dialect: Dialect,
    *,
    stable_names: bool = False,
    progress: Progress = lambda rows: None,
) -> Written:
    """All rows as CSV: UTF-8 with its mark, CRLF, ISO days, plain decimals.

    Rows that the database can give are copied at its speed, which needs a transaction with one snapshot
    (`reports.snapshot`); rows with something computed, or made in Python, are written one by one.
    """
    columns = columns_of(selection)
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
    """The same file, row by row, from a single statement."""
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
    about: Callable[[Written], Iterable[tuple[str, Any]]],
    *,
    stable_names: bool = False,
    progress: Progress = lambda rows: None,
) -> Written:
    """All rows as a workbook with typed cells and a second sheet of what `about` tells when the rows are written.

    Raises TooManyRowsError before anything is written when they do not fit; OSError when the disk does not take them.
    """
    from rustpy_xlsxwriter import Format, write_worksheets  # only a worker that writes workbooks pays for it

    if selection.count > XLSX_ROWS:
        raise TooManyRowsError(selection.count)
    columns = columns_of(selection)
    names = headings(columns, stable_names=stable_names)
    formats = _formats(selection, columns)
    rows_title, about_title = str(selection.dataset.unit[1]).capitalize()[:31], _("About this export")[:31]
    tally = _Tally(columns, progress)
    if not selection.count:
        _write_empty(path, rows_title, names, about_title, about(tally.written()))
        return tally.written()
    shorten = _Shorten()
    cells = [_xlsx_cell(column, shorten) for column in columns]

    def rows() -> Iterator[dict[str, Any]]:
        for row in tally.watch(selection.iterate(columns)):
            yield {name: cell(value) if cell else value for name, cell, value in zip(names, cells, row, strict=True)}

    def told() -> Iterator[dict[str, Any]]:
        for what, value in about(tally.written(shorten.count)):
            yield {_("What"): what, _("Value"): value}

    write_worksheets(
        [(rows_title, rows()), (about_title, told())],
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
                name: Format().set_num_format(formats[column.name])
                for column, name in zip(columns, names, strict=True)
                if column.name in formats
            }
        },
        ignore_errors={rows_title: [n for c, n in zip(columns, names, strict=True) if c.kind == Kind.TEXT]},
    )
    return tally.written(shorten.count)


def _copyable(selection: Selection, columns: Sequence[Column]) -> bool:
    return isinstance(selection.rows, QuerySet) and not any(column.compute for column in columns)


class _Tally:
    """Counts rows and sums columns while they pass by, so that a receipt tells of the rows that were written."""

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
    """What csv.writer needs of a text file, over a binary one."""

    def __init__(self, out: BinaryIO) -> None:
        self.out = out

    def write(self, text: str) -> int:
        return self.out.write(text.encode("utf-8", "surrogatepass"))


def _line(cells: Sequence[str], dialect: Dialect) -> str:
    text = StringIO()
    csv.writer(text, delimiter=dialect.delimiter, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _csv_cell(column: Column, dialect: Dialect) -> Callable[[Any], str]:
    """How a value of the column is written; an unknown value is an empty cell."""
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


def decimal_text(value: Any, places: int) -> str:
    """A decimal with at least that many places, and more where it has them; rounded as the database rounds."""
    given = value if isinstance(value, Decimal) else half_even(value, EXACT_PLACES)
    exact = given.quantize(EXACT, ROUND_HALF_UP) + 0  # adding 0 takes the minus of -0 away
    short = given.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0
    return f"{short:f}" if exact == short else f"{exact.normalize():f}"


def plain_text(value: Any) -> str:
    """A value of a text column; yes and no as the database says them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Shorten:
    """Cuts what no cell holds, visibly, and counts it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, text: str) -> str:
        if len(text) <= CELL_LENGTH:
            return text
        self.count += 1
        return f"{text[: CELL_LENGTH - 1]}…"


def _xlsx_cell(column: Column, shorten: _Shorten) -> Callable[[Any], Any] | None:
    """How a value of the column is typed; None hands it on as it is (days and decimals)."""
    if column.kind in PLACES or column.kind == Kind.COUNT:
        return _number
    if column.kind in {Kind.DATE, Kind.MONTH}:
        return _day
    labels = {key: str(label) for key, label in (column.choices or {}).items()}
    return lambda value: None if value is None else shorten(labels[value] if value in labels else plain_text(value))


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value or abs(value)
    return value if value is None or isinstance(value, int) else half_even(value, 4)


def _day(value: date | None) -> date | None:
    return value


def _formats(selection: Selection, columns: Sequence[Column]) -> dict[str, str]:
    """Number formats by column; an amount shows its currency when all rows have the same one."""
    found = {column.name: CELL_FORMATS[column.kind] for column in columns if column.kind in CELL_FORMATS}
    for column in columns:
        if column.kind == Kind.MONEY:
            currency = _only_currency(selection, column.currency) if column.currency else "USD"
            found[column.name] = f"[${currency}] {CELL_FORMATS[Kind.MONEY]}" if currency else CELL_FORMATS[Kind.MONEY]
    return found


def _only_currency(selection: Selection, name: str) -> str:
    """The currency of every row, or "" when there are several."""
    column = selection.dataset.column(name)
    if isinstance(selection.rows, QuerySet):
        ends = selection.rows.order_by().aggregate(first=Min(column.source), last=Max(column.source))
        return ends["first"] or "" if ends["first"] == ends["last"] else ""
    currencies = {row[column.key] for row in selection.rows if row[column.key]}
    return currencies.pop() if len(currencies) == 1 else ""


def _width(column: Column, name: str) -> int:
    if column.compute:
        return 70
    return max(WIDTHS[column.kind], min(len(name) + 4, 30))


def _write_empty(
    path: Path, rows_title: str, names: list[str], about_title: str, about: Iterable[tuple[str, Any]]
) -> None:
    """The fast writer takes the header from the first row; without one a header needs another writer."""
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
