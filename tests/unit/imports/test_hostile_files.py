"""Files made to hurt are answered with a sentence, quickly, and cost neither the process that asks nor the one that reads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import hostile

pytestmark = pytest.mark.xdist_group("hostile")  # one worker reads them all

NOT_A_WORKBOOK = "the file is not a workbook, or a damaged one"
STRANGE = "its XML is not that of a workbook"
FAR = "row 1048576: 16384 cells, but the header has 2"
SAID = {
    "far-cell.xlsx": FAR,
    "far-cell-small-letters.xlsx": FAR,
    "far-cell-in-its-row.xlsx": FAR,
    "far-cells-in-100000-rows.xlsx": "more than 100,000 cells or rows cannot be used, such as this one: "
    "16384 cells, but the header has 2",
    "column-beyond-the-last.xlsx": "sheet “clients”, cell XFE2: there is no such cell",
    "column-of-four-letters.xlsx": "sheet “clients”, cell AAAA2: there is no such cell",
    "row-0.xlsx": "sheet “clients”, cell A0: there is no such cell",
    "row-beyond-the-last.xlsx": "sheet “clients”, cell A1048577: there is no such cell",
    "row-of-20-digits.xlsx": "sheet “clients”, cell A99999999999999999999: there is no such cell",
    "negative-cell.xlsx": "sheet “clients”, cell A-1: there is no such cell",
    "empty-reference.xlsx": "sheet “clients”, cell : there is no such cell",
    "row-number-beyond.xlsx": "sheet “clients”, row 1048577: there is no such row",
    "row-number-of-20-digits.xlsx": "sheet “clients”, row 99999999999999999999: there is no such row",
    "row-number-negative.xlsx": "sheet “clients”, row -5: there is no such row",
    "row-number-0.xlsx": "sheet “clients”, row 0: there is no such row",
    "cell-of-another-row.xlsx": "sheet “clients”, cell A7: it stands in row 2",
    "rows-backwards.xlsx": "sheet “clients”, row 3: its rows are not in order",
    "cell-twice.xlsx": "sheet “clients”, cell A2: it is there twice, or not in order",
    "row-of-16385-cells.xlsx": "sheet “clients”, cell 16385:2: there is no such cell",
    "rows-without-end.xlsx": "sheet “clients”, row 1048577: there is no such row",
    "number-of-no-size.xlsx": "sheet “clients”, cell A2: its value cannot be read",
    "no-such-text.xlsx": "sheet “clients”, cell A2: its value cannot be read",
    "columns-501.xlsx": "sheet “clients” has 501 columns; a file may have 500",
    "columns-10000.xlsx": "sheet “clients” has 10000 columns; a file may have 500",
    "columns-501.csv": "501 columns; a file may have 500",
    "columns-1000000.csv": "more than 100,000 separators in this row",
    "cells-5000000.csv": "more than 100,000 separators in this row",
    "quoted-lines-without-end.csv": "more than 100,000 separators in this row",
    "quote-without-end.csv": "more than 4,194,304 characters in this row",
    "strings-bomb.xlsx": "unpacked it is larger than 200 MB",
    "sheet-bomb.xlsx": "unpacked it is larger than 200 MB",
    "strings-part.xlsx": "its part xl/sharedStrings.xml is larger than 100 MB unpacked",
    "styles-part.xlsx": "its part xl/styles.xml is larger than 16 MB unpacked",
    "text-without-end.xlsx": "a cell has more than 1,000,000 characters",
    "one-text-in-every-cell.xlsx": "the texts of its cells are together larger than 200 MB",
    "sheet-larger-than-it-says.xlsx": "the part xl/worksheets/sheet1.xml has another size than the file says",
    "sheet-smaller-than-it-says.xlsx": "the part xl/worksheets/sheet1.xml has another size than the file says",
    "strings-larger-than-they-say.xlsx": "the part xl/sharedStrings.xml has another size than the file says",
    "wrong-checksum.xlsx": NOT_A_WORKBOOK,
    "encrypted.xlsx": "the workbook is behind a password",
    "other-compression.xlsx": NOT_A_WORKBOOK,
    "part-twice.xlsx": "it holds the part xl/worksheets/sheet1.xml twice",
    "part-twice-in-capitals.xlsx": "it holds the part XL/WORKSHEETS/SHEET1.XML twice",
    "overlapping-parts.xlsx": "parts of it overlap: _rels/.rels",
    "archive-inside.xlsx": "there is an archive in it: xl/inner.zip",
    "archives-in-archives.xlsx": "there is an archive in it: 0.zip",
    "parts-10001.xlsx": "it has more than 10,000 parts",
    "64-bit-count.xlsx": "it has more than 10,000 parts",
    "64-bit-count-small.xlsx": NOT_A_WORKBOOK,
    "sheets-201.xlsx": "it has more than 200 sheets",
    "deep-xml.xlsx": STRANGE,
    "entity-bomb.xlsx": STRANGE,
    "entity-bomb-in-texts.xlsx": STRANGE,
    "entity-bomb-in-utf-16.xlsx": STRANGE,
    "external-entity.xlsx": STRANGE,
    "attribute-without-end.xlsx": STRANGE,
    "comment-without-end.xlsx": STRANGE,
    "formulas-100001.xlsx": "more than 100,000 cells or rows cannot be used, such as this one: "
    "a formula without a calculated value",
    "no-sheet.xlsx": "the sheet “clients” is not in the file",
    "sheet-is-no-xml.xlsx": NOT_A_WORKBOOK,
    "cut-off.xlsx": NOT_A_WORKBOOK,
    "nothing-but-zeros.xlsx": NOT_A_WORKBOOK,
}
# What takes most of the time; files of the same kinds of attack, far cells, bombs and rows without end, are read always.
COSTLY = {
    "rows-without-end.xlsx", "far-cells-in-100000-rows.xlsx", "formulas-100001.xlsx", "one-text-in-every-cell.xlsx",
    "cells-5000000.csv", "quote-without-end.csv", "wrong-checksum.xlsx", "columns-1000000.csv",
}  # fmt: skip
SECONDS = 15  # of processor time; the slowest takes two on a machine that does nothing else
GROWN = 100  # MiB more than the asking process has when idle
PEAK = 350  # MiB of a process that reads


@pytest.fixture(scope="module", params=["sample", pytest.param("all", marks=pytest.mark.sweep)])
def readings(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("hostile")
    for name, content in hostile.cases():
        if request.param == "all" or name not in COSTLY:
            (folder / name).write_bytes(content)
    reader = Path(__file__).with_name("read_hostile.py")
    run = subprocess.run(
        [sys.executable, str(reader), str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    read = {name: rest for name, *rest in map(json.loads, run.stdout.splitlines())}
    assert SAID.keys() - read.keys() == (COSTLY if request.param == "sample" else set())
    return read


def test_every_hostile_file_gets_its_sentence(readings: dict[str, Any]) -> None:
    assert {name: reading[0] for name, reading in readings.items()} == {name: SAID[name] for name in readings}


def test_none_takes_long_or_much_memory(readings: dict[str, Any]) -> None:
    assert {name: seconds for name, (_said, seconds, _grown, _peak) in readings.items() if seconds > SECONDS} == {}
    assert max(grown for _said, _seconds, grown, _peak in readings.values()) < GROWN
    assert max(peak for _said, _seconds, _grown, peak in readings.values()) < PEAK


def test_the_count_in_the_security_page_is_that_of_the_files() -> None:
    page = (Path(hostile.__file__).resolve().parents[1] / "docs" / "security.md").read_text()
    assert f"{len(SAID)} hostile files" in page
    assert f"{len(COSTLY)} of them in `make sweep` alone" in page
