"""Expected commission, a deal and a month at a time; `commissions.expected` must answer the same for whole stretches.

Rules: `docs/points.md` 8 and 10.
"""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction

from commissions.expected import Amount
from commissions.rules import CENT_PLACES, FxRates, earns, term_end
from ledger.records import DealLife
from partner_portal.lib.dates.months import month_end, months_between
from partner_portal.lib.rounding import half_up
from program.rulebook import CommissionTerms


def amounts(life: DealLife, terms: CommissionTerms, fx: FxRates, first: date, last: date) -> Iterator[Amount]:
    """What the deal should earn in each month from `first` to `last`, both included; months without any are left out.

    `life` must reach to the end of the last month, so that known cancellations and downgrades count.
    """
    for month in months_between(first, last):
        mrr = Fraction(life.deal.mrr) * _part_in_force(life, terms, month)
        if not mrr:
            continue
        rate = fx.on(life.deal.currency, month)
        earned = None if rate is None else half_up(mrr * Fraction(terms.rate) * Fraction(rate.rate), CENT_PLACES)
        yield Amount(month, mrr, rate, earned)


def _part_in_force(life: DealLife, terms: CommissionTerms, month: date) -> Fraction:
    """What is left of the deal on the month's last day, as a part of it; 0 outside its term."""
    last_day = month_end(month)
    if not earns(life, terms) or not life.closed_on <= last_day < term_end(life.closed_on, terms):
        return Fraction(0)
    return life.share(last_day)
