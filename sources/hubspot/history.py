"""What the versions of a property tell: values at the end of months, stretches of managed MRR, cancellations. Pure.

A version says from when on a property had a value. HubSpot drops the oldest ones, so nothing is known of the time before the
first. Where the latest version is not the property's value of today, the history lags behind, and nothing is known of the time
after that version either.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise

from sources.source import MAY_BE_EARLIER, STARTS_TODAY

MOST_VERSIONS = 20  # as many as HubSpot may keep: there may have been earlier ones
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Version:
    """A value of a property, from a moment on."""

    at: datetime
    value: str  #: "" for empty


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the managed MRR was the same."""

    start: date
    end: date | None  #: the first day after it; None while it lasts
    mrr: Decimal
    note: str = ""  #: STARTS_TODAY or MAY_BE_EARLIER


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancellation that the history shows."""

    line: str  #: product line; "" for the whole client
    on: date
    back_on: date | None = None  #: from this day on it is there again


def amount(text: str) -> Decimal | None:
    """An amount with two places; None for an empty cell and for what is no number. HubSpot may write exponents."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value.quantize(CENT, ROUND_HALF_EVEN) if value.is_finite() and abs(value) < Decimal("1E14") else None


def by_day(versions: Sequence[Version], zone: tzinfo) -> list[tuple[date, str]]:
    """The values at the end of the days on which there are versions, oldest first. versions: oldest first."""
    return list({version.at.astimezone(zone).date(): version.value for version in versions}.items())


def mrr_months(
    versions: Sequence[Version], current: str, *, zone: tzinfo, since: date, today: date
) -> list[tuple[date, Decimal]]:
    """MRR at the end of months, each by its first day; months of which nothing is known are missing.

    Months before that of `since` come from the history. Of later ones only today's is given, with today's value: whoever
    looks in every month has them all, and a month in which nobody looked stays unknown.
    """
    this, first_watched = today.replace(day=1), min(since, today).replace(day=1)
    days = by_day(versions, zone)
    known_to = first_watched
    if days and amount(days[-1][1]) != amount(current):
        known_to = min(first_watched, days[-1][0].replace(day=1))
    months = [(month, amount(value)) for month, value in _month_ends(days, known_to)]
    months.append((this, amount(current)))
    return [(month, value) for month, value in months if value is not None]


def _month_ends(days: Sequence[tuple[date, str]], before: date) -> Iterator[tuple[date, str]]:
    """First day and value at the end of each month from the first day on, up to the month before `before`."""
    if not days:
        return
    month, place = days[0][0].replace(day=1), 0
    while month < before:
        following = (month + timedelta(days=31)).replace(day=1)
        while place + 1 < len(days) and days[place + 1][0] < following:
            place += 1
        yield month, days[place][1]
        month = following


def stretches(
    mrr: Sequence[Version], managed: Sequence[Version], *, current: str, is_managed: bool, zone: tzinfo, today: date
) -> list[Stretch]:
    """Times of equal managed MRR, oldest first; those of none are left out.

    mrr, managed: versions of the split MRR and of "is managed", oldest first. current, is_managed: their values of today.
    A time of which "is managed" is not known counts as managed, since the split MRR is what is managed.
    """
    now = amount(current) if is_managed else None
    if not mrr:
        return [Stretch(today, None, now, STARTS_TODAY)] if now is not None and now > 0 else []
    amounts, states = by_day(mrr, zone), by_day(managed, zone)
    changes: list[tuple[date, Decimal]] = []
    for day in sorted({day for day, _value in (*amounts, *states) if day >= amounts[0][0]}):
        value = amount(_on(amounts, day)) or Decimal(0)
        if value < 0 or _on(states, day).lower() == "false":
            value = Decimal(0)
        if not changes or changes[-1][1] != value:
            changes.append((day, value))
    ends: list[date | None] = [day for day, _value in changes[1:]]
    found = [
        Stretch(day, end, value, MAY_BE_EARLIER if number == 0 and len(mrr) >= MOST_VERSIONS else "")
        for number, ((day, value), end) in enumerate(zip(changes, [*ends, None], strict=True))
        if value > 0
    ]
    if found and found[-1].end is None and found[-1].mrr != now:  # the history lags: when it ended is not known yet
        found.pop()
    return found


def cancellations(mrr: Sequence[Version], editions: Mapping[str, Sequence[Version]], zone: tzinfo) -> list[Cancelled]:
    """Days on which the total MRR turned 0, or the edition of a product line turned empty, oldest first.

    editions: versions by product line. A line that ends while the client has no MRR went with the client.
    """
    totals = by_day(mrr, zone)
    found = [
        Cancelled("", day, next((later for later, text in totals if later > day and (amount(text) or 0) > 0), None))
        for (_day, before), (day, after) in pairwise(totals)
        if (amount(before) or 0) > 0 and amount(after) == 0
    ]
    for line, versions in editions.items():
        days = by_day(versions, zone)
        for (_day, before), (day, after) in pairwise(days):
            if before and not after and amount(_on(totals, day)) != 0:
                found.append(Cancelled(line, day, next((later for later, text in days if later > day and text), None)))
    return sorted(found, key=lambda each: (each.on, each.line))


def _on(days: Sequence[tuple[date, str]], day: date) -> str:
    """The value at the end of a day; "" before the first."""
    return next((value for at, value in reversed(days) if at <= day), "")
