"""The range of a section: the days that an address asks for, and the days that it compares them with.

A section (a panel, or a page with one range) reads three parameters, and a fourth if it can compare:

    <prefix>range=last-30-days                            a preset, which moves with the clock
    <prefix>from=2026-10-01  <prefix>to=2026-10-31        a custom range, both days included
    <prefix>cmp=prev | year | none                        the base of the comparison

Without a prefix they belong to all sections of the page that name nothing of their own. `lib.web.range_control` is the control
that changes them, and `accounts.last_ranges` remembers the last choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partner_portal.lib.dates.months import add_months, month_start, quarter_start
from partner_portal.lib.dates.periods import DAY, Period, requested_day

RANGE_NAMES = ("range", "from", "to")  # of the parameters, after the prefix
COMPARE_NAME = "cmp"
NAMES = (*RANGE_NAMES, COMPARE_NAME)

# Presets whose days depend on the programme's rules: label and days by key.
type ProgrammePresets = Mapping[str, tuple[str, Period]]


# Presets


class Group(StrEnum):
    """How a preset moves; the control lists presets by it, in this order."""

    ROLLING = "rolling"
    CALENDAR = "calendar"
    PROGRAMME = "programme"
    AHEAD = "ahead"


GROUP_LABELS = {
    Group.ROLLING: gettext_lazy("Rolling, today included"),
    Group.CALENDAR: gettext_lazy("Calendar"),
    Group.PROGRAMME: gettext_lazy("Programme"),
    Group.AHEAD: gettext_lazy("Ahead"),
}


@dataclass(frozen=True, slots=True)
class Preset:
    """A range with a name."""

    group: Group
    label: Promise
    #: Its days, given today.
    days: Callable[[date], Period]


def _last(days: int) -> Callable[[date], Period]:
    return lambda today: Period(today - (days - 1) * DAY, today)


def _next(days: int) -> Callable[[date], Period]:
    return lambda today: Period(today, today + (days - 1) * DAY)


def _previous(start: Callable[[date], date], months: int) -> Callable[[date], Period]:
    return lambda today: Period(add_months(start(today), -months), start(today) - DAY)


def _year_start(day: date) -> date:
    return date(day.year, 1, 1)


PRESETS: Mapping[str, Preset] = {
    "last-7-days": Preset(Group.ROLLING, gettext_lazy("Last 7 days"), _last(7)),
    "last-30-days": Preset(Group.ROLLING, gettext_lazy("Last 30 days"), _last(30)),
    "last-90-days": Preset(Group.ROLLING, gettext_lazy("Last 90 days"), _last(90)),
    "last-12-months": Preset(
        Group.ROLLING, gettext_lazy("Last 12 months"), lambda today: Period(add_months(today, -12) + DAY, today)
    ),
    "this-month": Preset(
        Group.CALENDAR, gettext_lazy("This month so far"), lambda today: Period(month_start(today), today)
    ),
    "previous-month": Preset(Group.CALENDAR, gettext_lazy("Previous month"), _previous(month_start, 1)),
    "this-quarter": Preset(
        Group.CALENDAR, gettext_lazy("This quarter so far"), lambda today: Period(quarter_start(today), today)
    ),
    "previous-quarter": Preset(Group.CALENDAR, gettext_lazy("Previous quarter"), _previous(quarter_start, 3)),
    "this-year": Preset(
        Group.CALENDAR, gettext_lazy("This year so far"), lambda today: Period(_year_start(today), today)
    ),
    "previous-year": Preset(Group.CALENDAR, gettext_lazy("Previous year"), _previous(_year_start, 12)),
    "next-30-days": Preset(Group.AHEAD, gettext_lazy("Next 30 days"), _next(30)),
    "next-90-days": Preset(Group.AHEAD, gettext_lazy("Next 90 days"), _next(90)),
    "next-180-days": Preset(Group.AHEAD, gettext_lazy("Next 180 days"), _next(180)),
}
LOOKING_BACK = tuple(key for key, preset in PRESETS.items() if preset.group in {Group.ROLLING, Group.CALENDAR})
AHEAD = tuple(key for key, preset in PRESETS.items() if preset.group == Group.AHEAD)
# Presets that get their days from the programme's rules (`program.periods`), and have none at times.
PROGRAMME_LABELS = {
    "this-programme-year": gettext_lazy("This programme year so far"),
    "review-window": gettext_lazy("This review window"),
    "since-last-review": gettext_lazy("Since the last review"),
    "whole-history": gettext_lazy("Whole history"),
}
# Calendar months of the unit that a preset covers, wholly or so far; others have as many days as they have.
_UNIT_MONTHS = {
    "this-month": 1,
    "previous-month": 1,
    "this-quarter": 3,
    "previous-quarter": 3,
    "this-year": 12,
    "previous-year": 12,
    "this-programme-year": 12,
}


# Which parameters belong to a section


def names_range(data: Mapping[str, str], prefix: str) -> bool:
    """Return whether `data` names a range of the section `prefix`, usable or not."""
    return any(data.get(f"{prefix}{name}") for name in RANGE_NAMES)


def names_section(data: Mapping[str, str], prefix: str) -> bool:
    """Return whether `data` names a range or a comparison of the section `prefix`, usable or not."""
    return any(data.get(f"{prefix}{name}") for name in NAMES)


def section_parameters(data: Mapping[str, str], prefix: str) -> Mapping[str, str]:
    """Return `data` with the range and the comparison of all sections as those of the section `prefix`.

    What the section names itself comes first.
    """
    parameters = dict(data.items())
    for names in (RANGE_NAMES, (COMPARE_NAME,)):
        if not any(parameters.get(f"{prefix}{name}") for name in names):
            parameters |= {f"{prefix}{name}": parameters[name] for name in names if parameters.get(name)}
    return parameters


def valid_parameters(data: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the parameters that name a usable range and comparison of the section `prefix`; empty for neither.

    A preset of the programme is usable even while it has no days.
    """
    base = data.get(f"{prefix}{COMPARE_NAME}", NO_BASE)
    compared = {f"{prefix}{COMPARE_NAME}": base} if base in BASES and base != NO_BASE else {}
    key, first, last = _range_values(data, prefix)
    if first or last:
        try:
            custom = Period(requested_day(first), requested_day(last))
        except ValueError:
            return compared
        return ChosenPeriod(custom, "", "", "", prefix).query | compared
    return ({f"{prefix}range": key} if key in PRESETS or key in PROGRAMME_LABELS else {}) | compared


def _range_values(data: Mapping[str, str], prefix: str) -> tuple[str, str, str]:
    key, first, last = (data.get(f"{prefix}{name}", "").strip() for name in RANGE_NAMES)
    return key, first, last


# The days asked for


@dataclass(frozen=True, slots=True)
class ChosenPeriod:
    """The range that a section shows."""

    period: Period
    #: Its key; "" for a custom range.
    preset: str
    label: str
    #: Why it is not the range that was asked for, as a sentence; "" when it is.
    problem: str
    #: Of the section's parameters.
    prefix: str

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same choice again; a preset moves with the clock, a custom range does not."""
        if self.preset:
            return {f"{self.prefix}range": self.preset}
        return {
            f"{self.prefix}from": self.period.first.isoformat(),
            f"{self.prefix}to": self.period.last.isoformat(),
        }


def chosen_period(
    data: Mapping[str, str],
    *,
    prefix: str,
    today: date,
    default: str = "last-30-days",
    programme: ProgrammePresets | None = None,
) -> ChosenPeriod:
    """Read the range of the section `prefix` from `data`.

    An unknown or reversed one falls back to the preset `default` with a sentence in `problem`; nothing is swapped silently.
    """
    own = programme or {}

    def preset(key: str, problem: str = "") -> ChosenPeriod:
        if key in own:
            label, period = own[key]
        else:
            label, period = str(PRESETS[key].label), PRESETS[key].days(today)
        return ChosenPeriod(period, key, label, problem, prefix)

    key, first, last = _range_values(data, prefix)
    if first or last:
        try:
            return ChosenPeriod(Period(requested_day(first), requested_day(last)), "", _("Custom"), "", prefix)
        except ValueError:
            return preset(
                default,
                _("“%(first)s to %(last)s” is not a range of days; give two days, the earlier one first.")
                % {"first": first[:40] or "…", "last": last[:40] or "…"},
            )
    if key in PRESETS or key in own:
        return preset(key)
    if key in PROGRAMME_LABELS:
        return preset(default, _("“%(label)s” has no days now.") % {"label": PROGRAMME_LABELS[key]})
    if key and key != "custom":
        return preset(default, _("There is no range called “%(key)s”.") % {"key": key[:40]})
    return preset(default)


# The days compared with

NO_BASE, PREVIOUS, YEAR = "none", "prev", "year"
BASES: Mapping[str, Promise] = {
    NO_BASE: gettext_lazy("Nothing"),
    PREVIOUS: gettext_lazy("The range before"),
    YEAR: gettext_lazy("The same dates a year earlier"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure's value in the base and how far it has moved since; both None where the base has no data."""

    before: int | Decimal | Fraction | None
    change: int | Decimal | Fraction | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a section's range is compared with."""

    #: A key of `BASES`.
    how: str
    #: The days of the base; None without a comparison.
    base: Period | None
    #: Whether all days of the base have data.
    known: bool
    #: Why there is no comparison though one was asked for, as a sentence; "" otherwise.
    problem: str

    def difference[Number: (int, Decimal, Fraction)](self, now: Number, before: Number | None) -> Difference | None:
        """Return how a figure moved; None without a comparison."""
        if self.base is None:
            return None
        return Difference(None, None) if before is None or not self.known else Difference(before, now - before)


def compared(data: Mapping[str, str], chosen: ChosenPeriod, *, starts: date | None) -> Comparison:
    """Read from `data` what the range `chosen` is compared with; an unknown value compares with nothing, and says so.

    starts: the first day with data. A base that begins earlier is not known: part of it would pass for a low figure.
    """
    how = data.get(f"{chosen.prefix}{COMPARE_NAME}", "").strip() or NO_BASE
    problem = ""
    if how not in BASES:
        problem = _("“%(value)s” is nothing to compare with; no comparison is shown.") % {"value": how[:40]}
        how = NO_BASE
    base = None
    if how == PREVIOUS:
        base = period_before(chosen.period, chosen.preset)
    elif how == YEAR:
        base = year_before(chosen.period)
    return Comparison(how, base, base is not None and starts is not None and starts <= base.first, problem)


def period_before(period: Period, preset: str) -> Period:
    """Return the unit before for a calendar preset (one so far against as many days of the one before), else as many days."""
    months = _UNIT_MONTHS.get(preset)
    if months is None:
        return Period(period.first - period.days * DAY, period.day_before)
    first = add_months(period.first, -months)
    if preset.startswith("this-"):
        return Period(first, min(first + (period.days - 1) * DAY, period.day_before))
    return Period(first, period.day_before)


def year_before(period: Period) -> Period:
    """Return the same days a year earlier; 29 February becomes 28 February."""
    return Period(add_months(period.first, -12), add_months(period.last, -12))
