"""Contents of a review pack: the panels of the front page for paper, with the same charts."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.scope import Scope
from dashboard.front_page_text import opening
from dashboard.models import ReviewPack
from dashboard.overview import Overview
from dashboard.panels import PANELS
from dashboard.panels.expiry import Month
from partner_portal.formats.charts import Fill, Series, bar_chart
from partner_portal.formats.days import short_month
from partner_portal.lib.charts.chart import Chart
from portfolio.client_list import REASONS, portfolio
from program.terms import MONEY_METRICS
from renewals.datasets import as_row
from renewals.queries import renewal_rows

PACK_RENEWALS = 500
PACK_CLIENTS = 100


def contents(overview: Overview) -> dict[str, object]:
    """The template context of a pack: the panels, the renewals of the range, and clients at risk.

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
        "expiry_chart": _expiry(contexts["expiry"].months),
    }


def _expiry(months: Sequence[Month]) -> Chart | None:
    return bar_chart(
        _("Points that expire, by month"),
        [short_month(month.first) for month in months],
        [Series(Fill.LOSS, _("points expire"), [month.points for month in months])],
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
