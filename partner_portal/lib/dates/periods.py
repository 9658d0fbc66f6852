"""Date ranges: a period of days, the named ranges people choose from, and the form that reads one from an address.

People see both days included; so does `Period`. Presets say what they are: rolling, calendar, programme or ahead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partner_portal.lib.dates.months import add_months, month_start, quarter_start

DAY = timedelta(days=1)
FIRST_DAY, LAST_DAY = (
    date(1900, 1, 1),
    date(2199, 12, 31),
)  # of what may be asked for: beyond lies the end of the calendar


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The days from `first` to `last`, both included. Raises ValueError when reversed."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"{self.first} to {self.last} is reversed")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    @property
    def day_before(self) -> date:
        """The day whose end opens the period."""
        return self.first - DAY


def requested_day(text: str) -> date:
    """The day that an address or a command asks for as `YYYY-MM-DD`. Raises ValueError for none and for one beyond all
    reckoning."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(f"{text} is not YYYY-MM-DD")  # fromisoformat takes other spellings too
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{day} is beyond all reckoning")
    return day


def _month(day: date, shift: int = 0) -> date:
    return add_months(month_start(day), shift)


def _quarter(day: date, shift: int = 0) -> date:
    return add_months(quarter_start(day), 3 * shift)


PRESETS: Mapping[str, tuple[str, object, Callable[[date], Period]]] = {
    "last-7-days": ("rolling", gettext_lazy("Last 7 days"), lambda t: Period(t - 6 * DAY, t)),
    "last-30-days": ("rolling", gettext_lazy("Last 30 days"), lambda t: Period(t - 29 * DAY, t)),
    "last-90-days": ("rolling", gettext_lazy("Last 90 days"), lambda t: Period(t - 89 * DAY, t)),
    "last-12-months": ("rolling", gettext_lazy("Last 12 months"), lambda t: Period(add_months(t, -12) + DAY, t)),
    "this-month": ("calendar", gettext_lazy("This month so far"), lambda t: Period(_month(t), t)),
    "previous-month": ("calendar", gettext_lazy("Previous month"), lambda t: Period(_month(t, -1), _month(t) - DAY)),
    "this-quarter": ("calendar", gettext_lazy("This quarter so far"), lambda t: Period(_quarter(t), t)),
    "previous-quarter": (
        "calendar",
        gettext_lazy("Previous quarter"),
        lambda t: Period(_quarter(t, -1), _quarter(t) - DAY),
    ),
    "this-year": ("calendar", gettext_lazy("This year so far"), lambda t: Period(date(t.year, 1, 1), t)),
    "previous-year": (
        "calendar",
        gettext_lazy("Previous year"),
        lambda t: Period(date(t.year - 1, 1, 1), date(t.year - 1, 12, 31)),
    ),
    "next-30-days": ("ahead", gettext_lazy("Next 30 days"), lambda t: Period(t, t + 29 * DAY)),
    "next-90-days": ("ahead", gettext_lazy("Next 90 days"), lambda t: Period(t, t + 89 * DAY)),
    "next-180-days": ("ahead", gettext_lazy("Next 180 days"), lambda t: Period(t, t + 179 * DAY)),
}
GROUPS = {
    "rolling": gettext_lazy("Rolling, today included"),
    "calendar": gettext_lazy("Calendar"),
    "programme": gettext_lazy("Programme"),
    "ahead": gettext_lazy("Ahead"),
}
# Those that the programme's rules give their days, while they have any.
PROGRAMME = {
    "this-programme-year": gettext_lazy("This programme year so far"),
    "review-window": gettext_lazy("This review window"),
    "since-last-review": gettext_lazy("Since the last review"),
    "whole-history": gettext_lazy("Whole history"),
}
NAMES = ("range", "from", "to")  # what an address calls a range, after the prefix of its section
LOOKING_BACK = tuple(key for key, (group, *_rest) in PRESETS.items() if group in {"rolling", "calendar"})


@dataclass(frozen=True, slots=True)
class ChosenPeriod:
    """What an address asked for: the period, the preset's key ("" for a custom one), and what was wrong with it, if anything.

    `query` holds the parameters that name the same choice again; a preset moves with the clock, a custom range does not.
    """

    period: Period
    preset: str
    label: str
    problem: str
    prefix: str

    @property
    def query(self) -> dict[str, str]:
        if self.preset:
            return {f"{self.prefix}range": self.preset}
        return {
            f"{self.prefix}from": self.period.first.isoformat(),
            f"{self.prefix}to": self.period.last.isoformat(),
        }


def of_section(data: Mapping[str, str], prefix: str) -> Mapping[str, str]:
    """`data` with the range and the comparison of all sections, where it names any, as those of the section `prefix`.

    What the section names itself comes first. Names without a prefix belong to all sections.
    """
    found = dict(data.items())
    for names in (NAMES, ("cmp",)):
        if not any(found.get(f"{prefix}{name}") for name in names):
            found |= {f"{prefix}{name}": found[name] for name in names if found.get(name)}
    return found


def chosen_period(
    data: Mapping[str, str],
    *,
    prefix: str,
    today: date,
    default: str = "last-30-days",
    programme: Mapping[str, tuple[str, Period]] | None = None,
) -> ChosenPeriod:
    """Read `<prefix>range=` or `<prefix>from=&<prefix>to=` (ISO days, both included) from `data`.

    An unknown or reversed value falls back to `default` with a sentence in `problem`; nothing is swapped silently.
    `programme` adds presets only the programme can resolve, such as "since-last-review": key -> (label, period).
    """
    own = dict(programme or {})

    def preset(key: str, problem: str = "") -> ChosenPeriod:
        if key in own:
            label, period = own[key]
        else:
            _group, lazy_label, resolve = PRESETS[key]
            label, period = str(lazy_label), resolve(today)
        return ChosenPeriod(period, key, label, problem, prefix)

    first, last, key = (data.get(f"{prefix}{name}", "").strip() for name in ("from", "to", "range"))
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
    if key in PROGRAMME:
        return preset(default, _("“%(label)s” has no days now.") % {"label": PROGRAMME[key]})
    if key and key != "custom":
        return preset(default, _("There is no range called “%(key)s”.") % {"key": key[:40]})
    return preset(default)


def named_range(data: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The parameters that name a range of the section `prefix` in `data`; empty when it names none, or one that cannot be."""
    first, last, key = (data.get(f"{prefix}{name}", "").strip() for name in ("from", "to", "range"))
    if first or last:
        try:
            Period(requested_day(first), requested_day(last))
        except ValueError:
            return {}
        return {f"{prefix}from": first, f"{prefix}to": last}
    return {f"{prefix}range": key} if key in PRESETS or key in PROGRAMME else {}
