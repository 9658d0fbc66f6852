"""Queries for the clients behind a month's retention: those that left and those that pay less (docs/points.md 5 and 12)."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from accounts.scope import Scope
from clients.models import MrrMonth
from partner_portal.lib.dates.months import add_months, month_end, month_start
from partner_portal.lib.rounding import as_decimal
from program.queries import rulebook

CHURNED, CONTRACTED = "churned", "contracted"


def latest_month(scope: Scope) -> date | None:
    """The last complete month with any row; None when there is none."""
    before = MrrMonth.objects.filter(partner=scope.partner, month__lt=month_start(scope.today))
    return before.order_by("-month").values_list("month", flat=True).first()


class _Payment(NamedTuple):
    """What a client paid at the end of a month."""

    pk: int
    client_id: str
    client: str
    mrr: Decimal
    currency: str


def _payments(scope: Scope, month: date) -> dict[int, _Payment]:
    rows = MrrMonth.objects.filter(partner=scope.partner, month=month)
    payments = rows.values_list("client_id", "client__client_id", "client__name", "mrr", "currency")
    return {row[0]: _Payment(*row) for row in payments}


def lost_mrr(scope: Scope, month: date) -> list[dict[str, object]]:
    """Clients that paid less at the end of the month than at the end of the month before, one row per client.

    Amounts ending in `_usd` are points-dollars by the currency table of the month's last day; the loss is split into its
    churned and its contracted part. Two queries. Without MRR in both months there is nothing to compare: no rows.
    """
    month = month_start(month)
    rules, on = rulebook(scope), month_end(month)
    earlier, later = _payments(scope, add_months(month, -1)), _payments(scope, month)
    if not earlier or not later:
        return []
    rows: list[dict[str, object]] = []
    for pk, before in earlier.items():
        after = later.get(pk)
        before_usd = rules.points_dollars(before.mrr, before.currency, on)
        after_usd = rules.points_dollars(after.mrr, after.currency, on) if after else Fraction(0)
        if after_usd >= before_usd:
            continue
        churned = after is None or not after.mrr
        lost = as_decimal(before_usd - after_usd)
        rows.append(
            {
                "pk": pk,
                "client_pk": pk,
                "client_id": before.client_id,
                "client": before.client,
                "month": month,
                "kind": CHURNED if churned else CONTRACTED,
                "before": before.mrr,
                "currency": before.currency,
                "after": after.mrr if after else None,  # no row counts as churned, but is not an MRR of 0
                "after_currency": after.currency if after else before.currency,
                "before_usd": as_decimal(before_usd),
                "churned_usd": lost if churned else Decimal(0),
                "contracted_usd": Decimal(0) if churned else lost,
                "lost_usd": lost,
            }
        )
    return rows
