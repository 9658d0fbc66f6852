"""Retention: C$R and GRR, the months they are the mean of, and the clients behind each month."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from clients.rules import MonthRetention, Retention
from dashboard.overview import Overview
from partner_portal.formats.charts import Series, Stroke, Unit, line_chart
from partner_portal.formats.days import short_month
from partner_portal.lib.charts.chart import Chart
from program.terms import Metric
from tiers.queries import retention as retention_of


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the series."""

    figures: MonthRetention
    #: The URL of the clients that left or pay less in it.
    address: str


@dataclass(frozen=True, slots=True)
class RetentionPanel:
    """The contents of the panel."""

    retention: Retention
    #: Oldest first.
    months: Sequence[Month]
    #: None without a month.
    chart: Chart | None
    #: The metrics (`csr`, `grr`) that the rule set in force requires.
    used: frozenset[str]


def retention(overview: Overview) -> RetentionPanel:
    """The panel's figures."""
    means = retention_of(overview.scope, overview.scope.today)
    rule_set = overview.standing.rule_set
    asked = {need.metric for tier in rule_set.tiers for need in tier.requirements} if rule_set else set()
    rows = reverse("dashboard_churn")
    return RetentionPanel(
        retention=means,
        months=[Month(month, f"{rows}?{urlencode({'month': f'{month.month:%Y-%m}'})}") for month in means.series],
        chart=line_chart(
            _("Retention of each month, not annualised"),
            [short_month(month.month) for month in means.series],
            [
                Series(Stroke.FIRST, _("C$R of the month"), [month.csr_monthly for month in means.series]),
                Series(Stroke.SECOND, _("GRR of the month"), [month.grr_monthly for month in means.series]),
            ],
            unit=Unit.RATIO,
            from_zero=False,
        ),
        used=frozenset(asked & {Metric.CSR, Metric.GRR}),
    )
