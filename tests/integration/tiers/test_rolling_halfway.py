"""The rolling figure at exactly half a cent: the quotient of the losses is cut off in SQL, the figure must not show it."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from tiers import queries


def test_half_a_cent_survives_a_loss_that_is_no_finite_decimal(scope, monkeypatch):
    """Sold 126 2/3 less lost 0.791666...: 125.875 exactly, which is 125.88 half-even; cut off it would be 125.87."""
    lost = Decimal("0.0079166666666666666666666666666666666667")  # 40 places, a little too much
    monkeypatch.setattr(queries, "sold_in_12_months", lambda *_: Fraction(380, 3))
    monkeypatch.setattr(queries, "rolling_sourced_loss", lambda *_: lost)
    found = queries.money_figures(scope, date(2026, 1, 15))
    assert found.rolling_sourced_mrr_12m == Fraction(126) + Fraction(2, 3) - Fraction(19, 24)
