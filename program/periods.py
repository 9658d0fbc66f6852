"""Ranges of days that the programme defines: its year and its review windows."""

from collections.abc import Mapping
from datetime import date

from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import DAY, PROGRAMME, Period
from program.rulebook import Rulebook


def programme_periods(rulebook: Rulebook, today: date) -> Mapping[str, tuple[str, Period]]:
    """Presets for `chosen_period` by key, with label and days. Those without days up to `today` are left out."""
    year = Period(rulebook.programme_year(today), today)
    periods = {"this-programme-year": year}
    review = rulebook.next_review(today - DAY)
    if review is not None and review.window_start <= today:
        periods["review-window"] = Period(review.window_start, today)
    past = rulebook.reviews_between(add_months(today, -12), today - DAY)
    if past:
        periods["since-last-review"] = Period(past[-1].on + DAY, today)
    return {key: (str(PROGRAMME[key]), period) for key, period in periods.items()}
