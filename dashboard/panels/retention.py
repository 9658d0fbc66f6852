"""Retention: C$R and GRR, the months they are the mean of, and the clients behind each month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from clients.rules import MonthRetention, Retention
from dashboard.overview import Overview
from partner_portal.formats.days import short_month
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
    #: The data of the chart.
    chart: Mapping[str, object]
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
        chart={
            "percent": True,
            "names": [short_month(month.month) for month in means.series],
            "series": [
                {
                    "stroke": "first",
                    "label": _("C$R of the month"),
                    "values": [str(month.csr_monthly) for month in means.series],
                },
                {
                    "stroke": "second",
                    "label": _("GRR of the month"),
                    "values": [str(month.grr_monthly) for month in means.series],
                },
            ],
        },
        used=frozenset(asked & {Metric.CSR, Metric.GRR}),
    )
