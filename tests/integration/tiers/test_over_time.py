"""The tracks through time and ahead, against the expected files and the forecast."""

import itertools
from datetime import date
from decimal import Decimal

import pytest

from ledger.queries import expiry_forecast
from partner_portal.lib.dates.months import month_start
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import select
from tiers.over_time import expiry_calendar, over_time

TODAY = date(2026, 11, 23)


def series(scope, first, last=TODAY, day=TODAY, step="day"):
    return over_time(scope, day, Period(first, last), step)


def test_every_expected_day_is_on_the_line(scope, expected):
    levels = {level.day.isoformat(): level for level in series(scope, date(2023, 1, 1)).levels}
    for day, figures in expected.items():
        level = levels[day]
        for name in ("sourced", "assisted", "managed", "total"):
            assert f"{getattr(level.points, name):.4f}" == figures["points"][name]
        assert level.performance == figures["tiers"]["performance"]
        assert level.credited == figures["tiers"]["credited"]


def test_credited_steps_are_the_expected_history(scope, expected):
    changes = [(on, tier) for on, tier, ahead in series(scope, TODAY).changes if not ahead]
    wanted = [(date.fromisoformat(row["on"]), row["to"]) for row in expected["2026-11-23"]["tiers"]["history"]]
    assert changes == wanted


def test_the_projection_falls_by_the_forecast_month_by_month(scope, expected, expected_day):
    day = date.fromisoformat(expected_day)
    found = series(scope, day, day, day, step="month")
    wanted = {row["month"]: Decimal(row["points"]) for row in expected[expected_day]["forecast"]}
    sold = [(level.day, level.points.sold) for level in found.levels]
    drops: dict[str, Decimal] = {}
    for (_before, had), (on, left) in itertools.pairwise(sold):
        if had != left:
            month = f"{on:%Y-%m}"
            drops[month] = drops.get(month, Decimal(0)) + had - left
    cancelled_ahead = any(drops.get(month, 0) != points for month, points in wanted.items())
    if expected_day == "2026-11-23":  # nothing but expiry is known of the sold tracks
        assert drops == wanted
    assert not cancelled_ahead or sum(drops.values()) == sum(wanted.values())


def test_the_projection_ends_on_points_that_do_not_depend_on_todays_lots(scope):
    end = series(scope, TODAY).end
    assert end.day == date(2027, 11, 23)
    assert end.points.sold == 0
    assert end.points.total == end.points.managed > 0


def test_reviews_are_marked_with_the_tier_held(scope, expected):
    found = series(scope, date(2025, 7, 1))
    assert [mark.on for mark in found.reviews] == [
        date(2025, 7, 15), date(2026, 1, 15), date(2026, 7, 15), date(2027, 1, 15), date(2027, 7, 15)
    ]  # fmt: skip
    assert [mark.ahead for mark in found.reviews] == [False, False, False, True, True]
    assert all(mark.reason for mark in found.reviews)
    by_day = {mark.on: mark.tier for mark in found.reviews}
    assert by_day[date(2026, 1, 15)] == expected["2026-01-15"]["tiers"]["credited"]


def test_thresholds_are_those_in_force(scope):
    found = series(scope, date(2025, 6, 1))
    totals = [
        (each.tier, each.value, each.first, each.last) for each in found.thresholds if each.metric == "total_points"
    ]
    gold = [row for row in totals if row[0] == "Gold"]
    assert gold[-1] == ("Gold", Decimal(160), date(2026, 1, 15), date(2027, 11, 23))
    assert gold[0][2] == date(2025, 6, 1)
    for earlier, later in itertools.pairwise(gold):
        assert (later[2] - earlier[3]).days == 1


def test_a_range_that_ends_earlier_expects_nothing(scope):
    found = series(scope, date(2026, 1, 1), date(2026, 6, 30))
    assert found.end is None
    assert found.ahead == ()
    assert found.levels[-1].day == date(2026, 6, 30)


def test_months_end_where_days_do(scope):
    by_day = {level.day: level.points for level in series(scope, date(2026, 1, 1)).levels}
    by_month = series(scope, date(2026, 1, 1), step="month").levels
    assert [level.day for level in by_month if not level.ahead][:3] == [
        date(2026, 1, 1),
        date(2026, 1, 31),
        date(2026, 2, 28),
    ]
    assert all(by_day[level.day] == level.points for level in by_month if level.day in by_day)


def test_the_calendar_is_the_forecast_by_client(scope, expected):
    calendar = expiry_calendar(scope, TODAY, count=1000)
    assert [month.points for month in calendar.months] == [month.points for month in expiry_forecast(scope, TODAY)]
    assert calendar.total == Decimal(expected["2026-11-23"]["points"]["sold"])
    assert len(calendar.rows) == calendar.clients
    for place, month in enumerate(calendar.months):
        assert sum(row.cells[place][1] for row in calendar.rows) == month.points
    for row in calendar.rows:
        assert sum(points for _month, points in row.cells) == row.total


@pytest.mark.parametrize("place", [0, 3, 12])
def test_a_cell_of_the_calendar_opens_its_lots(scope, place):
    for row in expiry_calendar(scope, TODAY, count=10).rows:
        month, points = row.cells[place]
        opened = select("expiring", scope, {"client": row.client_id, "month": f"{month:%Y-%m}"})
        assert opened.figure == points


def test_reviews_stand_in_their_month(scope):
    reviews = expiry_calendar(scope, TODAY).reviews
    assert reviews == {month_start(day): day for day in (date(2027, 1, 15), date(2027, 7, 15))}


def test_pages_of_the_calendar_are_all_of_it(scope):
    everything = expiry_calendar(scope, TODAY, count=1000).rows
    pages = [row for first in range(0, 70, 12) for row in expiry_calendar(scope, TODAY, first=first, count=12).rows]
    assert tuple(pages) == everything
