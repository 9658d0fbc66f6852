"""Process that reads one workbook: `python -m imports.xlsx.process REQUEST`, the file as its standard input.

Standard library only, with an empty environment: no database, no settings, no secrets. It limits its own memory, time and
files before it reads a byte, and answers with lines of JSON (`imports.xlsx.protocol`). A workbook that brings it down
brings down nothing else.
"""

import io
import json
import os
import resource
import sys
from collections.abc import Buffer, Callable, Iterator
from itertools import islice

from imports.xlsx.archive import Archive, WorkbookError
from imports.xlsx.book import Workbook
from imports.xlsx.protocol import Answer, Request, RowAnswer
from imports.xlsx.sheet import Row

_LINE_TEXT = 500_000  # characters of the rows of one line
_LINE_ROWS = 1_000


def main() -> int:
    """Read the request, limit this process, and answer. The exit code is 0 when the answer is complete."""
    request: Request = json.loads(sys.argv[1])
    _limit(request["memory"], request["seconds"])
    out = sys.stdout.buffer
    last: Answer
    try:
        for answer in _answers(request):
            out.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
            out.flush()
    except WorkbookError as error:
        last = {"refused": error.code, "details": error.details}
    except MemoryError:
        last = {"refused": "out_of_memory", "details": {}}
    else:
        last = {"complete": True}
    out.write(json.dumps(last).encode() + b"\n")
    out.flush()
    return 0


def _limit(memory: int, seconds: int) -> None:
    """Limit what this process may use; it cannot raise the limits again."""
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 8,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _answers(request: Request) -> Iterator[Answer]:
    archive = Archive(io.BufferedReader(_PositionedFile(0), 1 << 16), request["unpacked"])
    book = Workbook(archive, request["unpacked"])
    yield {"sheets": list(book.sheets), "hidden_sheets": book.hidden_sheets, "unpacked": archive.unpacked}
    left = request["unpacked"]
    for sheet in request["sheets"] or ():
        reader, rows = book.reader(sheet, request["header_row"])
        header = next(rows) if request["header_row"] else Row(0)
        yield {
            "sheet": sheet,
            "header": header.cells,
            "findings": header.findings,
            "hidden_columns": sorted(reader.hidden_columns),
        }
        if request["header_only"]:
            continue
        for lines, text in _batches(islice(rows, request["first_rows"] or None)):
            left -= text
            if left < 0:  # a few shared texts, repeated in every cell
                raise WorkbookError("too_much_text", most=request["unpacked"])
            yield {"rows": lines}
        yield {"merged": reader.merged, "formulas": sorted(reader.formulas.items())}


def _batches(rows: Iterator[Row]) -> Iterator[tuple[list[RowAnswer], int]]:
    """The rows of one line, and how many characters their cells have."""
    batch: list[RowAnswer] = []
    text = 0
    for row in rows:
        batch.append((row.number, row.beyond, row.first_beyond, row.findings, row.cells, row.hidden))
        text += sum(map(len, row.cells)) + len(row.first_beyond)
        if text > _LINE_TEXT or len(batch) >= _LINE_ROWS:
            yield batch, text
            batch, text = [], 0
    yield batch, text


class _PositionedFile(io.RawIOBase):
    """A file read by position: its descriptor is shared with another process, whose offset must not move."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base: Callable[[], int] = (lambda: 0, self.tell, lambda: os.fstat(self._descriptor).st_size)[whence]
        self._at = base() + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer)
        data = os.pread(self._descriptor, len(target), self._at)
        target[: len(data)] = data
        self._at += len(data)
        return len(data)


if __name__ == "__main__":
    sys.exit(main())
