"""What a range of days is compared with: the one before it, or the same dates a year earlier.

An address asks with `<prefix>cmp=prev|year|none`. What the base held is for the caller to read; days before the first data
are no data, never nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import DAY, ChosenPeriod, Period

NONE, PREVIOUS, YEAR = "none", "prev", "year"
BASES: Mapping[str, object] = {
    NONE: gettext_lazy("Nothing"),
    PREVIOUS: gettext_lazy("The range before"),
    YEAR: gettext_lazy("The same dates a year earlier"),
}
UNIT_MONTHS = {
    "this-month": 1,
    "previous-month": 1,
    "this-quarter": 3,
    "previous-quarter": 3,
    "this-year": 12,
    "previous-year": 12,
    "this-programme-year": 12,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an address compares with. base: the days, None for no comparison; known: whether all of them have data.
    problem: what was wrong with the address, if anything."""

    how: str
    base: Period | None
    known: bool
    problem: str

    def difference[Number: (int, Decimal, Fraction)](self, now: Number, before: Number | None) -> "Difference | None":
        """How a figure moved; None without a comparison."""
        if self.base is None:
            return None
        return Difference(None, None) if before is None or not self.known else Difference(before, now - before)


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure's value in the base and how far it has moved since; both None for no data."""

    before: int | Decimal | Fraction | None
    change: int | Decimal | Fraction | None


def compared(data: Mapping[str, str], chosen: ChosenPeriod, *, starts: date | None) -> Comparison:
    """Read `<prefix>cmp` from `data` for the range `chosen`; an unknown value compares with nothing, and says so.

    starts: the first day with data. A base that begins earlier is not known: part of it would pass for a low figure.
    """
    asked = data.get(f"{chosen.prefix}cmp", "").strip() or NONE
    problem = ""
    if asked not in BASES:
        problem = _("“%(value)s” is nothing to compare with; no comparison is shown.") % {"value": asked[:40]}
        asked = NONE
    base = None
    if asked == PREVIOUS:
        base = period_before(chosen.period, chosen.preset)
    elif asked == YEAR:
        base = year_before(chosen.period)
    return Comparison(asked, base, base is not None and starts is not None and starts <= base.first, problem)


def period_before(period: Period, preset: str) -> Period:
    """The unit before for calendar presets (one so far against as many days of the one before), else as many days."""
    months = UNIT_MONTHS.get(preset)
    if months is None:
        return Period(period.first - period.days * DAY, period.day_before)
    first = add_months(period.first, -months)
    if preset.startswith("this-"):
        return Period(first, min(first + (period.days - 1) * DAY, period.day_before))
    return Period(first, period.day_before)


def year_before(period: Period) -> Period:
    """The same days a year earlier; 29 February becomes 28 February."""
    return Period(add_months(period.first, -12), add_months(period.last, -12))
