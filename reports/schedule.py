"""When a schedule is due: pure arithmetic on days and wall-clock times, without database or clock.

A slot is an instant in UTC. A wall-clock time that summer time skips moves to the next minute that exists; one that comes
twice counts the first time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from typing import TypedDict
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, FR, MO, MONTHLY, TH, TU, WE, WEEKLY, rrule

WORKDAYS = (MO, TU, WE, TH, FR)
LAST, FIRST_WORKDAY = 0, -1  # values of `day` beside 1 to 31
QUARTERS = (1, 4, 7, 10)


class ScheduleValues(TypedDict):
    """When and how a schedule sends: the fields of a schedule that a form sets."""

    frequency: str
    day: int
    at: time
    zone: str
    format: str
    dialect: str
    delivery: str
    when_empty: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How often, on which day, at which local time, in which zone. Raises ValueError for a rule that is never due."""

    frequency: str  # daily, weekdays, weekly, monthly, quarterly or reviews
    at: time
    zone: str
    #: Weekly 0 (Monday) to 6. Monthly, and quarterly in its first month, 1 to 31, LAST or FIRST_WORKDAY; a month without
    #: that day has it on its last.
    day: int = 0
    #: (month, day) of each of the programme's reviews. `reviews` is due the day after each, when the review is decided.
    reviews: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        limits = {"weekly": (0, 6), "monthly": (-1, 31), "quarterly": (-1, 31)}
        if self.frequency not in {"daily", "weekdays", "reviews", *limits}:
            raise ValueError(f"no such frequency: {self.frequency}")
        low, high = limits.get(self.frequency, (self.day, self.day))
        if not low <= self.day <= high:
            raise ValueError(f"no such day: {self.day}")
        if self.frequency == "reviews" and not self.reviews:
            raise ValueError("a programme without reviews")
        ZoneInfo(self.zone)


def slots(rule: Rule, after: datetime) -> Iterator[datetime]:
    """The endless slots after `after` (aware), in order."""
    zone = ZoneInfo(rule.zone)
    start = after.astimezone(zone).date() - timedelta(days=1)
    for day in _days(rule, start):
        slot = instant(day, rule.at, zone)
        if slot > after:
            yield slot


def next_slots(rule: Rule, after: datetime, number: int = 3) -> list[datetime]:
    """The next `number` slots."""
    return list(islice(slots(rule, after), number))


def latest_missed(rule: Rule, due: datetime, now: datetime) -> tuple[datetime, int]:
    """The last slot from `due` up to `now`, and how many slots before it were missed."""
    latest, missed = due, 0
    for slot in slots(rule, due):
        if slot > now:
            break
        latest, missed = slot, missed + 1
    return latest, missed


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local time on a day as an instant in UTC; the module docstring covers summer time."""
    wall = datetime.combine(day, at.replace(second=0, microsecond=0))
    for minutes in range(24 * 60):
        moment = (wall + timedelta(minutes=minutes)).replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall + timedelta(minutes=minutes):
            return moment
    raise ValueError(f"{day} has no time {at} or later in {zone.key}")  # a whole day skipped, as in Samoa in 2011


def _days(rule: Rule, start: date) -> Iterator[date]:
    begin = datetime.combine(start, time())
    if rule.frequency == "daily":
        moments = rrule(DAILY, dtstart=begin)
    elif rule.frequency == "weekdays":
        moments = rrule(DAILY, dtstart=begin, byweekday=WORKDAYS)
    elif rule.frequency == "weekly":
        moments = rrule(WEEKLY, dtstart=begin, byweekday=rule.day)
    elif rule.frequency == "reviews":
        return _days_after_reviews(rule.reviews, start)
    else:
        months = QUARTERS if rule.frequency == "quarterly" else range(1, 13)
        # From the first of the month: a set position counts from where the month is entered.
        begin = begin.replace(day=1)
        if rule.day == FIRST_WORKDAY:
            moments = rrule(MONTHLY, dtstart=begin, bymonth=months, byweekday=WORKDAYS, bysetpos=1)
        elif rule.day == LAST:
            moments = rrule(MONTHLY, dtstart=begin, bymonth=months, bymonthday=-1)
        else:
            moments = rrule(MONTHLY, dtstart=begin, bymonth=months, bymonthday=(rule.day, -1), bysetpos=1)
    return (moment.date() for moment in moments)


def _days_after_reviews(reviews: tuple[tuple[int, int], ...], start: date) -> Iterator[date]:
    for year in count(start.year - 1):
        days = sorted(date(year, month, day) + timedelta(days=1) for month, day in reviews)
        yield from (day for day in days if day >= start)
