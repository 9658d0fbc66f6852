"""The result of one examination."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen, and what an operator does about it."""

    level: Level
    text: str
    #: Empty when nothing has to be done.
    remedy: str = ""


type Check = Callable[[], Iterator[Finding]]


def ok(text: str) -> Finding:
    """Nothing to do."""
    return Finding(Level.OK, text)


def warning(text: str, remedy: str) -> Finding:
    """Works, but not as it should."""
    return Finding(Level.WARNING, text, remedy)


def failed(text: str, remedy: str) -> Finding:
    """Does not work, or is not safe."""
    return Finding(Level.FAILED, text, remedy)
