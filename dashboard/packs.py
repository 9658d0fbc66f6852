"""Contents of a review pack: the panels of the front page for paper, with bar charts that the server draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.scope import Scope
from clients.pipeline import PipelineMonth
from commissions.page import Bar as Quarter
from dashboard.front_page_text import opening
from dashboard.models import ReviewPack
from dashboard.overview import Overview
from dashboard.panels import PANELS
from dashboard.panels.retention import RetentionPanel
from partner_portal.formats.days import short_month
from partner_portal.formats.numbers import decimal_text, percent_text, whole
from partner_portal.lib.rounding import half_even
from portfolio.client_list import REASONS, portfolio
from program.terms import MONEY_METRICS
from renewals.datasets import as_row
from renewals.queries import renewal_rows

PACK_RENEWALS = 500
PACK_CLIENTS = 100
FULL = Fraction(100)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart that the server draws. Positions and sizes are CSS percentages of the chart's width or height."""

    left: str
    width: str
    #: The horizontal position of its texts.
    middle: str
    top: str
    height: str
    #: The vertical position of its value.
    label_at: str
    #: The text above the bar.
    value: str
    #: The text below the bar.
    name: str
    #: The CSS class of its fill, and of the hatching over it; "" for none.
    fill: str
    hatch: str


def bars(values: Sequence[tuple[str, Decimal | None, str, str, str]], least: Decimal = Decimal(0)) -> list[Bar]:
    """Bars of (name, value, its text, fill, hatch), drawn from `least` up to the highest; None leaves a gap."""
    count = max(len(values), 1)
    known = [Fraction(value - least) for _name, value, *_rest in values if value is not None]
    highest = max(known, default=Fraction(0)) or Fraction(1)
    step = FULL / count
    drawn = []
    for place, (name, value, text, fill, hatch) in enumerate(values):
        height = Fraction(0) if value is None else max(Fraction(value - least), Fraction(0)) / highest * 70
        left = step * place + step / 5
        drawn.append(
            Bar(
                _per_cent(left), _per_cent(step * 3 / 5), _per_cent(step * place + step / 2), _per_cent(84 - height),
                _per_cent(height), _per_cent(81 - height), text, name, fill, hatch,
            )
        )  # fmt: skip
    return drawn


def _per_cent(value: Fraction) -> str:
    return f"{half_even(value, 2)}%"


def contents(overview: Overview) -> dict[str, object]:
    """The template context of a pack: the panels, their charts as bars, the renewals of the range, and clients at risk.

    A constant number of queries.
    """
    scope = overview.scope
    contexts: dict[str, Any] = {panel.key: panel.context(overview) for panel in PANELS}
    first, rest = opening(overview.standing, past=overview.day.past)
    renewals = renewal_rows(scope, contexts["renewals"].range.chosen.period)
    at_risk = (
        portfolio(scope).filter(health__in=["risk", "watch"]).order_by("health", "-points_total", "name_sort_key", "pk")
    )
    return contexts | {
        "scope": scope,
        "day": overview.day,
        "reasons": REASONS,
        "hidden_metrics": MONEY_METRICS,
        "first": first,
        "rest": rest,
        "all_renewals": [as_row(row) for row in renewals[:PACK_RENEWALS]],
        "more_renewals": max(0, len(renewals) - PACK_RENEWALS),
        "at_risk": list(
            at_risk.values("name", "client_id", "points_total", "health", "reason", "next_renewal")[:PACK_CLIENTS]
        ),
        "expiry_bars": bars(
            [(short_month(m.first), m.points, whole(m.points), "f-loss", "f-hatch") for m in contexts["expiry"].months]
        ),
        "retention_bars": _retention(contexts["retention"]),
        "pipeline_bars": _pipeline(contexts["shared"].months),
        "commission_bars": _commission(contexts["commission"].bars) if contexts["commission"] else [],
    }


def _retention(panel: RetentionPanel) -> list[Bar]:
    months = [month.figures for month in panel.months]
    least = min((month.grr_monthly for month in months), default=Decimal(0)) - Decimal("0.02")
    return bars(
        [(short_month(m.month), m.grr_monthly, _percent_text(m.grr_monthly), "f-ink", "") for m in months],
        max(Decimal(0), least),
    )


def _percent_text(ratio: Decimal) -> str:
    return percent_text(decimal_text(ratio * 100, 1))


def _pipeline(months: Sequence[PipelineMonth]) -> list[Bar]:
    return bars([(short_month(m.month), Decimal(m.won), str(m.won), "f-ink", "") for m in months])


def _commission(quarters: Sequence[Quarter]) -> list[Bar]:
    return bars(
        [
            (bar.name, bar.expected, whole(bar.expected), "f-missing c-ghost", "")
            if bar.ahead
            else (bar.name, bar.paid + bar.unpaid, whole(bar.paid + bar.unpaid), "f-ink", "")
            for bar in quarters
        ]
    )


def saved_packs(scope: Scope) -> QuerySet[ReviewPack]:
    """The packs this scope may open, newest first, without their bodies."""
    packs = ReviewPack.objects.filter(partner=scope.partner).select_related("created_by").defer("body")
    return packs if scope.may_see_money else packs.filter(with_money=False)


def saved_pack(scope: Scope, pk: int) -> ReviewPack | None:
    """The pack with its body; None when it does not exist or the scope may not open it."""
    return saved_packs(scope).defer(None).filter(pk=pk).first()


def suggested_title(scope: Scope) -> str:
    """The default title of a pack."""
    return _("Review of %(partner)s") % {"partner": scope.partner.name}
