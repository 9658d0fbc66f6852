"""The figures of a day and a range as plain JSON values, in the form that docs/contract.md fixes.

Points are strings with 4 decimals, money strings with 2, days ISO dates; "no data" is None. `figures` is all of it; the parts
are what the JSON API answers with.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NotRequired, Protocol, TypedDict

from accounts.scope import Scope
from clients.queries import shared_selling_of
from commissions.offsets import Total
from commissions.queries import statements
from ledger.queries import Changes, changes, client_points, expiry_forecast
from ledger.series import PointTotals
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rounding import half_even
from program.terms import ReviewResult
from tiers.queries import TierStanding, history, money_figures, retention, tier_standing
from tiers.rules import TierGap

# JSON values by name.
type Figures = dict[str, object]


class RequirementFigures(TypedDict):
    """What a tier requires; `have` and `missing` are left out for those who may not see money."""

    metric: str
    have: NotRequired[str | None]
    need: str
    missing: NotRequired[str | None]


class TargetFigures(TypedDict):
    """A tier as a target."""

    tier: str
    met: bool
    requirements: list[RequirementFigures]


class Statement(Total, Protocol):
    """A statement of commission, as `statement_figures` needs it."""

    @property
    def variances(self) -> int: ...


def figures(scope: Scope, day: date, period: Period, *, with_clients: bool = False) -> Figures:
    """All figures of `day` and `period`. The ledger must be posted through both."""
    now = tier_standing(scope, day)
    shared = shared_selling_of(scope, period)
    answer: Figures = {
        "partner": scope.partner.slug,
        "on": day.isoformat(),
        "rule_set": rule_set_figure(now),
        "points": now.points.as_texts(),
        **changes_figures(changes(scope, period)),
        "tiers": tier_figures(scope, now),
        "targets": [target_figures(target) for target in now.targets],
        **twelve_month_figures(scope, day),
        "retention": retention_figures(scope, day),
        "shared_selling": {
            name: {"count": deals.count, "mrr": money_figure(deals.mrr)}
            for name, deals in (("created", shared.created), ("in_flight", shared.in_flight), ("won", shared.won))
        },
        "forecast": forecast_figures(scope, day),
        "statements": [statement_figures(statement) for statement in statements(scope)],
    }
    if with_clients:
        answer["clients"] = list(_clients(client_points(scope, day)))
    return answer


def rule_set_figure(now: TierStanding) -> str | None:
    """The day the rule set in force began."""
    return now.rule_set.start.isoformat() if now.rule_set else None


def changes_figures(moved: Changes) -> Figures:
    """`changes`: the bridge of a period. `causes`: its signed sums by track and cause."""
    return {
        "changes": {
            "from": moved.period.first.isoformat(),
            "to": moved.period.last.isoformat(),
            "opening": points_figure(moved.opening.total),
            "new_sold": points_figure(moved.new_sold.points),
            "lost_sold": points_figure(moved.lost_sold.points),
            "new_managed": points_figure(moved.new_managed.points),
            "lost_managed": points_figure(moved.lost_managed.points),
            "closing": points_figure(moved.closing.total),
        },
        "causes": {
            track: {cause: points_figure(value) for cause, value in sums.items()}
            for track, sums in moved.causes.items()
        },
    }


def tier_figures(scope: Scope, now: TierStanding) -> Figures:
    """Performance and credited tier, and how the credited one came about."""
    return {
        "performance": now.performance,
        "credited": now.credited,
        "credited_since": now.credited_since.isoformat() if now.credited_since else None,
        "next_review": now.next_review.isoformat() if now.next_review else None,
        "history": [
            {"on": row.on.isoformat(), "from": row.before or None, "to": row.after or None}
            for row in history(scope, now.day)
            if row.kind != ReviewResult.KEPT
        ],
    }


def target_figures(target: TierGap) -> TargetFigures:
    """A tier as a target: its requirements with the present value, the required value and the gap."""
    return {
        "tier": target.tier,
        "met": target.met,
        "requirements": [
            {
                "metric": need.metric,
                "have": _optional(need.have),
                "need": points_figure(need.need),
                "missing": _optional(need.missing),
            }
            for need in target.requirements
        ],
    }


def twelve_month_figures(scope: Scope, day: date) -> dict[str, str]:
    """The two 12-month figures, in points-dollars: amounts of money, for those who may see them."""
    money = money_figures(scope, day)
    return {
        "source_dollar_12m": money_figure(money.source_dollar_12m),
        "rolling_sourced_mrr_12m": money_figure(money.rolling_sourced_mrr_12m),
    }


def retention_figures(scope: Scope, day: date) -> Figures:
    """C$R and GRR, and the number of months behind them."""
    means = retention(scope, day)
    return {"csr": _optional(means.csr), "grr": _optional(means.grr), "months": means.months}


def forecast_figures(scope: Scope, day: date) -> list[dict[str, str]]:
    """The months in which points expire if nothing else happens."""
    return [
        {"month": f"{cell.month:%Y-%m}", "points": points_figure(cell.points)}
        for cell in expiry_forecast(scope, day)
        if cell.points
    ]


def statement_figures(statement: Statement) -> Figures:
    """A statement of commission."""
    return {
        "statement_id": statement.statement_id,
        "period": statement.period,
        "status": statement.status,
        "total": money_figure(statement.total),
        "currency": statement.currency,
        "pay_on": statement.pay_on.isoformat(),
        "variances": statement.variances,
    }


def points_figure(value: Decimal) -> str:
    """Points or a ratio, with 4 decimals."""
    return f"{half_even(value, 4):f}"


def money_figure(value: Decimal | Fraction) -> str:
    """An amount of money, with 2 decimals."""
    return f"{half_even(value, 2):f}"


def _clients(rows: Iterable[tuple[str, PointTotals]]) -> Iterable[dict[str, str]]:
    for client_id, points in rows:
        texts = points.as_texts()
        yield {"client_id": client_id, **{name: texts[name] for name in ("sourced", "assisted", "managed", "total")}}


def _optional(value: Decimal | None) -> str | None:
    return None if value is None else points_figure(value)
