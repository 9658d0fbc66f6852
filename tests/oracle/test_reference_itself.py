"""The reference agrees with the expected figures of the demo partner, whoever is right about the rest."""

import json
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from reference import Reference, half_up, read_programme, read_tables, show

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = sorted((ROOT / "tests" / "expected").glob("*.json"))


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
def test_the_demo_partner(path):
    expected = json.loads(path.read_text(encoding="utf-8"))
    day, first, last = (
        date.fromisoformat(text) for text in (path.stem, expected["changes"]["from"], expected["changes"]["to"])
    )
    tables = read_tables(ROOT / "demo" / "northwind")
    programme = read_programme(ROOT / "program" / "data" / "programme.toml")
    found = Reference(tables, programme, day).figures(day, first, last, clients="clients" in expected)
    assert {"partner": "northwind"} | found == expected


@pytest.mark.parametrize(
    ("value", "shown"), [("1.00005", "1.0000"), ("1.00015", "1.0002"), ("-0.00004", "0.0000"), ("-1.5", "-1.5000")]
)
def test_shown_half_even_without_minus_nought(value, shown):
    assert show(Fraction(value), 4) == shown


@pytest.mark.parametrize(("value", "rounded"), [("1.025", "1.03"), ("-1.025", "-1.03"), ("-1.024", "-1.02")])
def test_half_up_is_away_from_nought(value, rounded):
    assert half_up(Fraction(value), 2) == Fraction(rounded)
