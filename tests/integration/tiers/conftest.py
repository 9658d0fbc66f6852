"""What the demo partner's figures must be, by day."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "expected"
DAYS = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.fixture(scope="session")
def expected():
    return {day: json.loads((FOLDER / f"{day}.json").read_text(encoding="utf-8")) for day in DAYS}


def pytest_generate_tests(metafunc):
    if "expected_day" in metafunc.fixturenames:
        metafunc.parametrize("expected_day", DAYS)
