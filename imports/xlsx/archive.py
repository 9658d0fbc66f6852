"""Zip container of a workbook, read without trusting what it says about itself.

The directory is read by hand, because everything that zip readers disagree about (overlaps, second names, false sizes) is a
reason to reject the file here.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

CHUNK = 1 << 16
MOST_PARTS = 10_000
MOST_DIRECTORY = 4 << 20  # bytes of the directory
_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _UTF8 = 0x1, 0x800
_MARK16, _MARK32 = 0xFFFF, 0xFFFFFFFF
_ARCHIVES = (".zip", ".xlsx", ".xlsm", ".docx", ".jar", ".gz", ".xz", ".bz2", ".7z", ".rar", ".tar", ".zst")
_EMBEDDED = "xl/embeddings/"  # objects of other programs on a sheet: never opened


class WorkbookError(Exception):
    """A workbook that is not read. `imports.workbooks` has the sentence of each `code`; `details` are its values."""

    def __init__(self, code: str, **details: str | int) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Part:
    """A file in the archive. Sizes are in bytes and, until it has been inflated, only what the directory declares."""

    name: str
    raw_name: bytes
    method: int
    crc: int
    packed: int
    size: int
    offset: int


class Archive:
    """The parts of a workbook by their lower-case names.

    most_unpacked: bytes that all parts may have together. Raises WorkbookError for anything irregular.
    """

    def __init__(self, file: IO[bytes], most_unpacked: int) -> None:
        self._file = file
        size = file.seek(0, 2)
        self._directory, length, count = self._end(size)
        self.parts: dict[str, Part] = {}
        for part in self._entries(length, count):
            key = part.name.replace("\\", "/").lstrip("/").lower()
            if key in self.parts:
                raise WorkbookError("duplicate_part", part=part.name[:100])
            if key.endswith(_ARCHIVES) and not key.startswith(_EMBEDDED):
                raise WorkbookError("nested", part=part.name[:100])
            self.parts[key] = part
        self.unpacked = sum(part.size for part in self.parts.values())
        if self.unpacked > most_unpacked:
            raise WorkbookError("too_large", most=most_unpacked)
        self._check_overlaps()

    def chunks(self, name: str, most: int) -> Iterator[bytes]:
        """The content of a part in pieces, counted while it is inflated. `most`: bytes that it may have."""
        part = self.parts.get(name.lower())
        if part is None:
            raise WorkbookError("damaged")
        if part.size > most:
            raise WorkbookError("part_too_large", part=part.name[:100], most=most)
        start = self._start(part)
        total = crc = 0
        for piece in self._inflated(part, start):
            total += len(piece)
            if total > part.size:
                raise WorkbookError("false_size", part=part.name[:100])
            crc = zlib.crc32(piece, crc)
            yield piece
        if total != part.size:
            raise WorkbookError("false_size", part=part.name[:100])
        if crc != part.crc:
            raise WorkbookError("damaged")

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(length)
        if len(data) != length:
            raise WorkbookError("damaged")
        return data

    def _end(self, size: int) -> tuple[int, int, int]:
        """Offset and length of the directory, and the number of its entries."""
        tail = self._read(size - min(size, 65_557), min(size, 65_557))
        at = tail.rfind(_END)
        if at < 0 or len(tail) - at < 22:
            raise WorkbookError("not_a_workbook")
        disk, first_disk, here, count, length, offset, comment = map(int, struct.unpack_from("<4H2LH", tail, at + 4))
        end = size - len(tail) + at
        if disk or first_disk or here != count or comment != len(tail) - at - 22:
            raise WorkbookError("damaged")
        if end >= 20 and self._read(end - 20, 4) == _LOCATOR:
            end, length, offset, count = self._end64(end - 20)
        elif count == _MARK16 or _MARK32 in (length, offset):
            raise WorkbookError("damaged")
        if count > MOST_PARTS or length > MOST_DIRECTORY:
            raise WorkbookError("too_many_parts", most=MOST_PARTS)
        if offset + length > end:
            raise WorkbookError("damaged")
        return offset, length, count

    def _end64(self, locator: int) -> tuple[int, int, int, int]:
        """From the 64-bit record: its own offset, and the directory's length, offset and number of entries."""
        disk, at, disks = map(int, struct.unpack("<LQL", self._read(locator + 4, 16)))
        if disk or disks != 1 or at + 56 > locator:
            raise WorkbookError("damaged")
        record = self._read(at, 56)
        here, count, length, offset = map(int, struct.unpack_from("<4Q", record, 24))
        if record[:4] != _END64 or here != count:
            raise WorkbookError("damaged")
        return at, length, offset, count

    def _entries(self, length: int, count: int) -> Iterator[Part]:
        directory = self._read(self._directory, length)
        at = 0
        for _number in range(count):
            if directory[at : at + 4] != _ENTRY or at + 46 > length:
                raise WorkbookError("damaged")
            flags, method = struct.unpack_from("<2H", directory, at + 8)
            crc, packed, size, name, extra, comment = struct.unpack_from("<3L3H", directory, at + 16)
            (offset,) = struct.unpack_from("<L", directory, at + 42)
            raw_name = directory[at + 46 : at + 46 + name]
            after = at + 46 + name + extra + comment
            if after > length:
                raise WorkbookError("damaged")
            if flags & _ENCRYPTED:
                raise WorkbookError("encrypted")
            wide = directory[at + 46 + name : at + 46 + name + extra]
            size, packed, offset = _widened(size, packed, offset, wide)
            yield Part(_decoded(raw_name, flags), raw_name, method, crc, packed, size, offset)
            at = after
        if at != length:
            raise WorkbookError("damaged")

    def _check_overlaps(self) -> None:
        """Raises WorkbookError when two parts share bytes."""
        in_order = sorted(self.parts.values(), key=lambda part: part.offset)
        ends = [part.offset for part in in_order[1:]] + [self._directory]
        for part, end in zip(in_order, ends, strict=True):
            if part.offset + 30 + len(part.raw_name) + part.packed > end:
                raise WorkbookError("overlap", part=part.name[:100])

    def _start(self, part: Part) -> int:
        """Where the packed bytes begin. The header before them must say the same as the directory."""
        header = self._read(part.offset, 30)
        flags, method = struct.unpack_from("<2H", header, 6)
        name, extra = struct.unpack_from("<2H", header, 26)
        start = part.offset + 30 + name + extra
        if header[:4] != _LOCAL or self._read(part.offset + 30, name) != part.raw_name:
            raise WorkbookError("damaged")
        if flags & _ENCRYPTED:
            raise WorkbookError("encrypted")
        if method != part.method or method not in (_STORED, _DEFLATED) or start + part.packed > self._directory:
            raise WorkbookError("damaged")
        return int(start)

    def _inflated(self, part: Part, start: int) -> Iterator[bytes]:
        left, at = part.packed, start
        inflater = zlib.decompressobj(-15)
        while left:
            piece = self._read(at, min(left, CHUNK))
            at, left = at + len(piece), left - len(piece)
            if part.method == _STORED:
                yield piece
                continue
            while piece:
                try:
                    out = inflater.decompress(piece, CHUNK)
                except zlib.error:
                    raise WorkbookError("damaged") from None
                piece = inflater.unconsumed_tail
                if out:
                    yield out
                elif inflater.eof:
                    break
        if part.method == _DEFLATED:
            while not inflater.eof:
                try:
                    out = inflater.decompress(b"", CHUNK)
                except zlib.error:
                    raise WorkbookError("damaged") from None
                if not out:
                    break
                yield out
            if not inflater.eof:
                raise WorkbookError("damaged")


def _decoded(name: bytes, flags: int) -> str:
    try:
        return name.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        return name.decode("cp437")


def _widened(size: int, packed: int, offset: int, extra: bytes) -> tuple[int, int, int]:
    """Values that did not fit into 32 bits, from the extra field."""
    if _MARK32 not in (size, packed, offset):
        return size, packed, offset
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            wide = [next(values, -1) if value == _MARK32 else value for value in (size, packed, offset)]
            if -1 not in wide:
                return wide[0], wide[1], wide[2]
        at += 4 + length
    raise WorkbookError("damaged")
