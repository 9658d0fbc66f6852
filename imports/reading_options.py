"""Choices of a person on how a file is read: its encoding, the row of its header, and what of it is hidden."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypedDict, cast

from imports.cells.encodings import ENCODINGS, Candidate

COUNT, LEAVE_OUT = "count", "leave_out"
HIDDEN = ("", COUNT, LEAVE_OUT)
MOST_HEADER_ROW = 1000
PREFIX = "read-"  # of the fields of a form


class ReadingData(TypedDict, total=False):
    """Options as they are stored; what is missing has its default."""

    encoding: str
    header_row: int
    hidden_rows: str
    hidden_columns: str


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How a file is read; the defaults stand for "not asked"."""

    encoding: str = ""  # of a CSV file; "" for UTF-8
    header_row: int = 0  # from 1; 0 for the first row, unless another looks like the header
    hidden_rows: str = ""  # `count`, `leave_out`, or "" for not asked, which counts them
    hidden_columns: str = ""

    def as_data(self) -> ReadingData:
        """The options as plain data."""
        return cast("ReadingData", {name: value for name, value in asdict(self).items() if value})


def options_from(data: Mapping[str, object]) -> ReadingOptions:
    """Options from plain data or from a form; unknown values have their default."""
    encoding, row = str(data.get("encoding", "")), str(data.get("header_row", "") or 0)
    hidden = [str(data.get(name, "")) for name in ("hidden_rows", "hidden_columns")]
    return ReadingOptions(
        encoding if encoding in ENCODINGS else "",
        int(row) if row.isascii() and row.isdecimal() and int(row[:5]) <= MOST_HEADER_ROW else 0,
        *(choice if choice in HIDDEN else "" for choice in hidden),
    )


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions about how a file is read."""

    encodings: Sequence[Candidate]  # that fit; none for UTF-8 and for workbooks
    rows: Sequence[tuple[int, list[str]]]  # the first ones, with their numbers
    likely_header: int  # number of the row that looks like the header
    hidden_rows: int
    hidden_columns: Sequence[str]
