"""Protocol of the process that reads workbooks: requests and answers, one JSON object a line."""

from typing import TypedDict

type Finding = tuple[int, str, str]
type RowAnswer = tuple[int, int, str, list[Finding], list[str], bool]


class Request(TypedDict):
    """Which sheets to read (None: only their names), and the limits."""

    sheets: list[str] | None
    header_only: bool
    header_row: int  # from 1; 0 to read all rows, the header not known
    first_rows: int  # how many rows to read at most; 0 for all
    unpacked: int  # bytes that all parts of the workbook may have together
    memory: int  # bytes of address space
    seconds: int  # of processor time


class Answer(TypedDict, total=False):
    """One line. The first has `sheets` and `unpacked`, the last `complete` or `refused` with `details`.

    Between them, for every sheet that was asked for: `sheet`, `header`, its `findings` and `hidden_columns`, then lines with
    `rows`, then `merged` and `formulas`.
    """

    sheets: list[str]
    hidden_sheets: list[str]
    unpacked: int
    sheet: str
    header: list[str]
    findings: list[Finding]
    hidden_columns: list[int]  # their places
    rows: list[RowAnswer]  # number, beyond, first_beyond, findings, cells and hidden of `Row`
    merged: list[str]  # ranges such as A2:A4
    formulas: list[tuple[int, int]]  # place, and how many cells there hold a formula with a calculated value
    refused: str
    details: dict[str, str | int]
    complete: bool
