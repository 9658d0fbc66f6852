"""Retention: C$R and GRR, the months they are the mean of, and the clients behind each month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from clients.rules import MonthRetention, Retention
from dashboard.overview import Overview
from partner_portal.templatetags.figures import short_month
from program.terms import Metric
from tiers.queries import retention as retention_of


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the series, and the rows of the clients that left or pay less in it."""

    figures: MonthRetention
    address: str


@dataclass(frozen=True, slots=True)
class RetentionPanel:
    """What the panel shows. used: the metrics (`csr`, `grr`) that a requirement of the rule set in force asks for."""

    retention: Retention
    months: Sequence[Month]
    chart: Mapping[str, Any]
    used: frozenset[str]


def retention(overview: Overview) -> RetentionPanel:
    """The panel's figures."""
    found = retention_of(overview.scope, overview.scope.today)
    rule_set = overview.standing.rule_set
    asked = {need.metric for tier in rule_set.tiers for need in tier.requirements} if rule_set else set()
    rows = reverse("dashboard_churn")
    return RetentionPanel(
        retention=found,
        months=[Month(each, f"{rows}?{urlencode({'month': f'{each.month:%Y-%m}'})}") for each in found.series],
        chart={
            "percent": True,
            "names": [short_month(each.month) for each in found.series],
            "series": [
                {
                    "look": "first",
                    "label": _("C$R of the month"),
                    "values": [str(each.csr_monthly) for each in found.series],
                },
                {
                    "look": "second",
                    "label": _("GRR of the month"),
                    "values": [str(each.grr_monthly) for each in found.series],
                },
            ],
        },
        used=frozenset(asked & {Metric.CSR, Metric.GRR}),
    )
