"""What versions of properties tell, with histories and results made by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from sources.hubspot.history import Cancelled, Stretch, Version, amount, cancellations, mrr_months, stretches

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
TODAY = date(2026, 11, 23)


def versions(*pairs: str) -> list[Version]:
    """`2026-03-01T10:00 120` and so on; a moment is UTC, and nothing behind it is an empty value."""
    cells = [pair.partition(" ")[::2] for pair in pairs]
    return [Version(datetime.fromisoformat(moment).replace(tzinfo=UTC), value) for moment, value in cells]


def months(history: list[Version], current: str, since: str = "2026-11-23", today: date = TODAY) -> dict[str, str]:
    rows = mrr_months(history, current, zone=AMSTERDAM, since=date.fromisoformat(since), today=today)
    return {f"{month:%Y-%m}": str(value) for month, value in rows}


class TestMonths:
    """MRR at the end of months."""

    def test_the_past_comes_from_the_history_and_this_month_from_today(self) -> None:
        history = versions("2026-07-14T10:00 100", "2026-09-02T10:00 130.5", "2026-09-20T10:00 120")
        assert months(history, "120.0") == {
            "2026-07": "100.00", "2026-08": "100.00", "2026-09": "120.00", "2026-10": "120.00", "2026-11": "120.00",
        }  # fmt: skip

    def test_nothing_is_known_before_the_first_version(self) -> None:
        assert months(versions("2026-10-31T23:30 90"), "90") == {"2026-11": "90.00"}  # 1 November in Amsterdam
        assert months(versions("2026-10-31T22:30 90"), "90") == {"2026-10": "90.00", "2026-11": "90.00"}

    def test_a_month_in_which_nobody_looked_stays_unknown(self) -> None:
        """On since September: October had no run, and neither the history nor the value of November speaks for it."""
        history = versions("2026-07-14T10:00 100", "2026-10-02T10:00 130")
        assert months(history, "130", since="2026-09-15") == {
            "2026-07": "100.00",
            "2026-08": "100.00",
            "2026-11": "130.00",
        }

    def test_a_history_that_lags_says_nothing_about_the_time_after_it(self) -> None:
        history = versions("2026-07-14T10:00 100", "2026-09-02T10:00 130")
        assert months(history, "150") == {"2026-07": "100.00", "2026-08": "100.00", "2026-11": "150.00"}

    def test_empty_is_not_zero(self) -> None:
        history = versions("2026-08-14T10:00 100", "2026-09-02T10:00", "2026-10-02T10:00 0")
        assert months(history, "0") == {"2026-08": "100.00", "2026-10": "0.00", "2026-11": "0.00"}
        assert months([], "") == {}


class TestStretches:
    """Times of equal managed MRR."""

    def found(self, mrr: list[Version], managed: list[Version], current: str, is_managed: bool = True) -> list[Stretch]:
        return stretches(mrr, managed, current=current, is_managed=is_managed, zone=AMSTERDAM, today=TODAY)

    def test_each_amount_is_one(self) -> None:
        mrr = versions(
            "2025-02-03T09:00 60", "2025-05-01T09:00 60.0", "2025-08-09T23:30 75", "2025-08-10T08:00 80",
            "2026-01-05T09:00 0", "2026-03-05T09:00 80",
        )  # fmt: skip
        assert self.found(mrr, [], "80") == [
            Stretch(date(2025, 2, 3), date(2025, 8, 10), Decimal(60)),  # 23:30 UTC is the 10th in Amsterdam
            Stretch(date(2025, 8, 10), date(2026, 1, 5), Decimal(80)),
            Stretch(date(2026, 3, 5), None, Decimal(80)),
        ]

    def test_what_is_not_managed_is_none(self) -> None:
        mrr = versions("2025-02-03T09:00 60", "2025-06-03T09:00 70")
        managed = versions("2025-04-01T09:00 true", "2025-05-01T09:00 false", "2025-07-01T09:00 true")
        assert self.found(mrr, managed, "70") == [
            Stretch(date(2025, 2, 3), date(2025, 5, 1), Decimal(60)),
            Stretch(date(2025, 7, 1), None, Decimal(70)),
        ]

    def test_without_a_history_today_is_the_start_and_says_so(self) -> None:
        assert self.found([], [], "45") == [Stretch(TODAY, None, Decimal(45), "today")]
        assert self.found([], [], "45", is_managed=False) == []
        assert self.found([], [], "0") == []

    def test_a_full_history_may_have_lost_its_beginning(self) -> None:
        mrr = versions(*(f"2025-01-{day:02}T09:00 {day}" for day in range(1, 21)))
        assert [stretch.note for stretch in self.found(mrr, [], "20")] == ["cut"] + [""] * 19

    def test_a_history_that_lags_does_not_say_how_long_its_last_amount_held(self) -> None:
        mrr = versions("2025-02-03T09:00 60", "2025-06-03T09:00 70")
        assert self.found(mrr, [], "90") == [Stretch(date(2025, 2, 3), date(2025, 6, 3), Decimal(60))]


def test_cancellations() -> None:
    mrr = versions(
        "2025-01-01T09:00 100", "2025-06-01T09:00 0", "2025-06-05T09:00", "2025-09-01T09:00 50", "2026-02-01T09:00"
    )
    editions = {
        "Sales Hub": versions(
            "2025-01-01T09:00 Starter", "2025-03-01T09:00", "2025-04-01T09:00 Starter", "2025-06-01T09:00"
        ),
        "Service Hub": versions("2025-09-01T09:00 Pro", "2025-12-24T23:30"),
        "Content Hub": versions("2025-09-01T09:00"),
    }
    assert cancellations(mrr, editions, AMSTERDAM) == [
        Cancelled("Sales Hub", date(2025, 3, 1), date(2025, 4, 1)),
        Cancelled("", date(2025, 6, 1), date(2025, 9, 1)),  # Sales Hub went with it
        Cancelled("Service Hub", date(2025, 12, 25), None),
    ]  # and an empty MRR, of 2026, is no 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1000", "1000.00"),
        ("1E3", "1000.00"),
        ("12.345", "12.34"),
        ("", None),
        ("n/a", None),
        ("NaN", None),
        ("1E99", None),
    ],
)
def test_amounts(text: str, value: str | None) -> None:
    assert amount(text) == (None if value is None else Decimal(value))
