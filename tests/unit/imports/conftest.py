"""Reads workbooks without starting a process for each of them: quicker, and what is read with counts as tested."""

import json
import tempfile
from typing import IO, Any

import pytest

from imports import workbooks
from imports.xlsx import process
from imports.xlsx.archive import WorkbookError


class InThisProcess:
    """Stands in for the process that reads a workbook: the same code and answers, without its limits."""

    def __init__(self, command: list[str], *, stdin: int, **_how: Any) -> None:
        self.stdout: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- the caller closes it
        with pytest.MonkeyPatch.context() as patch:
            positioned = process._PositionedFile
            patch.setattr(process, "_PositionedFile", lambda _descriptor: positioned(stdin))
            try:
                for answer in process._answers(json.loads(command[-1])):
                    self._write(answer)
                self._write({"complete": True})
            except WorkbookError as error:
                self._write({"refused": error.code, "details": error.details})
        self.stdout.seek(0)

    def _write(self, answer: Any) -> None:
        self.stdout.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")

    def kill(self) -> None:
        """It has ended."""

    def wait(self) -> int:
        """Its exit code."""
        return 0


@pytest.fixture
def reads_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks.subprocess, "Popen", InThisProcess)
