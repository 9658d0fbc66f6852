"""What reading a file gives: its tables as texts, where each of them came from, and what could not be read."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SHOWN_VALUE = 200  # characters of a wrong value that are kept to show it


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file. `column` is "" when no one column is meant; rows count from the header, which is 1."""

    row: int
    column: str
    value: str
    message: str
    accepted: str = ""


class UnreadableFile(Exception):  # noqa: N818 -- it says what the file is, not what the code did
    """The file as a whole cannot be read; `problem` says why. `name` is the file's, where it is known."""

    def __init__(self, message: str, accepted: str = "", row: int = 1) -> None:
        super().__init__(message)
        self.problem = Problem(row, "", "", message, accepted)
        self.name = ""


def shortened(value: str) -> str:
    """A wrong value as it is kept and shown."""
    return value if len(value) <= SHOWN_VALUE else value[:SHOWN_VALUE] + "…"


@dataclass(slots=True)
class Table:
    """One table of a file: the header as found, and a frame of trimmed texts whose index holds the row numbers.

    `sheet` is "" for CSV. `problems` are about single rows; `notices` are worth knowing and stop nothing.
    """

    sheet: str
    header: list[str]
    rows: "pd.DataFrame"
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
