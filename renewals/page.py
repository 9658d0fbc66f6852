"""What the renewals page and the dashboard's panel show, put together from the queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounts.scope import Scope
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.sentences import day_text
from program.caching import cached_by_generation
from program.terms import RenewalStatus
from renewals.queries import RenewalRow, Week, by_week, renewal_rows
from tiers.queries import credited_on, history

CHART_WEEKS = 60


@dataclass(frozen=True, slots=True)
class Summary:
    """A range of renewals in a few numbers. late: pending although the decision deadline has passed, the overdue ones too.
    worst: the renewal with the most points at stake."""

    count: int
    overdue: int
    late: int
    stake: Decimal
    falls: int
    worst: RenewalRow | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The chart by week and its table; empty for a range that is too long for it."""

    weeks: Sequence[Week]
    chart: Mapping[str, Any]


def summary(rows: Sequence[RenewalRow]) -> Summary:
    """The rows in a few numbers."""
    return Summary(
        count=len(rows),
        overdue=sum(row.days < 0 and row.status != RenewalStatus.RENEWED for row in rows),
        late=sum(row.deadline_days < 0 and row.status == RenewalStatus.PENDING for row in rows),
        stake=sum((row.stake for row in rows), Decimal(0)),
        falls=sum(bool(row.impact and row.impact.falls) for row in rows),
        worst=max(rows, key=lambda row: row.stake, default=None),
    )


@dataclass(frozen=True, slots=True)
class Glance:
    """The first renewals of a range and all of them in a few numbers. *_usd: sums in points-dollars."""

    rows: tuple[RenewalRow, ...]
    others: int
    summary: Summary
    change_usd: Decimal
    current_usd: Decimal
    renewal_usd: Decimal


@cached_by_generation("renewals-glance")
def glance(scope: Scope, period: Period, shown: int) -> Glance:
    """What a panel shows of a range; kept apart from the rows, which may be thousands."""
    rows = renewal_rows(scope, period)
    return Glance(
        tuple(rows[:shown]),
        max(0, len(rows) - shown),
        summary(rows),
        sum((row.change_usd for row in rows), Decimal(0)),
        sum((row.current_usd for row in rows), Decimal(0)),
        sum((row.renewal_usd for row in rows), Decimal(0)),
    )


def head(scope: Scope, period: Period) -> tuple[Summary, Timeline]:
    """What the page says above its table; kept apart from the rows for the same reason."""
    found, weeks = _head(scope, period)
    return found, timeline(weeks)


@cached_by_generation("renewals-head")
def _head(scope: Scope, period: Period) -> tuple[Summary, Sequence[Week]]:
    rows = renewal_rows(scope, period)
    return summary(rows), by_week(rows, period) if period.days <= CHART_WEEKS * 7 else ()


def timeline(weeks: Sequence[Week]) -> Timeline:
    """Points at stake by week."""
    chart = {
        "names": [_short(week.monday) for week in weeks],
        "totals": [str(week.decided + week.undecided) for week in weeks],
        "series": [
            {"fill": "total", "label": _("at stake, decided"), "values": [str(week.decided) for week in weeks]},
            {
                "fill": "expected",
                "label": _("at stake, not decided"),
                "values": [str(week.undecided) for week in weeks],
            },
        ],
    }
    return Timeline(weeks, chart)


def _short(day: date) -> str:
    return day_text(day).rsplit(" ", 1)[0]


def credited_tier(scope: Scope) -> str | None:
    """The tier that gaps are measured to."""
    return credited_on(history(scope)).tier


def mail_subject(row: Mapping[str, Any]) -> str:
    """The subject of a mail to the renewal manager about a row of the dataset."""
    return _("Renewal of %(line)s for %(client)s on %(day)s") % {
        "line": row["product_line"],
        "client": row["client"],
        "day": day_text(row["renews_on"]),
    }
