"""`import_data` (docs/contract.md): exit codes, one line an error, the clock, the demo partner's own files."""

import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.integration.imports.conftest import CLIENTS, DEALS, FACTS, with_cell

DEMO = Path(__file__).resolve().parents[3] / "demo" / "northwind"


@pytest.fixture
def run(eastwind: Any, files: Callable[..., list[Path]]) -> Callable[..., tuple[int, str, str]]:
    """Run the command on kinds with rows or on named files: exit code, output, errors."""

    def command(contents: Any, *options: str, slug: str = "eastwind") -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        paths = files(contents) if isinstance(contents, dict) else contents
        try:
            call_command("import_data", slug, *map(str, paths), *options, stdout=out, stderr=err, no_color=True)
        except CommandError as error:
            return error.returncode, out.getvalue(), err.getvalue() + str(error)
        return 0, out.getvalue(), err.getvalue()

    return command


def test_written(run: Any, stored: Any) -> None:
    code, out, err = run(FACTS)
    assert (code, err) == (0, "")
    assert "deals.csv: 2 new rows, 0 changed, 0 unchanged" in out
    assert re.search(r"Batch #\d+ is written: 12 rows, \d+ ledger entries\.", out)
    assert len(stored()["deals"]) == 2


def test_every_error_on_a_line_of_its_own_and_nothing_written(run: Any, stored: Any, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    deals = with_cell(with_cell(DEALS, 0, "mrr", "12.345"), 1, "origin", "two\nlines")
    code, out, err = run({"clients": CLIENTS, "deals": deals, "services.csv": "client_id,started_on\n"})
    assert code == 1
    assert out == ""
    assert err.splitlines()[:2] == [
        f"{folder}/deals.csv:2: mrr: more than 2 decimals ('12.345'); "
        "accepted: a number above 0 with at most 2 decimals, such as 1250.50",
        f"{folder}/deals.csv:3: origin: not one of the accepted words ('two\\nlines'); accepted: sourced, assisted, none",
    ]
    assert f"{folder}/services.csv:1: mrr: the column is missing; accepted: a column with exactly this name" in err
    assert err.splitlines()[-1] == "Nothing was imported: 5 errors."
    assert stored()["clients"] == []


def test_skip_bad_rows(run: Any, stored: Any) -> None:
    code, out, err = run({"clients": CLIENTS, "deals": with_cell(DEALS, 0, "mrr", "0")}, "--skip-bad-rows")
    assert code == 0
    assert ":2: mrr: not above 0 ('0')" in err
    assert "4 rows, 1 left out" in out
    assert [row[0] for row in stored()["deals"]] == ["D2"]


def test_on_is_today_for_the_run(run: Any, eastwind: Any) -> None:
    from ledger.models import PointEntry

    assert run({"clients": CLIENTS, "deals": DEALS}, "--on", "2026-01-31")[0] == 0
    assert PointEntry.objects.filter(partner=eastwind).count() == 0
    assert run({"clients": CLIENTS}, "--on", "2026-02-01")[0] == 0
    assert PointEntry.objects.filter(partner=eastwind).count() == 1


@pytest.mark.parametrize(
    ("contents", "options", "slug", "told"),
    [
        ({"clients": CLIENTS}, (), "westwind", "There is no partner “westwind”."),
        ({"people.csv": "a\n"}, (), "eastwind", "neither the file's name nor a sheet's says what it holds; accepted: "),
        (
            {"clients.pdf": "a\n"},
            (),
            "eastwind",
            "only CSV (.csv, .tsv, .txt) and Excel (.xlsx, .xlsm) files can be imported.",
        ),
        ([Path("/nowhere/clients.csv")], (), "eastwind", "/nowhere/clients.csv: there is no such file."),
        ([], (), "eastwind", "the following arguments are required"),
        ({"clients": CLIENTS}, ("--on", "tomorrow"), "eastwind", "--on"),
    ],
)
def test_wrong_usage(run: Any, contents: Any, options: tuple[str, ...], slug: str, told: str) -> None:
    code, out, err = run(contents, *options, slug=slug)
    if told not in ("the following arguments are required", "--on"):  # call_command says these itself, without a code
        assert code == 2
    assert out == ""
    assert told in err


def test_a_damaged_workbook(run: Any) -> None:
    code, _out, err = run({"clients.xlsx": b"hello"})
    assert code == 1
    line, last = err.splitlines()
    assert line.endswith(
        "clients.xlsx:1: *: the file is not a workbook, or a damaged one; accepted: a workbook saved as .xlsx, or CSV"
    )
    assert not line.startswith("CommandError")
    assert last == "Nothing was imported: 1 error."


def test_a_column_that_nobody_reads_is_named(run: Any) -> None:
    code, out, _err = run({"clients": "client_id,name,country,currency,shoe_size\nC1,One,US,USD,44\n"})
    assert code == 0
    assert "clients.csv: column “shoe_size” ignored\n" in out


def test_the_demo_partner_again_in_another_order_changes_nothing(partner: Any, scope: Any, tmp_path: Path) -> None:
    from ledger.models import PointEntry

    before = PointEntry.objects.filter(partner=partner).count()
    paths = sorted(DEMO.glob("*.csv"), reverse=True)
    assert len(paths) == 8
    for path in paths:
        out = io.StringIO()
        call_command("import_data", "northwind", str(shutil.copy(path, tmp_path)), stdout=out)
        assert f"{path.name}: 0 new rows, 0 changed, " in out.getvalue()
        assert "0 ledger entries" in out.getvalue()
    assert PointEntry.objects.filter(partner=partner).count() == before
