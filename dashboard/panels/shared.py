"""Shared selling: deals created, in flight and won in a range of its own, the months compared, and what is stuck."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.scope import Scope
from clients.pipeline import PipelineMonth, Stuck, pipeline, stuck, valued_by
from clients.queries import shared_selling_of
from clients.rules import DealSum
from dashboard.datasets import SHARED
from dashboard.forms import SharedForm
from dashboard.overview import TOGETHER, Overview
from partner_portal.formats.charts import Series, Stroke, Unit, line_chart
from partner_portal.formats.days import short_month
from partner_portal.lib.charts.chart import Chart
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.dates.ranges import Comparison, Difference, compared
from partner_portal.lib.web.range_control import RangeControl


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the counters of deals."""

    label: str
    #: The number of deals.
    count: int
    #: Their MRR in points-dollars, exact.
    mrr: Fraction
    #: The URL of the deals.
    address: str
    #: Whether it counts deals that are still open.
    in_flight: bool
    #: The difference from the comparison; None without one.
    moved: Difference | None


@dataclass(frozen=True, slots=True)
class Shared:
    """The contents of the panel."""

    range: RangeControl
    comparison: Comparison
    #: Sentences about parameters that could not be used.
    problems: Sequence[str]
    #: Whether the panel replaces itself, so that the focus is set again.
    refocus: bool
    #: The counters.
    figures: Sequence[Figure]
    #: A sentence about the currency table that amounts were converted with.
    valued: str
    #: Oldest first.
    months: Sequence[PipelineMonth]
    #: Whether the last month is not over.
    partial: bool
    #: The charts of deals, of the win rate and of the days to close; None without any.
    chart: Chart | None
    rate_chart: Chart | None
    days_chart: Chart | None
    #: Deals that are stalled or past their expected close, and their URL.
    stuck: Stuck
    stuck_address: str


def shared(overview: Overview) -> Shared:
    """The panel's figures."""
    scope = overview.scope
    form = SharedForm(overview.section(SharedForm.range_prefix), scope=scope)
    form.is_valid()
    chosen = overview.fixed(form.chosen)
    comparison = compared(form.data, form.chosen, starts=overview.starts)
    sums = _sums(scope, chosen.period)
    before = _sums(scope, comparison.base) if comparison.base is not None and comparison.known else {}
    query = urlencode(chosen.query)
    months = pipeline(scope)
    return Shared(
        range=RangeControl(
            overview.path,
            overview.query,
            form.chosen,
            target="shared",
            programme=form.presets(),
            comparison=comparison,
            sections=TOGETHER,
            starts=overview.starts,
            ends=scope.today,
        ),
        comparison=comparison,
        problems=[problem for problem in (form.chosen.problem, comparison.problem) if problem],
        refocus=overview.part == "shared",
        figures=[
            Figure(
                str(SHARED[key]),
                deals.count,
                deals.mrr,
                f"{reverse('dashboard_shared', args=[key])}?{query}",
                key == "in-flight",
                comparison.difference(deals.count, before[key].count if before else None),
            )
            for key, deals in sums.items()
        ],
        valued=valued_by(scope, chosen.period.first, chosen.period.last),
        months=months,
        partial=any(month.partial for month in months),
        chart=_chart(
            _("Registered deals created and won by month"),
            months,
            Series(Stroke.SECOND, _("created"), [Decimal(month.created) for month in months]),
            Series(Stroke.FIRST, _("won"), [Decimal(month.won) for month in months]),
        ),
        rate_chart=_chart(
            _("Win rate: deals won / deals closed that month"),
            months,
            Series(Stroke.FIRST, _("won, of deals closed"), [month.win_rate for month in months]),
            unit=Unit.RATIO,
        ),
        days_chart=_chart(
            _("Days to close (median) of deals won that month"),
            months,
            Series(Stroke.FIRST, _("days to close"), [_decimal(month.days_to_close) for month in months]),
        ),
        stuck=stuck(scope),
        stuck_address=reverse("dashboard_stuck"),
    )


def _chart(title: str, months: Sequence[PipelineMonth], *series: Series, unit: Unit = Unit.COUNT) -> Chart | None:
    """A chart of lines by month, the month that is not over marked."""
    return line_chart(
        title,
        [short_month(month.month) for month in months],
        series,
        unit=unit,
        partial=next((place for place, month in enumerate(months) if month.partial), None),
    )


def _decimal(days: float | None) -> Decimal | None:
    return None if days is None else Decimal(str(days))


def _sums(scope: Scope, period: Period) -> Mapping[str, DealSum]:
    """The deals behind the three counters, by the key of their dataset."""
    sums = shared_selling_of(scope, period)
    return {"created": sums.created, "in-flight": sums.in_flight, "won": sums.won}
