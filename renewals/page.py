"""Contents of the renewals page, of the dashboard's renewals panel and of the calendar feed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from accounts.scope import Scope
from ledger.prepared import prepared
from partner_portal.formats.charts import Fill, Series, bar_chart
from partner_portal.formats.days import day_text
from partner_portal.lib import site
from partner_portal.lib.charts.chart import Chart
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import Row
from partner_portal.lib.web.page_table import PageColumn, RowLayout, row_layout
from program.caching import cached_by_generation
from program.terms import RenewalStatus
from renewals.calendar_file import Event
from renewals.models import Renewal
from renewals.queries import RenewalRow, Week, by_week, renewal_rows
from renewals.rules import deadline
from tiers.queries import credited_on, history

CHART_WEEKS = 60
COLUMNS = (
    PageColumn("client", below=("product_line",), brief=True, classes="pin"),
    PageColumn("renews_on", _lazy("Time to renew"), below=("days",), brief=True),
    PageColumn("deadline"),
    PageColumn("change_usd", _lazy("MRR change"), below=("change", "current_mrr", "renewal_mrr", "currency")),
    PageColumn("status"),
    PageColumn("stake", below=("stake_sold", "stake_managed"), brief=True),
    PageColumn(
        "gap_without",
        _lazy("Tier if not renewed"),
        below=("tier_with", "tier_without", "gap_with", "review", "fails"),
        classes="text",
    ),
    PageColumn("last_active_on", _lazy("Last active employee"), below=("last_active_employee",)),
    PageColumn("manager", below=("manager_email",)),
)
#: On the record of a client, which says the rest elsewhere.
OF_CLIENT = row_layout(
    [column for column in COLUMNS if column.name in {"client", "renews_on", "deadline", "stake", "gap_without"}]
)


def at_a_glance(scope: Scope) -> RowLayout:
    """The columns of the dashboard's panel."""
    left_out = {"deadline"} if scope.may_see_money else {"deadline", "change_usd"}
    return row_layout([column for column in COLUMNS if column.name not in left_out])


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of a range of renewals."""

    count: int
    overdue: int  #: past their day and not renewed
    late: int  #: pending past the decision deadline, overdue ones included
    stake: Decimal  #: points at stake
    falls: int  #: renewals whose points decide the performance tier
    worst: RenewalRow | None  #: the renewal with the most points at stake; None without renewals


@dataclass(frozen=True, slots=True)
class Timeline:
    """The chart by week and its table; empty for a range of more than CHART_WEEKS weeks."""

    weeks: Sequence[Week]
    #: None when nothing is at stake in any week.
    chart: Chart | None


def summary(rows: Sequence[RenewalRow]) -> Summary:
    """Summarize the rows."""
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
    """The first renewals of a range, and a summary of all."""

    rows: tuple[RenewalRow, ...]
    others: int  #: renewals that are not among `rows`
    summary: Summary
    change_usd: Decimal  #: of all renewals, in points-dollars
    current_usd: Decimal
    renewal_usd: Decimal


@cached_by_generation("renewals-glance")
@prepared("renewals-glance")
def glance(scope: Scope, period: Period, shown: int) -> Glance:
    """Summarize a range and take its first renewals, for a panel. Cached separately from the rows, which may be thousands."""
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
    """Summary and timeline above the table of the page. Cached separately from the rows, like `glance`."""
    summary_of_range, weeks = _head(scope, period)
    return summary_of_range, timeline(weeks)


@cached_by_generation("renewals-head")
@prepared("renewals-head")
def _head(scope: Scope, period: Period) -> tuple[Summary, Sequence[Week]]:
    rows = renewal_rows(scope, period)
    return summary(rows), by_week(rows, period) if period.days <= CHART_WEEKS * 7 else ()


def timeline(weeks: Sequence[Week]) -> Timeline:
    """Chart of the points at stake by week."""
    chart = bar_chart(
        _("Points at stake by week, from Monday"),
        [_short(week.monday) for week in weeks],
        [
            Series(Fill.DONE, _("at stake, decided"), [week.decided for week in weeks]),
            Series(Fill.EXPECTED, _("at stake, not decided"), [week.undecided for week in weeks]),
        ],
    )
    return Timeline(weeks, chart)


def _short(day: date) -> str:
    return day_text(day).rsplit(" ", 1)[0]


def credited_tier(scope: Scope) -> str | None:
    """The credited tier, to which gaps are measured; None when untiered."""
    return credited_on(history(scope)).tier


def mail_subject(row: Row) -> str:
    """Subject of a mail to the renewal manager about a row of the dataset."""
    return _("Renewal of %(line)s for %(client)s on %(day)s") % {
        "line": row["product_line"],
        "client": row["client"],
        "day": day_text(row["renews_on"]),
    }


def calendar_events(renewals: Sequence[Renewal], slug: str) -> list[Event]:
    """Calendar entries of the renewals, and of the decision deadlines of pending ones. slug: the partner's."""
    events = []
    for row in renewals:
        values = {"client": row.client.name, "line": row.product_line, "status": row.get_status_display()}
        address = site.link("renewals")
        about = _("%(line)s. Status: %(status)s.") % values
        events.append(
            Event(
                f"renewal-{row.pk}@{slug}", row.renews_on, _("Renewal: %(client)s, %(line)s") % values, about, address
            )
        )
        if row.status == RenewalStatus.PENDING:
            summary = _("Decide: %(client)s, %(line)s") % values
            events.append(Event(f"decision-{row.pk}@{slug}", deadline(row.renews_on), summary, about, address))
    return events
