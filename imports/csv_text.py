"""CSV files as rows of texts: their encoding, their separator, and rows with their numbers.

Read by Python's own reader rather than pandas', which loses row numbers: it leaves out rows that it cannot split, or rejects
the file at the first.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import IO

from django.utils.translation import gettext as _

from imports.cells.encodings import Candidate, candidates
from imports.cells.header_row import TOP_ROWS, names_in
from imports.cells.invisible import without_invisible
from imports.reading_options import ReadingOptions
from imports.tables import UnreadableFile
from partner_portal.formats.numbers import whole

MOST_SEPARATORS = 100_000  # in one row, those inside of quotes too
MOST_CHARACTERS = 1 << 22  # of one row
OFFICE_FILE = b"\xd0\xcf\x11\xe0"  # the older Excel format, or a workbook behind a password
_CHUNK = 1 << 20

csv.field_size_limit((1 << 31) - 1)  # a long cell is read, and then reported as too long

SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r'\ufeff*"?sep=(.)"?\s*')


@contextmanager
def open_text(file: IO[bytes], options: ReadingOptions) -> Iterator[io.TextIOWrapper]:
    """The text of a CSV file. Raises UnreadableFile."""
    _check_encoding(file, options)
    encoding = options.encoding.replace("windows-1252", "cp1252") or "utf-8-sig"
    text = io.TextIOWrapper(file, encoding=encoding, newline="", errors="replace" if options.encoding else "strict")
    try:
        yield text
    finally:
        text.detach()


def dialect(text: io.TextIOWrapper, names: Collection[str]) -> tuple[bool, str, list[list[str]]]:
    """Whether the first line names the separator (`sep=;`), the separator, and the first rows. Leaves the text at its start.

    Without such a line: the separator with which a row has the most known names, then the one that the first line with any
    has most often, quotes left aside.
    """
    first = text.readline(100_000)
    marked = _SEPARATOR_LINE.fullmatch(first)
    lines = [*([] if marked else [first.lstrip("\ufeff")]), *(text.readline(100_000) for _line in range(TOP_ROWS))]
    text.seek(0)
    if marked:
        return True, marked[1], _split(lines, marked[1])
    by_separator = {separator: _split(lines, separator) for separator in SEPARATORS}
    known = {
        separator: max((names_in(row, names) for row in rows), default=0) for separator, rows in by_separator.items()
    }
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


def numbered(text: io.TextIOWrapper, separator: str, *, skip: bool) -> Iterator[tuple[int, list[str]]]:
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
    """A row is too long to be meant as one."""

    def __init__(self, message: str, most: int) -> None:
        super().__init__(message % {"most": whole(most)})


def encodings_of(file: IO[bytes]) -> list[Candidate]:
    """Encodings other than UTF-8 that fit a CSV file; none for UTF-8 and for workbooks."""
    file.seek(0)
    start = file.read(_CHUNK)
    file.seek(0)
    if start.startswith((b"PK\x03\x04", OFFICE_FILE)):
        return []
    fitting = candidates(start)
    if fitting or _first_wrong_line(file) is None:
        return fitting
    file.seek(0)
    return candidates(file.read())


def _check_encoding(file: IO[bytes], options: ReadingOptions) -> None:
    """Raises UnreadableFile for a workbook, and, naming the line, for bytes that are not UTF-8 unless an encoding was chosen.

    Leaves the file at its beginning.
    """
    file.seek(0)
    start = file.read(200)
    file.seek(0)
    if start.startswith((b"PK\x03\x04", OFFICE_FILE)):
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
