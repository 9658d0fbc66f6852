"""Shared selling: deals created, in flight and won in a range of its own, the months compared, and what is stuck."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from clients.pipeline import PipelineMonth, Stuck, pipeline, stuck
from clients.queries import shared_selling_of
from dashboard.datasets import SHARED
from dashboard.forms import SharedForm
from dashboard.overview import Overview
from ledger.queries import history_starts
from partner_portal.lib.range_control import RangeControl, range_control
from partner_portal.templatetags.figures import short_month


@dataclass(frozen=True, slots=True)
class Figure:
    """One counter: a number of deals and their MRR in points-dollars, and the rows behind it."""

    label: str
    count: int
    mrr: Fraction
    address: str
    in_flight: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """What the panel shows."""

    range: RangeControl
    problems: Sequence[str]
    refocus: bool
    figures: Sequence[Figure]
    months: Sequence[PipelineMonth]
    chart: Mapping[str, Any]
    stuck: Stuck
    stuck_address: str


def shared(overview: Overview) -> Shared:
    """The panel's figures."""
    scope = overview.scope
    form = SharedForm(overview.query, scope=scope)
    form.is_valid()
    chosen = replace(form.chosen, preset="") if overview.day.past else form.chosen
    found = shared_selling_of(scope, chosen.period)
    query = urlencode(chosen.query)
    sums = {"created": found.created, "in-flight": found.in_flight, "won": found.won}
    months = pipeline(scope)
    return Shared(
        range=range_control(
            overview.path, overview.query, form.chosen, target="shared", starts=history_starts(scope), ends=scope.today
        ),
        problems=[form.chosen.problem] if form.chosen.problem else [],
        refocus=overview.part == "shared",
        figures=[
            Figure(
                str(SHARED[key]),
                deals.count,
                deals.mrr,
                f"{reverse('dashboard_shared', args=[key])}?{query}",
                key == "in-flight",
            )
            for key, deals in sums.items()
        ],
        months=months,
        chart={
            "names": [short_month(each.month) for each in months],
            "series": [
                {"look": "second", "label": _("created"), "values": [str(each.created) for each in months]},
                {"look": "first", "label": _("won"), "values": [str(each.won) for each in months]},
            ],
        },
        stuck=stuck(scope),
        stuck_address=reverse("dashboard_stuck"),
    )
