"""Why the credited tier changed, or did not, as values (`docs/points.md` 7); `tiers.reason_text` makes the sentences.

Pure. A change stores its reason as JSON: `to_json` and `from_json` are each other's inverse.
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
    """A requirement of a tier that was met: what there was, unrounded, and what is needed."""

    metric: Metric
    have: Decimal
    need: Decimal


@dataclass(frozen=True, slots=True)
class Rose:
    """All requirements of a tier above were met on the day."""

    met: tuple[MetRequirement, ...]
    newly_certified: str | None  # the certification that became valid on the day; None when it was held the day before
    not_invited: str | None  # the tier whose requirements were met too, but that needs an invitation


@dataclass(frozen=True, slots=True)
class Held:
    """A review that could not lower a tier, since it was credited less than `months` months before."""

    tier: str
    since: date
    months: int


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A review that took every tier away: nobody held the certification on the day."""

    certification: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A review that kept the tier: at least one of its `readings` met it."""

    tier: str
    met: tuple[date, ...]
    readings: int


@dataclass(frozen=True, slots=True)
class Fell:
    """A review that lowered the tier: none of its `readings` since a day met it."""

    tier: str
    best: str | None  # the highest tier that a reading met; None: untiered
    since: date
    readings: int


type Reason = Rose | Held | Lapsed | Kept | Fell


def to_json(reason: Reason) -> dict[str, Any]:
    """The reason as plain JSON values: decimals and days as texts, `kind` names the class."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(reason), default=str))
    return {"kind": type(reason).__name__.lower(), **values}


def from_json(stored: Mapping[str, Any]) -> Reason:
    """The reason that `to_json` wrote. Raises KeyError or ValueError for anything else."""
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
