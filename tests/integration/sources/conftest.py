"""Eastwind, a partner without facts, with connections to a folder and to a vendor that lives in memory."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.integration.imports.conftest import eastwind  # noqa: F401

type Rows = list[dict[str, str]]


@pytest.fixture
def command(eastwind: Any) -> Callable[..., tuple[int, str, str]]:  # noqa: F811
    """Run a command for Eastwind: exit code, output, errors."""

    def run(name: str, *arguments: Any) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(name, "eastwind", *map(str, arguments), stdout=out, stderr=err, no_color=True)
        except CommandError as error:
            return error.returncode, out.getvalue(), err.getvalue() + str(error)
        except SystemExit as error:
            return int(error.code or 0), out.getvalue(), err.getvalue()
        return 0, out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def sync(command: Any) -> Callable[..., dict[str, Any]]:
    """Run the command `sync` and read what it prints."""

    def run(*arguments: Any) -> dict[str, Any]:
        _code, out, err = command("sync", *arguments)
        assert not err, err
        report: dict[str, Any] = json.loads(out)
        return report

    return run


@pytest.fixture
def drop(tmp_path: Path, settings: Any) -> Callable[[str, Rows], Path]:
    """Put a file of rows into Eastwind's watched folder `inbox`, an hour ago."""
    settings.WATCHED_FOLDERS = str(tmp_path)
    inbox = tmp_path / "eastwind" / "inbox"
    inbox.mkdir(parents=True)

    def put(name: str, rows: Rows) -> Path:
        path = inbox / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        then = path.stat().st_mtime - 3600
        os.utime(path, (then, then))
        return path

    return put
