"""The texts that the cells of a workbook share."""

from array import array
from collections.abc import Iterable

from imports.xlsx.archive import WorkbookError
from imports.xlsx.cell_text import plain_text
from imports.xlsx.xml_tokens import Attributes, Tokens

MOST_CELL_TEXT = 1_000_000  # characters of a cell; Excel itself stops at 32,767
MOST_CACHED = 200_000  # decoded texts


class SharedStrings:
    """The texts that cells refer to by number: tokenized only as far as is asked for, and stored as bytes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._tokens = Tokens(self._started, self._ended, self._text)
        self._bytes = bytearray()
        self._ends = array("Q")
        self._pieces: list[str] = []
        self._length = 0
        self._in_rich = self._reading = False
        self._decoded: dict[int, str] = {}

    def __getitem__(self, place: int) -> str:
        """The trimmed text of a number. Raises IndexError."""
        text = self._decoded.get(place)
        if text is None:
            while len(self._ends) <= place:
                chunk = next(self._chunks, None)
                if chunk is None:
                    raise IndexError(place)
                self._tokens.feed(chunk)
            if len(self._decoded) > MOST_CACHED:
                self._decoded.clear()
            start = self._ends[place - 1] if place else 0
            text = self._decoded[place] = self._bytes[start : self._ends[place]].decode("utf-8", "surrogatepass")
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
            self._bytes += plain_text("".join(self._pieces)).encode("utf-8", "surrogatepass")
            self._ends.append(len(self._bytes))
