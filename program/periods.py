"""Ranges of days that only the programme can name: its year and its review windows."""

from collections.abc import Mapping
from datetime import date

from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import DAY, PROGRAMME, Period
from program.rulebook import Rulebook


def programme_periods(rulebook: Rulebook, today: date) -> Mapping[str, tuple[str, Period]]:
    """Presets for `chosen_period`: key -> (label, period). Those that do not exist on the day are left out."""
    year = Period(rulebook.programme_year(today), today)
    found = {"this-programme-year": (str(PROGRAMME["this-programme-year"]), year)}
    review = rulebook.next_review(today - DAY)
    if review is not None and review.window_start <= today:
        found["review-window"] = (str(PROGRAMME["review-window"]), Period(review.window_start, today))
    past = rulebook.reviews_between(add_months(today, -12), today - DAY)
    if past:
        found["since-last-review"] = (str(PROGRAMME["since-last-review"]), Period(past[-1].on + DAY, today))
    return found
