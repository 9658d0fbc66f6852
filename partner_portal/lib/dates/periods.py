"""Periods of days, both ends included, and the days that may be requested: pure values."""

from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)  # of what may be requested; the calendar ends at 9999-12-31


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
    """Parse a day that an address or a command gives as `YYYY-MM-DD`.

    Raises ValueError for other text, and for a day before `FIRST_DAY` or after `LAST_DAY`.
    """
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(f"{text} is not YYYY-MM-DD")  # fromisoformat takes other spellings too
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{day} is before {FIRST_DAY} or after {LAST_DAY}")
    return day
