"""Rows of one sheet, read lazily from its XML.

Rows come in order and one at a time; nothing is allocated for what lies between two cells. The same tokenizer checks the
references and reads the cells, so that no two readers can disagree about them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

from imports.xlsx.archive import WorkbookError
from imports.xlsx.cell_text import duration_text, iso_text, moment_text, number_text, plain_text
from imports.xlsx.shared_strings import MOST_CACHED, MOST_CELL_TEXT, SharedStrings
from imports.xlsx.xml_tokens import MOST_DEPTH, Attributes, Tokens

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
MOST_COLUMNS = 500
MOST_ROW_TEXT = 4_000_000  # characters of a row
MOST_MERGED = 1_000  # ranges of merged cells that are reported
_NO_VALUE: list[str] = []  # of a cell without a value, as opposed to an empty one; told by identity
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6})")
_ROW_NUMBER = re.compile(r"[0-9]{1,7}")


@dataclass(slots=True)
class Row:
    """One row."""

    number: int
    cells: list[str] = field(default_factory=list)  # up to the header's width
    beyond: int = 0  # the last used column beyond the header, counted from 1; 0 for none
    first_beyond: str = ""  # the first text there
    #: place, "f" (a formula that was never calculated) or "e" (an error value), text
    findings: list[tuple[int, str, str]] = field(default_factory=list)
    hidden: bool = False


def place_of(letters: str) -> int:
    """A column's place, A is 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


class SheetReader:
    """Turns the XML of one sheet into rows.

    hidden_columns: places, known from the first row on. merged: ranges below the header, known after the last row.
    formulas: by place how many cells hold a formula with its last calculated value, which is what is read; known after the
              last row.
    """

    def __init__(
        self, sheet: str, strings: SharedStrings, styles: Sequence[str], epoch: datetime, header_row: int = 1
    ) -> None:
        self.sheet = sheet
        self.hidden_columns: set[int] = set()
        self.merged: list[str] = []
        self.formulas: dict[int, int] = {}
        self._header_row = header_row
        self._strings, self._styles, self._epoch = strings, styles, epoch
        self._ready: list[Row] = []
        self._width = -1 if header_row else MOST_COLUMNS
        self._hidden = False
        self._last = 0
        self._places: dict[str, int] = {}
        self._numbers: dict[str, str] = {}
        self._moments: dict[tuple[str, str], str] = {}
        self._shared: dict[str, str] = {}
        self._depth = 0
        self._prefix = ""
        self._names = ("c", "v", "row")
        self._in_data = self._in_row = self._in_cell = self._in_rich = False
        self._number = 0
        self._number_text = ""
        self._row: Row | None = None
        self._row_text = 0
        self._next = 0
        self._value: list[str] = _NO_VALUE
        self._formula: list[str] | None = None
        self._shared_id = ""
        self._pieces: list[str] = []
        self._inline: list[list[str]] = []

    def rows(self, chunks: Iterable[bytes]) -> Iterator[Row]:
        """The rows in order, while the part is tokenized."""
        tokens = Tokens(self._started, self._ended, self._text, direct=True)
        for chunk in chunks:
            tokens.feed(chunk)
            if not self._in_cell:
                self._pieces = []
            elif sum(map(len, self._pieces)) > MOST_CELL_TEXT:
                raise WorkbookError("long_text", most=MOST_CELL_TEXT)
            if self._ready:
                yield from self._ready
                self._ready = []
        tokens.close()
        yield from self._ready
        if self._width < 0:
            yield Row(self._header_row)

    def _refuse(self, code: str, cell: str) -> WorkbookError:
        return WorkbookError(code, sheet=self.sheet, cell=cell[:40])

    # Called by expat for every tag: the depth of what is open tells what a tag means.

    def _text(self, text: str) -> None:
        self._pieces.append(text)

    def _started(self, name: str, attributes: Attributes) -> None:
        self._depth = depth = self._depth + 1
        if depth == 5:
            if self._in_cell:
                self._pieces = []
                if name == self._names[1]:
                    self._value = self._pieces
                else:
                    self._start_in_cell(name.removeprefix(self._prefix), attributes)
        elif depth == 4:
            if self._in_row and name == self._names[0]:
                self._start_cell(attributes)
        elif depth == 3:
            if self._in_data and name == self._names[2]:
                self._start_row(attributes)
            elif not self._in_data:
                self._start_setting(name.removeprefix(self._prefix), attributes)
        else:
            self._start_elsewhere(depth, name.removeprefix(self._prefix), name)

    def _ended(self, name: str) -> None:
        self._depth = depth = self._depth - 1
        if depth == 4:
            self._pieces = []  # what follows is no text of the cell
        elif depth == 3:
            if self._in_cell:
                self._end_cell()
        elif depth == 2:
            if self._in_row:
                self._end_row()
        elif depth == 1:
            self._in_data = False
        elif self._in_cell:
            self._pieces = []

    def _start_in_cell(self, name: str, attributes: Attributes) -> None:
        if name == "f":
            self._formula = self._pieces
            self._shared_id = attributes.get("si", "")
        elif name == "is":
            self._in_rich = False

    def _start_elsewhere(self, depth: int, name: str, full: str) -> None:
        if depth == 1:
            self._prefix = full[: full.find(":") + 1]
            self._names = (f"{self._prefix}c", f"{self._prefix}v", f"{self._prefix}row")
        elif depth == 2:
            self._in_data = name == "sheetData"
        elif depth > MOST_DEPTH:
            raise WorkbookError("strange_xml")
        elif self._in_cell:
            self._pieces = []
            if depth == 6:
                self._in_rich = name == "r"
            if name == "t" and self._type == "inlineStr" and (depth == 6 or (depth == 7 and self._in_rich)):
                self._inline.append(self._pieces)

    def _start_setting(self, name: str, attributes: Attributes) -> None:
        """Hidden columns stand before the rows, merged cells behind them."""
        if name == "col" and attributes.get("hidden") in ("1", "true"):
            first, last = attributes.get("min", ""), attributes.get("max", "")
            if first.isdecimal() and last.isdecimal() and len(first) < 6:
                self.hidden_columns.update(range(int(first) - 1, min(int(last), MOST_COLUMNS)))
        elif name == "mergeCell" and len(self.merged) < MOST_MERGED:
            self.merged.append(attributes.get("ref", "")[:40])

    def _formula_text(self, written: str) -> str:
        """The formula as it is written; of one that is shared, the one that it repeats."""
        if self._shared_id:
            if written and len(self._shared) < 10_000:
                self._shared[self._shared_id] = written[:300]
            written = written or self._shared.get(self._shared_id, "")
        return "=" + written

    def _start_row(self, attributes: Attributes) -> None:
        self._in_row = True
        self._row, self._next, self._row_text = None, 0, 0
        self._hidden = attributes.get("hidden") in ("1", "true")
        written = attributes.get("r")
        if written is None:
            self._number = 0  # its first cell tells, or it is the next one
            return
        number = int(written) if _ROW_NUMBER.fullmatch(written) else 0
        if not 1 <= number <= LAST_ROW:
            raise WorkbookError("row_outside", sheet=self.sheet, row=written[:40])
        self._begin(number)

    def _begin(self, number: int) -> None:
        if number <= self._last:
            raise WorkbookError("row_order", sheet=self.sheet, row=str(number))
        if number > LAST_ROW:
            raise WorkbookError("row_outside", sheet=self.sheet, row=str(number))
        if self._width < 0 and number > self._header_row:
            self._width = 0
            self._ready.append(Row(self._header_row))
        self._number, self._number_text, self._row = number, str(number), Row(number, hidden=self._hidden)

    def _start_cell(self, attributes: Attributes) -> None:
        self._in_cell = True
        reference = attributes.get("r")
        if reference is None:
            if not self._number:
                self._begin(self._last + 1)
            place = self._next
            if place >= LAST_COLUMN:
                raise self._refuse("cell_outside", f"{place + 1}:{self._number}")
        else:
            known = self._places.get(reference[: -len(self._number_text)]) if self._number else None
            same_row = known is not None and reference.endswith(self._number_text)
            place = known if same_row and known is not None else self._place(reference)
        if place < self._next:
            raise self._refuse("cell_twice", reference or "")
        self._place_now, self._next = place, place + 1
        self._type = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._value, self._formula, self._inline = _NO_VALUE, None, []

    def _place(self, reference: str) -> int:
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise self._refuse("cell_outside", reference)
        letters, row = match[1], int(match[2])
        place = place_of(letters)
        if place >= LAST_COLUMN or row > LAST_ROW:
            raise self._refuse("cell_outside", reference)
        if not self._number:
            self._begin(row)
        if row != self._number:
            raise WorkbookError("cell_misplaced", sheet=self.sheet, cell=reference[:40], row=self._number_text)
        if letters.isupper():
            self._places[letters] = place
        return place

    def _end_cell(self) -> None:
        self._in_cell = False
        row = self._row
        value = self._value
        if self._inline:
            value = [piece for pieces in self._inline for piece in pieces]
        if row is None or (not value and self._formula is None):
            return
        place = self._place_now
        kind = self._type
        text = value[0] if len(value) == 1 else "".join(value)
        if len(text) > MOST_CELL_TEXT:
            raise WorkbookError("long_text", most=MOST_CELL_TEXT)
        if 0 <= self._width <= place:
            if cell := self._spelled(kind, text):
                row.beyond = place + 1
                row.first_beyond = row.first_beyond or cell[:1000]
            return
        cells = row.cells
        if len(cells) < place:
            cells += [""] * (place - len(cells))
        cell = self._spelled(kind, text)
        cells.append(cell)
        self._row_text += len(cell)
        if self._row_text > MOST_ROW_TEXT:
            raise WorkbookError("long_row", sheet=self.sheet, row=self._number_text)
        if kind == "e":
            row.findings.append((place, "e", text[:100]))
        elif self._formula is not None:
            self._end_formula(row, place, "".join(self._formula), text)

    def _end_formula(self, row: Row, place: int, written: str, value: str) -> None:
        """Count a formula that has its last calculated value with it, and report one that has none.

        An empty text is a value too: what `IF` leaves in rows that are filled in later.
        """
        formula = self._formula_text(written)
        if self._value is _NO_VALUE or (not value and self._type != "str"):
            row.findings.append((place, "f", formula[:1000]))
        elif value and row.number >= self._header_row:
            self.formulas[place] = self.formulas.get(place, 0) + 1

    def _spelled(self, kind: str, value: str) -> str:
        """The text of a cell. Raises WorkbookError for a value that does not fit its type."""
        try:
            if kind == "s":
                return self._strings[_index(value)] if value else ""
            if kind == "n":
                return self._spelled_number(value.strip())
            return _spelled_otherwise(kind, value)
        except (ValueError, IndexError, OverflowError):
            raise self._refuse("cell_value", f"{_letters(self._place_now)}{self._number}") from None

    def _spelled_number(self, value: str) -> str:
        if not value:
            return ""
        if self._style and (days := self._days(self._style)):
            return self._moment(value, days)
        text = self._numbers.get(value)
        if text is None:
            if len(self._numbers) > MOST_CACHED:
                self._numbers.clear()
            text = self._numbers[value] = number_text(value)
        return text

    def _days(self, style: str) -> str:
        number = _index(style)
        return self._styles[number] if number < len(self._styles) else ""

    def _moment(self, value: str, days: str) -> str:
        known = self._moments.get((days, value))
        if known is None:
            if len(self._moments) > MOST_CACHED:
                self._moments.clear()
            serial = float(value)
            if "_" in value or not isfinite(serial):
                raise ValueError(value)
            known = duration_text(serial) if days == "t" else moment_text(serial, self._epoch)
            self._moments[days, value] = known
        return known

    def _end_row(self) -> None:
        self._in_row = False
        if not self._number:
            self._begin(self._last + 1)
        row = self._row
        self._last = self._number
        if row is None:
            return
        if self._width < 0 and row.number < self._header_row:
            return
        if self._width < 0:
            while row.cells and not row.cells[-1]:
                row.cells.pop()
            self._width = len(row.cells)
            if self._width > MOST_COLUMNS:
                raise WorkbookError("too_many_columns", sheet=self.sheet, columns=self._width, most=MOST_COLUMNS)
            row.findings = [finding for finding in row.findings if finding[0] < self._width]
            self._ready.append(row)
        elif row.cells or row.beyond or row.findings:
            self._ready.append(row)


def _spelled_otherwise(kind: str, value: str) -> str:
    """The text of a cell that is neither a number nor a shared text. Raises ValueError."""
    if kind in ("str", "inlineStr"):
        return plain_text(value)
    value = value.strip()
    if kind == "b":
        return ("TRUE" if value in ("1", "true") else "FALSE") if value else ""
    if kind == "d":
        return iso_text(value)
    if kind == "e":
        return ""
    raise ValueError(kind)


def _index(text: str) -> int:
    """A number of a text or a style. Raises ValueError."""
    if not text.isascii() or not text.strip().isdigit() or len(text) > 10:
        raise ValueError(text)
    return int(text)


def _letters(place: int) -> str:
    letters, number = "", place + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
