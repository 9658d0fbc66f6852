"""Files made to hurt whoever reads them: workbooks and CSV files for tests and for `python -m bench --only hostile`.

Every case is a function that gives the parts of a workbook, or the content of another file. `scale` makes the bombs larger:
1 is just beyond the limits.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEADER = '<row r="1"><c r="A1" t="str"><v>client_id</v></c><c r="B1" t="str"><v>name</v></c></row>'
MEGABYTE = 1 << 20
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"


@dataclass(frozen=True, slots=True)
class Repeated:
    """A part of `times` repetitions between a start and an end, packed without ever being in memory."""

    start: str
    piece: str
    times: int
    end: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an archive, and the lies about it: other sizes, flags or methods than it has."""

    name: str
    content: str | bytes | Repeated
    declared: int | None = None
    flags: int = 0
    method: int = 8
    crc: int | None = None
    at_first: bool = False  # the directory says that it begins where the first part does


def sheet(rows: str, *, before: str = "") -> str:
    """The XML of a sheet with a header and these rows."""
    return f'<worksheet xmlns="{MAIN}">{before}<sheetData>{HEADER}{rows}</sheetData></worksheet>'


def book(
    content: str | bytes | Repeated = "",
    *,
    strings: str | bytes | Repeated = "",
    styles: str | Repeated = "",
    sheets: int = 1,
    others: Sequence[Part] = (),
    lies: Sequence[Part] = (),
) -> list[Part]:
    """The parts of a workbook named after nothing with a sheet `clients`. `lies` take the place of parts of their name."""
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        for number in range(1, sheets + 1)
    )
    names = "".join(
        f'<sheet name="{"clients" if number == 1 else f"s{number}"}" sheetId="{number}" r:id="r{number}"/>'
        for number in range(1, sheets + 1)
    )
    if strings:
        relations += f'<Relationship Id="rs" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    if styles:
        relations += f'<Relationship Id="rt" Type="{OFFICE}/styles" Target="styles.xml"/>'
    parts = [
        Part(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{OFFICE}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        ),
        Part("xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>'),
        Part("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>'),
        Part(SHEET, content or sheet("")),
    ]
    parts += [Part(STRINGS, strings)] if strings else []
    parts += [Part("xl/styles.xml", styles)] if styles else []
    replaced = {part.name: part for part in lies}
    return [replaced.get(part.name, part) for part in parts] + list(others)


def packed(parts: Sequence[Part], *, end: Callable[[int, int, int], bytes] | None = None) -> bytes:
    """The archive. `end` makes its last record from count, length and offset of the directory."""
    out = BytesIO()
    directory = b""
    for part in parts:
        data, size, crc = _deflated(part)
        name = part.name.encode()
        offset = 0 if part.at_first else out.tell()
        said = size if part.declared is None else part.declared
        sizes = (crc if part.crc is None else part.crc, len(data), said)
        out.write(struct.pack("<4s5H3L2H", b"PK\3\4", 20, part.flags, part.method, 0, 33, *sizes, len(name), 0) + name)
        out.write(data)
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, part.flags, part.method, 0, 33, *sizes, len(name), 0, 0, 0, 0, 0, offset) + name  # fmt: skip  # noqa: E501
    at = out.tell()
    out.write(directory)
    if end:
        out.write(end(len(parts), len(directory), at))
    else:
        out.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(parts), len(parts), len(directory), at, 0))
    return out.getvalue()


def _deflated(part: Part) -> tuple[bytes, int, int]:
    """Packed bytes, size and checksum. A repeated piece is packed once: full flushes make blocks that can be repeated."""
    content = part.content
    if not isinstance(content, Repeated):
        raw = content.encode() if isinstance(content, str) else content
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        data = raw if part.method == 0 else packer.compress(raw) + packer.flush()
        return data, len(raw), zlib.crc32(raw)
    block = content.piece.encode() * max(MEGABYTE // len(content.piece), 1)
    whole = max(content.times * len(content.piece) // len(block), 1)
    start, end = content.start.encode(), content.end.encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    data += one * whole + packer.compress(end) + packer.flush()
    crc = zlib.crc32(start)
    if whole < 300:  # larger ones are never read to their end
        for _number in range(whole):
            crc = zlib.crc32(block, crc)
    return data, len(start) + len(block) * whole + len(end), zlib.crc32(end, crc)


def _cell(reference: str, row: str = "") -> list[Part]:
    return book(sheet(f'<row{row}><c r="{reference}"><v>1</v></c></row>'))


def _end64(count: int, length: int, offset: int, *, said: int) -> bytes:
    """The 64-bit record with a count that is not true, its locator, and the record that refers to it."""
    at = offset + length
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, said, said, length, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    return record + locator + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)


def _archive_of_archives() -> bytes:
    content = b"0" * MEGABYTE
    for depth in range(5):
        out = BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(4):
                archive.writestr(f"{number}.zip" if depth else f"{number}.txt", content)
        content = out.getvalue()
    return content


def _bomb(start: str, piece: str, megabytes: int, end: str) -> Repeated:
    return Repeated(start, piece, megabytes * MEGABYTE // len(piece), end)


def _strings(megabytes: int) -> Repeated:
    return _bomb(f'<sst xmlns="{MAIN}"><si><t>', "A" * 1024, megabytes, "</t></si></sst>")


def _rows(megabytes: int) -> Repeated:
    return _bomb(
        f'<worksheet xmlns="{MAIN}"><sheetData>{HEADER}', "<row><c><v>1</v></c></row>", megabytes, "</sheetData>"
    )


_ENTITIES = "<!DOCTYPE x [" + "<!ENTITY e0 'lol'>" + "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12)) + "]>"  # fmt: skip  # noqa: E501
_XXE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
_ONE_TEXT = f'<sst xmlns="{MAIN}"><si><t>{"A" * 30_000}</t></si></sst>'
_USED_OFTEN = sheet('<row><c t="s"><v>0</v></c><c t="s"><v>0</v></c></row>' * 20_000)
_FORMULA = '<row><c><f>HYPERLINK("http://x.example")</f></c></row>'


def bombs(scale: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files that unpack to about 200 MB times the scale."""
    for name, parts in (
        ("strings-bomb", book(strings=_strings(201 * scale))),
        ("sheet-bomb", book(_rows(201 * scale))),
        ("sheet-larger-than-it-says", book(lies=[Part(SHEET, _rows(300 * scale), declared=1000)])),
    ):
        yield f"{name}.xlsx", packed(parts)


def cases(scale: int = 1) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file."""
    books: dict[str, list[Part]] = {
        "far-cell": _cell("XFD1048576"),
        "far-cell-small-letters": _cell("xfd1048576"),
        "far-cell-in-its-row": _cell("XFD1048576", ' r="1048576"'),
        "far-cells-in-100000-rows": book(
            sheet("".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 100_004)))
        ),
        "column-beyond-the-last": _cell("XFE2"),
        "column-of-four-letters": _cell("AAAA2"),
        "row-0": _cell("A0"),
        "row-beyond-the-last": _cell("A1048577"),
        "row-of-20-digits": _cell("A99999999999999999999"),
        "negative-cell": _cell("A-1"),
        "empty-reference": _cell(""),
        "row-number-beyond": _cell("A1048577", ' r="1048577"'),
        "row-number-of-20-digits": _cell("A2", ' r="99999999999999999999"'),
        "row-number-negative": _cell("A2", ' r="-5"'),
        "row-number-0": _cell("A2", ' r="0"'),
        "cell-of-another-row": _cell("A7", ' r="2"'),
        "rows-backwards": book(sheet('<row r="9"/><row r="3"><c r="A3"><v>1</v></c></row>')),
        "cell-twice": book(sheet('<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>')),
        "row-of-16385-cells": book(sheet(f"<row>{'<c><v>1</v></c>' * 16_385}</row>")),
        "rows-without-end": book(_bomb(f'<worksheet xmlns="{MAIN}"><sheetData>{HEADER}', "<row/>", 8, "</sheetData>")),
        "number-of-no-size": book(sheet("<row><c><v>1e999</v></c></row>")),
        "no-such-text": book(sheet('<row><c t="s"><v>4000000000</v></c></row>'), strings=_ONE_TEXT),
        "columns-501": _wide(501),
        "columns-10000": _wide(10_000),
        "strings-bomb": book(strings=_strings(201 * scale)),
        "strings-part": book(sheet('<row><c t="s"><v>0</v></c></row>'), strings=_strings(101)),
        "styles-part": book(
            styles=_bomb(f'<styleSheet xmlns="{MAIN}"><cellXfs>', "<xf/>", 17, "</cellXfs></styleSheet>")
        ),
        "sheet-bomb": book(_rows(201 * scale)),
        "text-without-end": book(
            _bomb(f'<worksheet xmlns="{MAIN}"><sheetData>{HEADER}<row><c t="str"><v>', "A" * 64, 100, "</v></c></row>")
        ),
        "sheet-larger-than-it-says": book(lies=[Part(SHEET, _rows(300 * scale), declared=1000)]),
        "strings-larger-than-they-say": book(
            sheet('<row><c t="s"><v>0</v></c></row>'),
            strings=_ONE_TEXT,
            lies=[Part(STRINGS, _strings(300 * scale), declared=1000)],
        ),
        "sheet-smaller-than-it-says": book(lies=[Part(SHEET, sheet("")[:-30], declared=5000)]),
        "wrong-checksum": book(lies=[Part(SHEET, _rows(1), crc=1)]),
        "encrypted": book(lies=[Part(SHEET, sheet(""), flags=1)]),
        "other-compression": book(lies=[Part(SHEET, sheet(""), method=12)]),
        "part-twice": book(others=[Part(SHEET, sheet(""))]),
        "part-twice-in-capitals": book(others=[Part(SHEET.upper(), sheet(""))]),
        "overlapping-parts": book(others=[Part("xl/other.xml", "<x/>", at_first=True)]),
        "archive-inside": book(others=[Part("xl/inner.zip", _archive_of_archives())]),
        "parts-10001": book(others=[Part(f"xl/{n}.xml", "") for n in range(10_001)]),
        "sheets-201": book(sheets=201),
        "deep-xml": book(sheet("", before="<a>" * 100_000 + "</a>" * 100_000)),
        "entity-bomb": book(_ENTITIES + sheet("<row><c t='str'><v>&e11;</v></c></row>")),
        "external-entity": book(_XXE + sheet("<row><c t='str'><v>&e;</v></c></row>")),
        "entity-bomb-in-texts": book(
            sheet('<row><c t="s"><v>0</v></c></row>'),
            strings=_ENTITIES + f'<sst xmlns="{MAIN}"><si><t>&e11;</t></si></sst>',
        ),
        "entity-bomb-in-utf-16": book(
            ('<?xml version="1.0" encoding="UTF-16"?>' + _ENTITIES + sheet("")).encode("utf-16")
        ),
        "attribute-without-end": book(_bomb(f'<worksheet xmlns="{MAIN}" a="', "A" * 64, 40, '"/>')),
        "comment-without-end": book(_bomb(f'<worksheet xmlns="{MAIN}"><!-- ', "A" * 64, 40, "-->")),
        "one-text-in-every-cell": book(_USED_OFTEN, strings=_ONE_TEXT),
        "formulas-100001": book(sheet(_FORMULA * 100_001)),
        "no-sheet": [part for part in book() if part.name != SHEET],
        "sheet-is-no-xml": book("PK\x03\x04 not XML"),
    }
    for name, parts in books.items():
        yield f"{name}.xlsx", packed(parts)
    whole = packed(book())
    yield "cut-off.xlsx", whole[: len(whole) // 2]
    yield "64-bit-count.xlsx", packed(book(), end=lambda *at: _end64(*at, said=1 << 40))
    yield "64-bit-count-small.xlsx", packed(book(), end=lambda *at: _end64(*at, said=2))
    yield "archives-in-archives.xlsx", _archive_of_archives()
    yield "nothing-but-zeros.xlsx", b"\0" * MEGABYTE
    yield "columns-501.csv", (",".join(f"c{n}" for n in range(501)) + "\n").encode()
    yield "columns-1000000.csv", (",".join(f"c{n}" for n in range(1_000_000)) + "\n").encode()
    yield "cells-5000000.csv", b"client_id,name\n" + b"," * 5_000_000 + b"\n"
    yield "quote-without-end.csv", b'client_id,name\nA,"' + b"x\n" * 2_500_000
    yield "quoted-lines-without-end.csv", b'client_id,name\n"' + b'a\n","' * 200_000


def _wide(columns: int) -> list[Part]:
    cells = "".join(f'<c t="str"><v>c{n}</v></c>' for n in range(columns))
    return book(f'<worksheet xmlns="{MAIN}"><sheetData><row>{cells}</row></sheetData></worksheet>')


def write(folder: Path, scale: int = 1) -> list[Path]:
    """Write every file into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in cases(scale):
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths
