"""Presets of ranges that the programme defines: its year and its review windows."""

from datetime import date

from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import DAY, Period
from partner_portal.lib.dates.ranges import PROGRAMME_LABELS, ProgrammePresets
from program.rulebook import Rulebook


def programme_periods(rulebook: Rulebook, today: date) -> ProgrammePresets:
    """Return the presets that have days up to `today`, for `chosen_period`."""
    year = Period(rulebook.programme_year(today), today)
    periods = {"this-programme-year": year}
    review = rulebook.next_review(today - DAY)
    if review is not None and review.window_start <= today:
        periods["review-window"] = Period(review.window_start, today)
    past = rulebook.reviews_between(add_months(today, -12), today - DAY)
    if past:
        periods["since-last-review"] = Period(past[-1].on + DAY, today)
    return {key: (str(PROGRAMME_LABELS[key]), period) for key, period in periods.items()}
