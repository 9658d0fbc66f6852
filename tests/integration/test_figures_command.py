"""`figures` prints what the expected files say, for the demo partner as it was imported into the real database."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

EXPECTED = sorted((Path(__file__).resolve().parents[1] / "expected").glob("*.json"))


def figures(capsys, *arguments: str) -> dict[str, object]:
    call_command("figures", *arguments, stdout=io.StringIO())
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
def test_figures_equal_the_expected_file(partner, capsys, path):
    expected = json.loads(path.read_text(encoding="utf-8"))
    period = expected["changes"]
    found = figures(capsys, "northwind", "--on", path.stem, "--from", period["from"], "--to", period["to"], "--clients")
    assert found == expected
    assert list(found) == list(expected)


def test_defaults_are_today_and_the_30_days_that_end_on_it(partner, capsys):
    found = figures(capsys, "northwind")
    assert found["on"] == "2026-11-23"
    assert (found["changes"]["from"], found["changes"]["to"]) == ("2026-10-25", "2026-11-23")
    assert "clients" not in found


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["northwind", "--on", "2026-11-24"], "2026-11-24"),
        (["northwind", "--on", "2026-11-01", "--to", "2026-11-02"], "ends on 2026-11-02"),
        (["northwind", "--from", "2026-11-20", "--to", "2026-11-02"], "reversed"),
        (["nobody"], "no partner"),
        (["northwind", "--on", "2026-02-30"], "“2026-02-30” is not a day from 1900-01-01 to 2199-12-31 as YYYY-MM-DD"),
        (["northwind", "--on", "0001-01-01"], "is not a day"),
        (["northwind", "--from", "20261101"], "is not a day"),
        (["northwind", "--to", "9999-12-31"], "is not a day"),
    ],
)
def test_wrong_usage_exits_with_2(partner, arguments, told):
    with pytest.raises(CommandError) as error:
        call_command("figures", *arguments)
    assert told in str(error.value)
    if "is not a day" not in told:  # call_command says this itself, without a code
        assert error.value.returncode == 2
