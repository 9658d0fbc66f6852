"""The reasons why the credited tier changed or did not, as values (`docs/points.md` 7).

Pure. A change stores its reason as JSON, by `to_json` and `from_json`; `tiers.reason_text` makes the sentences.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from program.terms import Metric


@dataclass(frozen=True, slots=True)
class MetRequirement:
    """A requirement of a tier that was met."""

    metric: Metric
    #: The value of the metric, unrounded.
    have: Decimal
    #: The value required.
    need: Decimal


@dataclass(frozen=True, slots=True)
class Rose:
    """A rise: all requirements of a higher tier were met on the day."""

    met: tuple[MetRequirement, ...]
    #: The certification that became valid on the day; None when it was held the day before.
    newly_certified: str | None
    #: A tier whose requirements were met too, but that needs an invitation; None when there is none.
    not_invited: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """A review that could not lower the tier, because it had been credited for too short a time."""

    tier: str
    #: The day on which the tier was credited.
    since: date
    #: The number of months for which a credited tier is held.
    months: int


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A review that left the partner untiered, because nobody held the certification on the day."""

    #: The name of the certification.
    certification: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A review that kept the tier, because at least one reading met it."""

    tier: str
    #: The days of the readings that met the tier.
    met: tuple[date, ...]
    #: The number of readings of the review.
    readings: int


@dataclass(frozen=True, slots=True)
class Fell:
    """A review that lowered the tier, because no reading met it."""

    #: The tier before the review.
    tier: str
    #: The highest tier that a reading met; None: untiered.
    best: str | None
    #: The first day of the window of readings.
    since: date
    #: The number of readings of the review.
    readings: int


type Reason = Rose | Held | Lapsed | Kept | Fell


def to_json(reason: Reason) -> dict[str, object]:
    """The reason as plain JSON values: decimals and days as texts, and the class as `kind`."""
    values: dict[str, object] = json.loads(json.dumps(asdict(reason), default=str))
    return {"kind": type(reason).__name__.lower(), **values}


def from_json(stored: Mapping[str, Any]) -> Reason:
    """The reason that `to_json` stored. Raises KeyError or ValueError for anything else."""
    values = {name: value for name, value in stored.items() if name != "kind"}
    match stored["kind"]:
        case "rose":
            met = (
                MetRequirement(Metric(row["metric"]), Decimal(row["have"]), Decimal(row["need"]))
                for row in values["met"]
            )
            return Rose(**values | {"met": tuple(met)})
        case "held":
            return Held(**values | {"since": date.fromisoformat(values["since"])})
        case "lapsed":
            return Lapsed(**values)
        case "kept":
            return Kept(**values | {"met": tuple(map(date.fromisoformat, values["met"]))})
        case "fell":
            return Fell(**values | {"since": date.fromisoformat(values["since"])})
        case other:
            raise ValueError(f"“{other}” is no kind of reason")
