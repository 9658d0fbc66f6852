"""Reads the clients behind a month's retention: who left, who pays less (docs/points.md 5 and 12)."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

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


def lost_mrr(scope: Scope, month: date) -> list[dict[str, Any]]:
    """Clients that paid less at the end of the month than of the month before: one row each, in points-dollars by the
    currency table of the month's last day, with the churned and the contracted part of the loss. Two queries.

    A month that cannot be compared has no rows.
    """
    month = month_start(month)
    rules, on = rulebook(scope), month_end(month)

    def of(day: date) -> dict[int, tuple[Any, ...]]:
        rows = MrrMonth.objects.filter(partner=scope.partner, month=day)
        values = rows.values_list("client_id", "client__client_id", "client__name", "mrr", "currency")
        return {row[0]: row for row in values}

    before, now = of(add_months(month, -1)), of(month)
    if not before or not now:
        return []
    found = []
    for pk, (_pk, client_id, name, mrr, currency) in before.items():
        after = now.get(pk)
        left = after[3] if after else Decimal(0)
        was = rules.points_dollars(mrr, currency, on)
        is_now = rules.points_dollars(left, after[4], on) if after else Fraction(0)
        if is_now >= was:
            continue
        gone = not left
        lost = as_decimal(was - is_now)
        found.append(
            {
                "pk": pk,
                "client_pk": pk,
                "client_id": client_id,
                "client": name,
                "month": month,
                "kind": CHURNED if gone else CONTRACTED,
                "before": mrr,
                "currency": currency,
                "after": after[3] if after else None,  # missing counts as churned, but is no 0
                "after_currency": after[4] if after else currency,
                "before_usd": as_decimal(was),
                "churned_usd": lost if gone else Decimal(0),
                "contracted_usd": Decimal(0) if gone else lost,
                "lost_usd": lost,
            }
        )
    return found
