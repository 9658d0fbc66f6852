"""What the process that reads workbooks is asked, and what it answers: one JSON object a line."""

from typing import TypedDict

type Finding = tuple[int, str, str]
type RowAnswer = tuple[int, int, str, list[Finding], list[str]]


class Request(TypedDict):
    """Which sheets to read (None: only their names), and the limits."""

    sheets: list[str] | None
    header_only: bool
    unpacked: int  # bytes that all parts of the workbook may have together
    memory: int  # bytes of address space
    seconds: int  # of processor time


class Answer(TypedDict, total=False):
    """One line. The first has `sheets` and `unpacked`, the last `complete` or `refused` with `details`.

    Between them, for every sheet that was asked for: `sheet`, `header` and its `findings`, then lines with `rows`.
    """

    sheets: list[str]
    unpacked: int
    sheet: str
    header: list[str]
    findings: list[Finding]
    rows: list[RowAnswer]  # number, beyond, first_beyond, findings and cells of `Row`
    refused: str
    details: dict[str, str | int]
    complete: bool
