"""XML tokenizer for the parts of a workbook, limited in depth and in the length of what lies between two tags."""

from collections.abc import Callable, Iterable
from xml.parsers import expat

from imports.xlsx.archive import WorkbookError

MOST_DEPTH = 64  # elements inside each other
_MOST_TOKEN = 4 << 20  # bytes without any element or text: a tag or comment of that length

type Attributes = dict[str, str]


class Tokens:
    """XML tokenizer that rejects what could cost memory: declarations, depth, tokens without end.

    `start` and `end` get the depth (the root is 1) and the name without its prefix, `start` the attributes too. With
    `direct` they get what expat gives and count the depth themselves, which is twice as fast.
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
        """Tokenize the next chunk. Raises WorkbookError."""
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
        """Raises WorkbookError when the document has not ended."""
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError:
            raise WorkbookError("damaged") from None

    def _started(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise WorkbookError("strange_xml")
        self._start(self._depth, self._local(name), attributes)

    def _ended(self, name: str) -> None:
        if self._end:
            self._end(self._depth, self._local(name))
        self._depth -= 1

    def _declared(self, *_declaration: object) -> None:
        raise WorkbookError("strange_xml")

    def _local(self, name: str) -> str:
        local = self._names.get(name)
        if local is None:
            if len(self._names) > 1000:
                self._names.clear()
            local = self._names[name] = name.rpartition(":")[2]
        return local


def scan(chunks: Iterable[bytes], start: Callable[[int, str, Attributes], None]) -> None:
    """Tokenize a whole part; one that is missing has no chunks. Raises WorkbookError."""
    tokens = Tokens(start)
    empty = True
    for chunk in chunks:
        empty = False
        tokens.feed(chunk)
    if not empty:
        tokens.close()
