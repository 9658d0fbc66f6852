"""Rows of a workbook's sheets, read lazily from its XML.

Runs in the process that reads workbooks: standard library only. Rows come in order and one at a time; nothing is allocated
for what lies between two cells. The same tokenizer checks the references and reads the cells, so that no two readers can
disagree about them.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from xml.parsers import expat

from imports.archive import Archive, WorkbookError

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
MOST_SHEETS = 200
MOST_COLUMNS = 500
MOST_CELL_TEXT = 1_000_000  # characters of a cell; Excel itself stops at 32,767
MOST_ROW_TEXT = 4_000_000  # characters of a row
_MOST_NAME = 255  # characters of a sheet's name
_MOST_DEPTH = 64  # elements inside each other
_MOST_TOKEN = 4 << 20  # bytes without any element or text: a tag or comment of that length
_SMALL_PART = 4 << 20  # bytes of the workbook part and of relationships
_STYLES_PART = 16 << 20
_KNOWN_TEXTS = 200_000
NUMBER, DATE, PLAIN = (
    "\x01",
    "\x02",
    "\x00",
)  # first character of a cell: a number, a day, a text that begins like a mark

type Attributes = dict[str, str]


@dataclass(slots=True)
class Row:
    """One row: its number, its cells up to the header's width, and what stands beyond.

    beyond: the last used column beyond the header, counted from 1; 0 for none. first_beyond: the first text there.
    findings: place, "f" for a formula or "e" for an error value, and its text.
    """

    number: int
    cells: list[str] = field(default_factory=list)
    beyond: int = 0
    first_beyond: str = ""
    findings: list[tuple[int, str, str]] = field(default_factory=list)


class Workbook:
    """The sheets of an archive by name. Raises WorkbookError."""

    def __init__(self, archive: Archive, most_unpacked: int) -> None:
        self._archive = archive
        self._most = most_unpacked
        self._path = _workbook_path(archive)
        self._targets = dict(_relationships(archive, _relationships_path(self._path), self._path))
        found = _BookPart()
        _scan(archive.chunks(self._path, _SMALL_PART), found.start)
        if not found.sheets:
            raise WorkbookError("not_a_workbook")
        self.epoch = datetime(1904, 1, 1) if found.from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
        self.sheets = found.sheets
        self._strings: SharedStrings | None = None
        self._styles: list[str] | None = None

    def rows(self, sheet: str) -> Iterator[Row]:
        """The used rows of a sheet, the header first. A sheet without anything in row 1 begins with an empty header."""
        target = self._targets.get(self.sheets.get(sheet, ""), ("", ""))[1]
        if target.lower() not in self._archive.parts:
            raise WorkbookError("no_sheet", sheet=sheet)
        if self._strings is None:
            self._strings = SharedStrings(self._chunks_of("/sharedStrings", max(self._most // 2, 1)))
            self._styles = _date_styles(self._chunks_of("/styles", _STYLES_PART))
        reader = _SheetPart(sheet, self._strings, self._styles or [], self.epoch)
        return reader.rows(self._archive.chunks(target, self._most))

    def _chunks_of(self, kind: str, most: int) -> Iterable[bytes]:
        for relation, target in self._targets.values():
            if relation.endswith(kind):
                if target.lower() not in self._archive.parts:
                    raise WorkbookError("damaged")
                return self._archive.chunks(target, most)
        return ()


# Parts


class _Finished(Exception):  # noqa: N818
    """The rest of a part is not needed."""


class _Tokens:
    """An XML tokenizer that rejects what could cost memory: declarations, depth, tokens without end.

    `start` and `end` get the depth (the root is 1), the name without its prefix, and `start` the attributes. With `direct`
    they get what expat gives, count the depth themselves, and are faster by half.
    """

    def __init__(
        self,
        start: Callable[..., None],
        end: Callable[..., None] | None = None,
        text: Callable[[str], None] | None = None,
        *,
        direct: bool = False,
    ) -> None:
        self._start, self._end = start, end
        self._depth = 0
        self._names: dict[str, str] = {}
        self._fed = 0
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = start if direct else self._started
        parser.EndElementHandler = end if direct else self._ended
        parser.StartDoctypeDeclHandler = self._declared
        if text:
            parser.CharacterDataHandler = text
        self._parser = parser

    def feed(self, chunk: bytes) -> None:
        """Tokenize a piece."""
        try:
            self._parser.Parse(chunk, False)
        except expat.ExpatError as error:
            if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
                raise MemoryError from None
            raise WorkbookError("damaged") from None
        self._fed += len(chunk)
        if self._fed - self._parser.CurrentByteIndex > _MOST_TOKEN:
            raise WorkbookError("strange_xml")

    def close(self) -> None:
        """Check that the document has ended."""
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError:
            raise WorkbookError("damaged") from None

    def _started(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise WorkbookError("strange_xml")
        self._start(self._depth, self._local(name), attributes)

    def _ended(self, name: str) -> None:
        if self._end:
            self._end(self._depth, self._local(name))
        self._depth -= 1

    def _declared(self, *_declaration: Any) -> None:
        raise WorkbookError("strange_xml")

    def _local(self, name: str) -> str:
        local = self._names.get(name)
        if local is None:
            if len(self._names) > 1000:
                self._names.clear()
            local = self._names[name] = name.rpartition(":")[2]
        return local


def _scan(
    chunks: Iterable[bytes],
    start: Callable[[int, str, Attributes], None],
    end: Callable[[int, str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    tokens = _Tokens(start, end, text)
    empty = True
    for chunk in chunks:
        empty = False
        tokens.feed(chunk)
    if not empty:
        tokens.close()


def _workbook_path(archive: Archive) -> str:
    if "_rels/.rels" in archive.parts:
        for relation, target in dict(_relationships(archive, "_rels/.rels", "")).values():
            if relation.endswith("/officeDocument"):
                if not target.lower().endswith(".xml") or target.lower() not in archive.parts:
                    break
                return target
    if "xl/workbook.xml" not in archive.parts:
        raise WorkbookError("not_a_workbook")
    return "xl/workbook.xml"


def _relationships_path(path: str) -> str:
    folder, _slash, name = path.rpartition("/")
    return f"{folder}/_rels/{name}.rels".lstrip("/")


def _relationships(archive: Archive, path: str, source: str) -> list[tuple[str, tuple[str, str]]]:
    """By id the type and the path of each part that another refers to."""
    found: list[tuple[str, tuple[str, str]]] = []
    folder = source.rpartition("/")[0]

    def start(depth: int, name: str, attributes: Attributes) -> None:
        if depth == 2 and name == "Relationship" and attributes.get("TargetMode") != "External":
            found.append(
                (
                    attributes.get("Id", ""),
                    (attributes.get("Type", ""), _resolved(folder, attributes.get("Target", ""))),
                )
            )

    _scan(archive.chunks(path, _SMALL_PART), start)
    return found


def _resolved(folder: str, target: str) -> str:
    target = target.replace("\\", "/")
    if target.startswith("/"):
        return target.lstrip("/")
    steps: list[str] = []
    for step in f"{folder}/{target}".split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


class _BookPart:
    """What the workbook part says: the relationship of each sheet by name, and whether days count from 1904."""

    def __init__(self) -> None:
        self.sheets: dict[str, str] = {}
        self.from_1904 = False

    def start(self, depth: int, name: str, attributes: Attributes) -> None:
        if depth == 2 and name == "workbookPr":
            self.from_1904 = attributes.get("date1904", "0") in ("1", "true", "on")
        elif depth == 3 and name == "sheet":
            sheet = attributes.get("name", "")
            if not sheet or len(sheet) > _MOST_NAME or sheet in self.sheets:
                raise WorkbookError("damaged")
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            self.sheets[sheet] = relation
            if len(self.sheets) > MOST_SHEETS:
                raise WorkbookError("too_many_sheets", most=MOST_SHEETS)


class SharedStrings:
    """The texts that cells refer to by number, tokenized only as far as somebody asks, and stored as bytes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._tokens = _Tokens(self._started, self._ended, self._text)
        self._bytes = bytearray()
        self._ends = array("Q")
        self._pieces: list[str] = []
        self._length = 0
        self._in_rich = self._reading = False
        self._known: dict[int, str] = {}

    def __getitem__(self, place: int) -> str:
        """One text, trimmed. Raises IndexError."""
        text = self._known.get(place)
        if text is None:
            while len(self._ends) <= place:
                chunk = next(self._chunks, None)
                if chunk is None:
                    raise IndexError(place)
                self._tokens.feed(chunk)
            if len(self._known) > _KNOWN_TEXTS:
                self._known.clear()
            start = self._ends[place - 1] if place else 0
            text = self._known[place] = self._bytes[start : self._ends[place]].decode("utf-8", "surrogatepass")
        return text

    def _started(self, depth: int, name: str, _attributes: Attributes) -> None:
        if depth == 2:
            self._pieces, self._length = [], 0
        elif depth == 3:
            self._in_rich = name == "r"
            self._reading = name == "t"
        elif depth == 4:
            self._reading = self._in_rich and name == "t"

    def _text(self, text: str) -> None:
        if self._reading:
            self._length += len(text)
            if self._length > MOST_CELL_TEXT:
                raise WorkbookError("long_text", most=MOST_CELL_TEXT)
            self._pieces.append(text)

    def _ended(self, depth: int, name: str) -> None:
        self._reading = False
        if depth == 2 and name == "si":
            self._bytes += _plain("".join(self._pieces)).encode("utf-8", "surrogatepass")
            self._ends.append(len(self._bytes))


# Days


_BUILT_IN = {*range(14, 23), *range(27, 37), *range(50, 59), 45, 47}
_NOT_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_ESCAPED = re.compile(r"_x((?!D[89A-F])[0-9A-F]{4})_", re.IGNORECASE)  # no halves of surrogate pairs
_DURATION = re.compile(r"\[[hms]+\]", re.IGNORECASE)


def _date_styles(chunks: Iterable[bytes]) -> list[str]:
    """For each cell style "d" when its numbers are days, "t" when they are durations, else ""."""
    formats: dict[str, str] = {}
    styles: list[str] = []
    inside = ""

    def start(depth: int, name: str, attributes: Attributes) -> None:
        nonlocal inside
        if depth == 2:
            inside = name
        elif depth == 3 and inside == "numFmts" and name == "numFmt":
            formats[attributes.get("numFmtId", "")] = _style_of(attributes.get("formatCode", ""))
        elif depth == 3 and inside == "cellXfs" and name == "xf":
            number = attributes.get("numFmtId", "0")
            styles.append(formats.get(number) or _built_in(number))

    _scan(chunks, start)
    return styles


def _built_in(number: str) -> str:
    if number == "46":
        return "t"
    return "d" if number.isdecimal() and len(number) < 4 and int(number) in _BUILT_IN else ""


def _style_of(code: str) -> str:
    first = _NOT_CODE.sub("", code).partition(";")[0]
    if _DURATION.search(first):
        return "t"
    return "d" if re.search(r"[dmyhs]", first.replace("General", ""), re.IGNORECASE) else ""


def _as_duration(serial: float) -> str:
    return str(timedelta(milliseconds=round(serial * 86_400_000)))


def _as_moment(serial: float, epoch: datetime) -> str:
    milliseconds = round(serial * 86_400_000)
    if epoch.year == 1899 and milliseconds < 60 * 86_400_000:
        milliseconds += 86_400_000  # Excel counts a 29 February 1900
    moment = epoch + timedelta(milliseconds=milliseconds)
    if serial < 1:
        return str(moment.time())
    if moment.time() == datetime.min.time():
        return DATE + moment.date().isoformat()
    return moment.isoformat(" ")


def _as_number(text: str) -> str:
    """A number as CSV would write it, with the 15 digits that Excel itself shows: 0.1 + 0.2 is 0.3."""
    value = float(text)
    if "_" in text or not isfinite(value):
        raise ValueError(text)
    digits = format(Decimal(format(value, ".15g")), "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return NUMBER + ("0" if digits == "-0" else digits)


def _as_iso(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _plain(text)
    return DATE + date.isoformat(moment) if moment.time() == datetime.min.time() else moment.isoformat(" ")


def _plain(text: str) -> str:
    """A text, trimmed, with the characters that XML cannot hold and Excel writes as `_x000D_`."""
    if "_x" in text:
        text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    text = text.strip()
    return PLAIN + text if text[:1] in (NUMBER, DATE, PLAIN) and text else text


# Sheets


_REFERENCE = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6})")
_ROW_NUMBER = re.compile(r"[0-9]{1,7}")


def _place_of(letters: str) -> int:
    """A column's place, A is 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


class _SheetPart:
    """Turns the XML of one sheet into rows."""

    def __init__(self, sheet: str, strings: SharedStrings, styles: Sequence[str], epoch: datetime) -> None:
        self.sheet = sheet
        self._strings, self._styles, self._epoch = strings, styles, epoch
        self._ready: list[Row] = []
        self._width = -1
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
        self._value: list[str] = []
        self._formula: list[str] | None = None
        self._shared_id = ""
        self._pieces: list[str] = []
        self._inline: list[list[str]] = []

    def rows(self, chunks: Iterable[bytes]) -> Iterator[Row]:
        """The rows in order, while the part is tokenized."""
        tokens = _Tokens(self._started, self._ended, self._text, direct=True)
        left = iter(chunks)
        try:
            for chunk in left:
                tokens.feed(chunk)
                if not self._in_cell:
                    self._pieces = []
                elif sum(map(len, self._pieces)) > MOST_CELL_TEXT:
                    raise WorkbookError("long_text", most=MOST_CELL_TEXT)
                if self._ready:
                    yield from self._ready
                    self._ready = []
            tokens.close()
        except _Finished:
            yield from self._ready
            self._ready = []
            for _rest in left:  # to its checksum
                pass
        yield from self._ready
        if self._width < 0:
            yield Row(1)

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
            if self._in_data:
                raise _Finished
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
        elif depth > _MOST_DEPTH:
            raise WorkbookError("strange_xml")
        elif self._in_cell:
            self._pieces = []
            if depth == 6:
                self._in_rich = name == "r"
            if name == "t" and self._type == "inlineStr" and (depth == 6 or (depth == 7 and self._in_rich)):
                self._inline.append(self._pieces)

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
        if self._width < 0 and number > 1:
            self._width = 0
            self._ready.append(Row(1))
        self._number, self._number_text, self._row = number, str(number), Row(number)

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
        self._value, self._formula, self._inline = [], None, []

    def _place(self, reference: str) -> int:
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise self._refuse("cell_outside", reference)
        letters, row = match[1], int(match[2])
        place = _place_of(letters)
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
        if self._formula is not None:
            row.findings.append((place, "f", self._formula_text("".join(self._formula))[:1000]))
        elif kind == "e":
            row.findings.append((place, "e", text[:100]))

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
            if len(self._numbers) > _KNOWN_TEXTS:
                self._numbers.clear()
            text = self._numbers[value] = _as_number(value)
        return text

    def _days(self, style: str) -> str:
        number = _index(style)
        return self._styles[number] if number < len(self._styles) else ""

    def _moment(self, value: str, days: str) -> str:
        known = self._moments.get((days, value))
        if known is None:
            if len(self._moments) > _KNOWN_TEXTS:
                self._moments.clear()
            serial = float(value)
            if "_" in value or not isfinite(serial):
                raise ValueError(value)
            known = _as_duration(serial) if days == "t" else _as_moment(serial, self._epoch)
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
        return _plain(value)
    value = value.strip()
    if kind == "b":
        return ("TRUE" if value in ("1", "true") else "FALSE") if value else ""
    if kind == "d":
        return _as_iso(value)
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
