"""What is measured ahead of a day is what was known on it."""

from datetime import date
from typing import Any

from clients.models import Client, Deal
from program.models import Program, Requirement, Tier
from program.services import rules_changed
from program.terms import Metric
from tiers.measures import outlook_measures

TODAY = date(2026, 11, 23)
AHEAD = date(2026, 12, 15)


def sold(scope: Any) -> Any:
    scope.memo.clear()
    return outlook_measures(scope, TODAY).value(Metric.SOLD_MRR_12M, AHEAD)


def test_a_sale_that_is_dated_ahead_is_not_known_to_come(scope: Any) -> None:
    """So it adds nothing to the sales of 12 months either, as it adds no points."""
    Requirement.objects.create(tier=Tier.objects.last(), metric="sold_mrr_12m", value=1)
    rules_changed(program=Program.objects.get())
    deal = Deal(
        partner=scope.partner, client=Client.objects.filter(partner=scope.partner).first(), deal_id="AHEAD", name="Ahead",
        product_line="Sales Hub", kind="new", origin="sourced", stage="won", mrr=1000, currency="USD",
        created_on=TODAY, closed_on=TODAY, registered=False,
    )  # fmt: skip
    before = sold(scope)
    deal.save()
    assert round(sold(scope) - before, 4) == 1000
    deal.closed_on = date(2026, 12, 1)
    deal.save()
    assert sold(scope) == before
