"""Slots of schedules, worked out by hand; Amsterdam leaves winter time on 29 March 2026 and summer time on 25 October 2026."""

from datetime import UTC, datetime, time

import pytest

from reports.models import Schedule
from reports.schedule import Rule, latest_missed, next_slots

AMSTERDAM = "Europe/Amsterdam"


def texts(rule, after, count=3):
    return [
        f"{slot:%Y-%m-%d %H:%M}" for slot in next_slots(rule, datetime.fromisoformat(after).replace(tzinfo=UTC), count)
    ]


MONDAYS = ["2026-11-23 06:30", "2026-11-30 06:30", "2026-12-07 06:30"]

AFTER_REVIEWS = Rule("reviews", time(7, 30), AMSTERDAM, reviews=((7, 15), (1, 15)))
AFTER_NEW_YEARS_EVE = Rule("reviews", time(9), "UTC", reviews=((12, 31),))


@pytest.mark.parametrize(
    ("rule", "after", "slots"),
    [
        (Rule("weekly", time(7, 30), AMSTERDAM, 0), "2026-11-23T06:30", [*MONDAYS[1:], "2026-12-14 06:30"]),
        (Rule("weekly", time(7, 30), AMSTERDAM, 0), "2026-11-23T06:29", MONDAYS),
        (Rule("daily", time(0, 0), "UTC"), "2026-12-31T00:00", ["2027-01-01 00:00", "2027-01-02 00:00", "2027-01-03 00:00"]),
        (Rule("weekdays", time(9), "UTC"), "2026-11-26T12:00", ["2026-11-27 09:00", "2026-11-30 09:00", "2026-12-01 09:00"]),
        (Rule("monthly", time(8), AMSTERDAM, 31), "2026-01-31T12:00", ["2026-02-28 07:00", "2026-03-31 06:00", "2026-04-30 06:00"]),
        (Rule("monthly", time(8), "UTC", 30), "2027-12-31T00:00", ["2028-01-30 08:00", "2028-02-29 08:00", "2028-03-30 08:00"]),
        (Rule("monthly", time(8), "UTC", 0), "2026-11-23T00:00", ["2026-11-30 08:00", "2026-12-31 08:00", "2027-01-31 08:00"]),
        (Rule("monthly", time(8), "UTC", -1), "2026-11-23T00:00", ["2026-12-01 08:00", "2027-01-01 08:00", "2027-02-01 08:00"]),
        (Rule("monthly", time(8), "UTC", -1), "2026-07-15T00:00", ["2026-08-03 08:00", "2026-09-01 08:00", "2026-10-01 08:00"]),
        (Rule("quarterly", time(7), "UTC", 15), "2026-11-23T00:00", ["2027-01-15 07:00", "2027-04-15 07:00", "2027-07-15 07:00"]),
        (AFTER_REVIEWS, "2026-11-23T00:00", ["2027-01-16 06:30", "2027-07-16 05:30", "2028-01-16 06:30"]),
        (AFTER_REVIEWS, "2027-01-16T06:30", ["2027-07-16 05:30", "2028-01-16 06:30", "2028-07-16 05:30"]),
        (AFTER_NEW_YEARS_EVE, "2026-12-31T10:00", ["2027-01-01 09:00", "2028-01-01 09:00", "2029-01-01 09:00"]),
    ],
)  # fmt: skip
def test_slots(rule, after, slots):
    assert texts(rule, after) == slots


def test_a_time_that_summer_time_skips_runs_at_the_next_minute_that_exists():
    rule = Rule("daily", time(2, 30), AMSTERDAM)
    assert texts(rule, "2026-03-27T12:00") == ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"]


def test_a_time_that_comes_twice_runs_once():
    rule = Rule("daily", time(2, 30), AMSTERDAM)
    assert texts(rule, "2026-10-24T12:00") == ["2026-10-25 00:30", "2026-10-26 01:30", "2026-10-27 01:30"]


def test_the_local_time_stays_when_the_offset_changes():
    rule = Rule("weekly", time(7, 30), AMSTERDAM, 6)
    assert texts(rule, "2026-03-20T00:00") == ["2026-03-22 06:30", "2026-03-29 05:30", "2026-04-05 05:30"]


def test_after_downtime_only_the_latest_slot_counts():
    rule = Rule("daily", time(8), "UTC")
    due, now = datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert latest_missed(rule, due, now) == (datetime(2026, 11, 23, 8, tzinfo=UTC), 3)
    assert latest_missed(rule, due, due) == (due, 0)


@pytest.mark.parametrize(
    ("frequency", "day"), [("hourly", 0), ("weekly", 7), ("weekly", -1), ("monthly", 32), ("monthly", -2)]
)
def test_what_is_no_rule_is_refused(frequency, day):
    with pytest.raises(ValueError, match="no such"):
        Rule(frequency, time(8), "UTC", day)


def test_by_reviews_needs_a_programme_that_has_some():
    with pytest.raises(ValueError, match="without reviews"):
        Rule("reviews", time(8), "UTC")


@pytest.mark.parametrize(
    ("frequency", "day", "words"),
    [
        ("daily", 0, "Every day"),
        ("weekly", 4, "Every Friday"),
        ("monthly", 0, "Every month, on the last day"),
        ("monthly", 31, "Every month, on day 31"),
        ("quarterly", -1, "Every quarter, in its first month, on the first working day"),
        ("reviews", 0, "The day after each review"),
    ],
)
def test_how_often_in_words(frequency, day, words):
    assert Schedule(frequency=frequency, day=day).often == words
