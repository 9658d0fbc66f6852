"""Result of reading a file: its tables as texts, and what could not be read."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SHOWN_VALUE = 200  # characters of a wrong value that are stored and shown


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file."""

    row: int  # the header is row 1
    column: str  # "" when no single column is meant
    value: str
    message: str
    accepted: str = ""  # what would be accepted; "" when that goes without saying


class UnreadableFile(Exception):  # noqa: N818 -- it says what the file is, not what the code did
    """The file as a whole cannot be read; `problem` says why. `name` is the file's, "" when it is not known.

    asks: a person may say how to read it (`imports.reading_options`).
    """

    def __init__(self, message: str, accepted: str = "", row: int = 1, *, asks: bool = False) -> None:
        super().__init__(message)
        self.problem = Problem(row, "", "", message, accepted)
        self.name = ""
        self.asks = asks


def shortened(value: str) -> str:
    """A wrong value as it is stored and shown."""
    return value if len(value) <= SHOWN_VALUE else value[:SHOWN_VALUE] + "…"


@dataclass(slots=True)
class Table:
    """One table of a file. `problems` are about single rows; `notices` are for information only."""

    sheet: str  # "" for CSV
    header: list[str]  # as in the file
    rows: "pd.DataFrame"  # trimmed texts; the index holds the row numbers
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    header_row: int = 1
    likely_header: int = 0  # another row that looks like the header; 0 for none
    hidden_rows: int = 0  # how many there are, left out or not
    hidden_columns: list[str] = field(default_factory=list)  # their names
