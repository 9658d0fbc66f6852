"""The product and the reference print the same figures, for made-up partners, to the last digit.

Two in `make test`, ten in the sweep. Thousands: `ORACLE_PARTNERS=2000 ORACLE_FIRST=1000 ORACLE_DAYS=10 .venv/bin/python -m
pytest tests/oracle -n 2 -q` (README.md of this folder); `ORACLE_REPORT=FILE` collects the days compared and every difference, a
line each.
"""

import os
from pathlib import Path

import pytest
from compare import compare
from compare_ahead import compare_ahead

FIRST = int(os.environ.get("ORACLE_FIRST", "1"))
MANY = "ORACLE_PARTNERS" in os.environ
COUNT = int(os.environ.get("ORACLE_PARTNERS", "10"))
DAYS = int(os.environ.get("ORACLE_DAYS", "6"))
REPORT = os.environ.get("ORACLE_REPORT")


def seeds(count, of_sample):
    """The seeds of so many partners; those after the first few are for the sweep, unless their number was asked for."""
    return [
        pytest.param(seed, marks=() if MANY or seed < FIRST + of_sample else pytest.mark.sweep)
        for seed in range(FIRST, FIRST + count)
    ]


@pytest.mark.parametrize("seed", seeds(COUNT, 2))
def test_figures_equal_the_reference(db, seed):
    """Every second partner comes in by several imports, with mistakes that later ones correct."""
    days, differences = compare(seed, days=DAYS, staged=seed % 2 == 0)
    if REPORT:
        with Path(REPORT).open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in [f"seed {seed}: {days} days", *differences]))
    assert not differences, "\n".join(differences[:12])
    assert days >= DAYS // 2


@pytest.mark.parametrize("seed", seeds((COUNT + 1) // 2, 1))
def test_what_lies_ahead_equals_the_reference(db, seed):
    compared, differences = compare_ahead(seed)
    if REPORT:
        with Path(REPORT).open("a", encoding="utf-8") as file:
            file.write(
                "".join(f"{line}\n" for line in [f"seed {seed}: {compared} values ahead, {DAYS} days", *differences])
            )
    assert not differences, "\n".join(differences[:12])
    assert compared > 50
