"""The figures of a day and a range as plain JSON values, in the form that docs/contract.md fixes."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from accounts.scope import Scope
from clients.queries import shared_selling_of
from commissions.queries import statements
from ledger.queries import Changes, PointTotals, changes, client_points, forecast
from partner_portal.lib.periods import Period
from partner_portal.lib.rounding import half_even
from tiers.models import ChangeKind
from tiers.queries import Standing, history, money_figures, retention, standing
from tiers.rules import TierGap


def figures(scope: Scope, day: date, period: Period, *, with_clients: bool = False) -> dict[str, Any]:
    """Everything about `day` and `period`. The ledger must be posted through both."""
    now = standing(scope, day)
    money = money_figures(scope, day)
    kept = retention(scope, day)
    shared = shared_selling_of(scope, period)
    moved = changes(scope, period)
    found: dict[str, Any] = {
        "partner": scope.partner.slug,
        "on": day.isoformat(),
        "rule_set": now.rule_set.start.isoformat() if now.rule_set else None,
        "points": now.points.as_texts(),
        "changes": _changes(moved),
        "causes": {
            track: {cause: _points(value) for cause, value in sums.items()} for track, sums in moved.causes.items()
        },
        "tiers": _tiers(scope, now),
        "targets": [_target(target) for target in now.targets],
        "source_dollar_12m": _money(money.source_dollar_12m),
        "rolling_sourced_mrr_12m": _money(money.rolling_sourced_mrr_12m),
        "retention": {"csr": _optional(kept.csr), "grr": _optional(kept.grr), "months": kept.months},
        "shared_selling": {
            name: {"count": deals.count, "mrr": _money(deals.mrr)}
            for name, deals in (("created", shared.created), ("in_flight", shared.in_flight), ("won", shared.won))
        },
        "forecast": [
            {"month": f"{cell.month:%Y-%m}", "points": _points(cell.points)}
            for cell in forecast(scope, day)
            if cell.points
        ],
        "statements": [
            {
                "statement_id": each.statement_id,
                "period": each.period,
                "status": each.status,
                "total": _money(each.total),
                "currency": each.currency,
                "pay_on": each.pay_on.isoformat(),
                "variances": each.variances,
            }
            for each in statements(scope)
        ],
    }
    if with_clients:
        found["clients"] = list(_clients(client_points(scope, day)))
    return found


def _changes(moved: Changes) -> dict[str, str]:
    return {
        "from": moved.period.first.isoformat(),
        "to": moved.period.last.isoformat(),
        "opening": _points(moved.opening.total),
        "new_sold": _points(moved.new_sold.points),
        "lost_sold": _points(moved.lost_sold.points),
        "new_managed": _points(moved.new_managed.points),
        "lost_managed": _points(moved.lost_managed.points),
        "closing": _points(moved.closing.total),
    }


def _tiers(scope: Scope, now: Standing) -> dict[str, Any]:
    return {
        "performance": now.performance,
        "credited": now.credited,
        "credited_since": now.credited_since.isoformat() if now.credited_since else None,
        "next_review": now.next_review.isoformat() if now.next_review else None,
        "history": [
            {"on": row.on.isoformat(), "from": row.before or None, "to": row.after or None}
            for row in history(scope, now.day)
            if row.kind != ChangeKind.KEPT
        ],
    }


def _target(target: TierGap) -> dict[str, Any]:
    return {
        "tier": target.tier,
        "met": target.met,
        "requirements": [
            {
                "metric": need.metric,
                "have": _optional(need.have),
                "need": _points(need.need),
                "missing": _optional(need.missing),
            }
            for need in target.requirements
        ],
    }


def _clients(rows: Iterable[tuple[str, PointTotals]]) -> Iterable[dict[str, str]]:
    for client_id, points in rows:
        texts = points.as_texts()
        yield {"client_id": client_id, **{name: texts[name] for name in ("sourced", "assisted", "managed", "total")}}


def _points(value: Decimal) -> str:
    return f"{half_even(value, 4):f}"


def _optional(value: Decimal | None) -> str | None:
    return None if value is None else _points(value)


def _money(value: Decimal | Fraction) -> str:
    return f"{half_even(value, 2):f}"
