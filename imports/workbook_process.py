"""Process that reads one workbook: `python -m imports.workbook_process REQUEST`, the file as its standard input.

Standard library only, with an empty environment: no database, no settings, no secrets. It limits its own memory, time and
files before it looks at a byte, and writes what it reads as lines of JSON. A workbook that brings it down brings down
nothing else.

REQUEST is JSON: `sheets` (names of sheets to read, null for their names only), `header_only`, `unpacked` (bytes that all
parts may have), `memory` (bytes of address space), `seconds` (of processor time).
"""

import io
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

from imports.archive import Archive, WorkbookError
from imports.sheet_rows import Row, Workbook

_LINE_TEXT = 500_000  # characters of the rows of one line
_LINE_ROWS = 1_000


def main() -> int:
    """Read the request, limit this process, and answer it. The exit code is 0 when the answer is complete."""
    request = json.loads(sys.argv[1])
    _limit(request["memory"], request["seconds"])
    out = sys.stdout.buffer
    try:
        for answer in _answers(request):
            out.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
            out.flush()
    except WorkbookError as error:
        answer = {"refused": error.code, "details": error.details}
    except MemoryError:
        answer = {"refused": "out_of_memory", "details": {}}
    else:
        answer = {"complete": True}
    out.write(json.dumps(answer).encode() + b"\n")
    out.flush()
    return 0


def _limit(memory: int, seconds: int) -> None:
    """What this process may use at most. It cannot raise the limits again."""
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 8,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    file = cast("Any", io.BufferedReader(_Unmoved(0), 1 << 16))
    archive = Archive(file, request["unpacked"])
    book = Workbook(archive, request["unpacked"])
    yield {"sheets": list(book.sheets), "unpacked": archive.unpacked}
    left = request["unpacked"]
    for sheet in request["sheets"] or ():
        rows = book.rows(sheet)
        header = next(rows)
        yield {"sheet": sheet, "header": header.cells, "findings": header.findings}
        if request["header_only"]:
            continue
        for lines, text in _batches(rows):
            left -= text
            if left < 0:  # a few shared texts, repeated in every cell
                raise WorkbookError("too_much_text", most=request["unpacked"])
            yield {"rows": lines}


def _batches(rows: Iterator[Row]) -> Iterator[tuple[list[Any], int]]:
    """Rows as [number, beyond, first beyond, findings, cells], and how many characters their cells have."""
    batch: list[Any] = []
    text = 0
    for row in rows:
        batch.append([row.number, row.beyond, row.first_beyond, row.findings, row.cells])
        text += sum(map(len, row.cells)) + len(row.first_beyond)
        if text > _LINE_TEXT or len(batch) >= _LINE_ROWS:
            yield batch, text
            batch, text = [], 0
    yield batch, text


class _Unmoved(io.RawIOBase):
    """A file read by position: its descriptor is shared with another process, whose place in it must not move."""

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

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


if __name__ == "__main__":
    sys.exit(main())
