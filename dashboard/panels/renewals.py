"""Upcoming renewals: the overdue ones first, then by time to renew, with points at stake and the gap they leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.overview import Overview
from partner_portal.lib.dates.ranges import AHEAD
from partner_portal.lib.rows.datasets import Row
from partner_portal.lib.web.page_table import RowLayout
from partner_portal.lib.web.range_control import RangeControl
from renewals.datasets import as_row
from renewals.forms import RenewalsForm
from renewals.page import Summary, at_a_glance, glance, mail_subject

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The contents of the panel."""

    range: RangeControl
    #: Sentences about parameters that could not be used.
    problems: Sequence[str]
    #: Whether the panel replaces itself, so that the focus is set again.
    refocus: bool
    #: The first renewals of the range.
    rows: Sequence[Row]
    #: The number of further renewals, which are on their own page.
    others: int
    #: Of all renewals of the range.
    summary: Summary
    #: Points-dollars: the change, the MRR now and the MRR renewed; None for a reader who may not see money.
    change_usd: Decimal | None
    current_usd: Decimal | None
    renewal_usd: Decimal | None
    #: The URL of the page of renewals, for the same range.
    address: str
    #: The credited tier; None: untiered.
    credited: str | None
    #: The columns of the table.
    layout: RowLayout


def renewals(overview: Overview) -> Upcoming:
    """The panel's figures."""
    scope = overview.scope
    form = RenewalsForm(overview.query, scope=scope)
    form.is_valid()
    period = form.chosen.period
    upcoming = glance(scope, period, SHOWN)
    rows = [row | {"subject": mail_subject(row)} for row in map(as_row, upcoming.rows)]
    return Upcoming(
        range=RangeControl(overview.path, overview.query, form.chosen, target="renewals", presets=AHEAD),
        problems=[form.chosen.problem] if form.chosen.problem else [],
        refocus=overview.part == "renewals",
        rows=rows,
        others=upcoming.others,
        summary=upcoming.summary,
        change_usd=upcoming.change_usd if scope.may_see_money else None,
        current_usd=upcoming.current_usd if scope.may_see_money else None,
        renewal_usd=upcoming.renewal_usd if scope.may_see_money else None,
        address=f"{reverse('renewals')}?{urlencode(form.chosen.query)}",
        credited=overview.standing.credited,
        layout=at_a_glance(scope),
    )
