"""Reads the portfolio: every client with its MRR, points, tool usage, renewals and health."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    CharField,
    Count,
    DateField,
    DecimalField,
    Expression,
    F,
    FilteredRelation,
    Func,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)  # fmt: skip
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from clients.churn import latest_month
from clients.models import Client
from clients.pipeline import points_dollars
from ledger.client_states import last_known_month
from ledger.models import Lot
from partner_portal.lib.dates.months import add_months
from program.caching import cached_by_generation
from program.queries import rulebook
from program.terms import SALES, RenewalStatus, Stage

QUIET_DAYS = 60
FEW_TOOLS = 2
SHRINKS_OVER = 3  # months
ZERO = Value(Decimal(0), DecimalField(max_digits=18, decimal_places=4))

STATES = {
    "client": _("Client"),
    "prospect": _("Not yet a client"),
    "gone": _("No longer a client"),
    "unknown": _("Unknown"),
}
HEALTH = {
    "risk": _("At risk"),
    "watch": _("To check"),
    "good": _("Healthy"),
    "unknown": _("Unknown whether a client"),
    "prospect": _("Not yet a client"),
    "gone": _("No longer a client"),
}
REASONS = {
    "overdue": _("A renewal is overdue and not decided"),
    "cancelled": _("The whole client was cancelled"),
    "lines_cancelled": _("Every line sold is cancelled, no service is in force"),
    "no_mrr": _("MRR is 0, no service is in force"),
    "cancelling": _("A cancellation is requested"),
    "nothing": _("No won deal, no service, no MRR"),
    "undecided": _("MRR is 0, a renewal is not decided: the decision would tell"),
    "too_little": _("MRR history, a won deal or a service would tell"),
    "shrinking": _("Pays less than three months ago"),
    "quiet": _("Inactive for 60 days"),
    "unused": _("Fewer than two tools in use"),
    "unknown": _("No word about use or activity"),
    "": _("Nothing stands out"),
}
HEALTH_OF = {
    "overdue": "risk", "cancelled": "gone", "lines_cancelled": "gone", "no_mrr": "gone", "cancelling": "risk",
    "nothing": "prospect", "undecided": "unknown", "too_little": "unknown", "shrinking": "watch", "quiet": "watch",
    "unused": "watch", "unknown": "watch",
}  # fmt: skip


def portfolio(scope: Scope) -> QuerySet[Any]:
    """Every client of the partner with the columns of the portfolio page, among them state, health and its reason."""
    today = scope.today
    month = latest_month(scope)
    book = rulebook(scope)
    clients: Any = Client.objects.filter(partner=scope.partner)
    clients = clients.annotate(last=_month(month), earlier=_month(_back(month)))
    clients = clients.annotate(
        points_total=Coalesce("points__total", ZERO),
        points_sourced=Coalesce("points__sourced", ZERO),
        points_assisted=Coalesce("points__assisted", ZERO),
        points_managed=Coalesce("points__managed", ZERO),
        mrr=F("last__mrr"),
        mrr_currency=F("last__currency"),
        mrr_usd=points_dollars(book, "last__mrr", "last__currency", on=today),
        next_expiry=Subquery(
            Lot.objects.filter(client=OuterRef("pk"), remaining__gt=0, expires_on__gt=today)
            .order_by()
            .values("client")
            .annotate(first=Min("expires_on"))
            .values("first")
        ),
        next_renewal=_next_renewal("renews_on", today, DateField()),
        next_line=_next_renewal("product_line", today, CharField()),
        next_status=_next_renewal("status", today, CharField()),
    )
    before = points_dollars(book, "earlier__mrr", "earlier__currency", on=today)
    rules = _Conditions(today, month)
    with_health: QuerySet[Any] = clients.annotate(
        state=_first({state: state for state in STATES}, rules.states(), before, default="client"),
        reason=_first({reason: reason for reason in REASONS}, rules.reasons(), before, default=""),
        health=_first(HEALTH_OF, rules.reasons(), before, default="good"),
    )
    return with_health


def _back(month: date | None) -> date | None:
    return add_months(month, -SHRINKS_OVER) if month else None


def _month(month: date | None) -> FilteredRelation:
    """The client's MRR row of a month; a client has at most one."""
    return FilteredRelation(
        "mrr_months", condition=Q(mrr_months__month=month or date.max, mrr_months__withdrawal__isnull=True)
    )


def _next_renewal(column: str, today: date, kind: CharField | DateField) -> Func:
    """A column of the client's first renewal that is to come or overdue."""
    return Func(
        F("pk"),
        template=f"(SELECT r.{column} FROM renewals_renewal r WHERE r.withdrawal_id IS NULL AND r.client_id = %(expressions)s"  # noqa: S608
        f" AND (r.renews_on >= {_day(today)} OR r.status <> '{RenewalStatus.RENEWED}') ORDER BY r.renews_on, r.id LIMIT 1)",
        output_field=kind,
    )


def _day(day: date) -> str:
    return f"DATE '{day.isoformat()}'"


class _Conditions:
    """The criteria of `ledger.client_states` in SQL, each one lookup by the key of the client `me` (`_first`).

    They are written as text: put together from the expressions of Django, they took longer than the database needs for a page.
    """

    def __init__(self, today: date, month: date | None) -> None:
        by, known = f"<= {_day(today)}", last_known_month(today)
        kinds = ", ".join(f"'{kind}'" for kind in sorted(SALES))
        sale = f"FROM clients_deal d WHERE d.withdrawal_id IS NULL AND d.stage = '{Stage.WON}' AND d.kind IN ({kinds})"
        sale += f" AND d.closed_on {by} AND d.client_id = me.id"
        service = f"FROM clients_service s WHERE s.withdrawal_id IS NULL AND s.started_on {by} AND s.client_id = me.id"
        cancelled = "FROM clients_cancellation c WHERE c.withdrawal_id IS NULL AND c.client_id = me.id"
        cancelled += f" AND c.cancelled_on {by}"
        renewal = "FROM renewals_renewal r WHERE r.withdrawal_id IS NULL AND r.client_id = me.id"
        months = f"FROM clients_mrrmonth m WHERE m.withdrawal_id IS NULL AND m.client_id = me.id AND m.month <= {_day(known)}"
        pending = f"{renewal} AND r.status = '{RenewalStatus.PENDING}'"
        whole = f"{cancelled} AND c.product_line = ''"
        ended = f"{cancelled} AND c.product_line IN ('', d.product_line) AND c.cancelled_on > d.closed_on"
        in_force = f"{service} AND (s.ended_on IS NULL OR s.ended_on > {_day(today)})"
        self.quiet_before = _day(today - timedelta(days=QUIET_DAYS))
        self.sold, self.served = f"EXISTS (SELECT {sale})", f"EXISTS (SELECT {service})"
        self.paid = f"EXISTS (SELECT {months} AND m.mrr > 0)"
        self.left_traces = f"(EXISTS (SELECT {cancelled}) OR EXISTS (SELECT {renewal}))"
        self.undecided = f"EXISTS (SELECT {pending})"
        self.overdue = f"EXISTS (SELECT {pending} AND r.renews_on < {_day(today)})"
        self.cancelling = f"EXISTS (SELECT {renewal} AND r.status = '{RenewalStatus.CANCELLATION_REQUESTED}')"
        since = f"NOT EXISTS (SELECT {sale} AND d.closed_on >= c.cancelled_on)"
        since += f" AND NOT EXISTS (SELECT {service} AND s.started_on >= c.cancelled_on)"
        self.left = f"EXISTS (SELECT {whole} AND {since})"
        self.line = f"EXISTS (SELECT {sale} AND NOT EXISTS (SELECT {ended}))"
        self.managed = f"EXISTS (SELECT {in_force} AND NOT EXISTS (SELECT {whole} AND c.cancelled_on > s.started_on))"
        # The MRR in the client's own latest month that is known. Most clients have a row in the month that is joined anyway.
        own = f"(SELECT m.mrr {months} ORDER BY m.month DESC LIMIT 1)"
        mrr = f"COALESCE(me.mrr, {own})" if month == known else own
        self.pays, self.no_mrr = f"COALESCE({mrr} > 0, false)", f"COALESCE({mrr} = 0, false)"

    def reasons(self) -> dict[str, str]:
        """The conditions of every health, most serious first; the first that holds is the reason."""
        return {
            "overdue": self.overdue,
            **self._gone(),
            "cancelling": self.cancelling,
            "nothing": self._prospect(),
            "undecided": f"{self._no_client()} AND {self.no_mrr}",
            "too_little": self._no_client(),
            "shrinking": "me.mrr_usd < me.mrr_usd_before",
            "quiet": f"me.last_active_on < {self.quiet_before}",
            "unused": f"me.tool_usage < {FEW_TOOLS}",
            "unknown": "me.last_active_on IS NULL AND me.tool_usage IS NULL",
        }

    def states(self) -> dict[str, str]:
        """The conditions of every state but "client", in the order in which they are evaluated."""
        gone = " OR ".join(f"({condition})" for condition in self._gone().values())
        return {"gone": gone, "prospect": self._prospect(), "unknown": self._no_client()}

    def _gone(self) -> dict[str, str]:
        # The last needs a trace of the client: an MRR of 0 alone makes no former client of a prospect.
        known = f"({self.sold} OR {self.served} OR {self.paid} OR {self.left_traces})"
        return {
            "cancelled": self.left,
            "lines_cancelled": f"{self.sold} AND NOT {self.line} AND NOT {self.managed}",
            "no_mrr": f"{self.no_mrr} AND NOT {self.managed} AND NOT {self.undecided} AND {known}",
        }

    def _prospect(self) -> str:
        return f"NOT {self.sold} AND NOT {self.served} AND NOT {self.paid} AND NOT {self.left_traces}"

    def _no_client(self) -> str:
        return f"NOT ({self.managed} OR {self.pays} OR {self.line})"


def _first(values: Mapping[str, str], conditions: Mapping[str, str], before: Expression, *, default: str) -> Func:
    """The value of the first condition that holds of the client `me`. before: its MRR some months ago, in points-dollars."""
    whens = " ".join(f"WHEN {condition} THEN '{values[key]}'" for key, condition in conditions.items())
    columns = {"id": F("pk"), "mrr": F("mrr"), "mrr_usd": F("mrr_usd"), "mrr_usd_before": before}
    columns |= {name: F(name) for name in ("last_active_on", "tool_usage")}
    return Func(
        *columns.values(),
        template=f"(SELECT CASE {whens} ELSE '{default}' END FROM (SELECT %(expressions)s) AS me ({', '.join(columns)}))",  # noqa: S608
        output_field=CharField(),
    )


@dataclass(frozen=True, slots=True)
class HealthCount:
    """The number of clients of one health."""

    #: A key of HEALTH.
    key: str
    label: str
    clients: int
    #: Whether no further health has any clients.
    last: bool


def health_counts(scope: Scope) -> list[HealthCount]:
    """The number of clients of every health, most serious first. At most one query."""
    counts = _counts(scope)
    last = [key for key in HEALTH if counts.get(key) or key == "risk"][-1]
    return [HealthCount(key, str(label), counts.get(key, 0), key == last) for key, label in HEALTH.items()]


@cached_by_generation("health-counts")
def _counts(scope: Scope) -> dict[str, int]:
    return dict(portfolio(scope).order_by().values_list("health").annotate(count=Count("pk")))
