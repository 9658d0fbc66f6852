"""Upcoming renewals: the overdue ones first, then by time to renew, with points at stake and the gap they leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.overview import Overview
from partner_portal.lib.dates.ranges import AHEAD
from partner_portal.lib.rows.datasets import Row
from partner_portal.lib.web.range_control import RangeControl
from renewals.datasets import as_row
from renewals.forms import RenewalsForm
from renewals.page import Summary, glance, mail_subject

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What the panel shows: the first rows of the range; the others are on their own page."""

    range: RangeControl
    problems: Sequence[str]
    refocus: bool
    rows: Sequence[Row]
    others: int
    summary: Summary
    change_usd: Decimal | None
    current_usd: Decimal | None
    renewal_usd: Decimal | None
    address: str
    credited: str | None


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
    )
