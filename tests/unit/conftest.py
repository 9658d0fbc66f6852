"""The programme that ships, read once: the unit tests need neither Django nor a database."""

import tomllib
from pathlib import Path

import pytest

from program.rulebook import Rulebook, parse_rulebook


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    file = Path(__file__).resolve().parents[2] / "program/data/programme.toml"
    return parse_rulebook(tomllib.loads(file.read_text(encoding="utf-8")))
