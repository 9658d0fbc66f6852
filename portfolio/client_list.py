"""Reads the portfolio: every client with its MRR, points, tool usage, renewals and health."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    FilteredRelation,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)  # fmt: skip
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from clients.churn import latest_month
from clients.models import Cancellation, Client, Deal, MrrMonth, Service
from clients.pipeline import points_dollars
from ledger.client_states import last_known_month
from ledger.models import Lot
from partner_portal.lib.dates.months import add_months
from program.queries import rulebook
from program.terms import SALES, RenewalStatus, Stage
from renewals.models import Renewal

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
    # Joined, not sub-selected, because many branches of the sum below use the amount and its currency.
    clients: Any = Client.objects.filter(partner=scope.partner)
    clients = clients.annotate(last=_month(month), earlier=_month(_back(month)))
    clients = clients.annotate(
        points_total=Coalesce("points__total", ZERO),
        points_sourced=Coalesce("points__sourced", ZERO),
        points_assisted=Coalesce("points__assisted", ZERO),
        points_managed=Coalesce("points__managed", ZERO),
        mrr=F("last__mrr"),
        mrr_currency=F("last__currency"),
        next_expiry=Subquery(
            Lot.objects.filter(client=OuterRef("pk"), remaining__gt=0, expires_on__gt=today)
            .order_by()
            .values("client")
            .annotate(first=Min("expires_on"))
            .values("first")
        ),
        next_renewal=Subquery(_ahead(today).order_by("renews_on", "pk").values("renews_on")[:1]),
        next_line=Subquery(_ahead(today).order_by("renews_on", "pk").values("product_line")[:1]),
        next_status=Subquery(_ahead(today).order_by("renews_on", "pk").values("status")[:1]),
    )
    book = rulebook(scope)
    clients = clients.alias(
        mrr_known=_latest_mrr(scope, month),
        mrr_usd_before=points_dollars(book, "earlier__mrr", "earlier__currency", on=today),
    ).annotate(mrr_usd=points_dollars(book, "last__mrr", "last__currency", on=today))
    evidence = _Evidence(scope)
    reasons = evidence.reasons()
    with_health: QuerySet[Any] = clients.annotate(
        managed=ExpressionWrapper(evidence.managed, BooleanField()),
        state=_first({state: state for state in STATES}, evidence.states(), default="client"),
        reason=_first({reason: reason for reason in REASONS}, reasons, default=""),
        health=_first(HEALTH_OF, reasons, default="good"),
    )
    return with_health


def _back(month: date | None) -> date | None:
    return add_months(month, -SHRINKS_OVER) if month else None


def _month(month: date | None) -> FilteredRelation:
    """The client's MRR row of a month; a client has at most one."""
    return FilteredRelation(
        "mrr_months", condition=Q(mrr_months__month=month or date.max, mrr_months__withdrawal__isnull=True)
    )


def _ahead(today: date) -> QuerySet[Renewal]:
    """Renewals of the client that are to come or overdue."""
    return Renewal.objects.filter(client=OuterRef("pk")).filter(
        Q(renews_on__gte=today) | ~Q(status=RenewalStatus.RENEWED)
    )


def _latest_mrr(scope: Scope, month: date | None) -> Any:
    """The client's MRR in its own latest month that is known today; -1 when no month is, since NULL has no opposite."""
    known = last_known_month(scope.today)
    own = MrrMonth.objects.filter(client=OuterRef("pk"), month__lte=known).order_by("-month").values("mrr")[:1]
    # Most clients have a row in the month that is joined anyway.
    never = Value(Decimal(-1), DecimalField(max_digits=16, decimal_places=2))
    return Coalesce("last__mrr", Subquery(own), never) if month == known else Coalesce(Subquery(own), never)


class _Evidence:
    """The criteria of `ledger.client_states` as conditions of a query on clients, each one lookup by the client's key."""

    def __init__(self, scope: Scope) -> None:
        self.today = today = scope.today
        whole = Cancellation.objects.filter(client=OuterRef("client"), product_line="", cancelled_on__lte=today)
        sales = Deal.objects.filter(stage=Stage.WON, kind__in=SALES, closed_on__lte=today)
        services = Service.objects.filter(started_on__lte=today)
        of_client = {"client": OuterRef("pk")}
        self.sold = Q(Exists(sales.filter(**of_client)))
        self.served = Q(Exists(services.filter(**of_client)))
        self.paid = Q(Exists(MrrMonth.objects.filter(mrr__gt=0, month__lte=last_known_month(today), **of_client)))
        cancelled = Cancellation.objects.filter(cancelled_on__lte=today, **of_client)
        renewals = Renewal.objects.filter(**of_client)
        pending = renewals.filter(status=RenewalStatus.PENDING)
        self.left_traces = Q(Exists(cancelled)) | Q(Exists(renewals))
        self.undecided = Q(Exists(pending))
        self.overdue = Q(Exists(pending.filter(renews_on__lt=today)))
        self.cancelling = Q(Exists(renewals.filter(status=RenewalStatus.CANCELLATION_REQUESTED)))
        since = {"client": OuterRef("client")}
        self.left = Q(
            Exists(
                cancelled.filter(
                    ~Exists(sales.filter(closed_on__gte=OuterRef("cancelled_on"), **since)),
                    ~Exists(services.filter(started_on__gte=OuterRef("cancelled_on"), **since)),
                    product_line="",
                )
            )
        )
        ended = Cancellation.objects.filter(
            Q(product_line="") | Q(product_line=OuterRef("product_line")),
            cancelled_on__gt=OuterRef("closed_on"),
            cancelled_on__lte=today,
            **since,
        )
        self.line = Q(Exists(sales.filter(~Exists(ended), **of_client)))
        in_force = services.filter(Q(ended_on__isnull=True) | Q(ended_on__gt=today), **of_client)
        self.managed = Q(Exists(in_force.filter(~Exists(whole.filter(cancelled_on__gt=OuterRef("started_on"))))))
        self.no_mrr = Q(mrr_known=0)
        self.client = self.managed | Q(mrr_known__gt=0) | self.line

    def reasons(self) -> dict[str, Q]:
        """The conditions of every health, most serious first; the first that holds is the reason."""
        return {
            "overdue": self.overdue,
            **self._gone(),
            "cancelling": self.cancelling,
            "nothing": self._prospect(),
            "undecided": ~self.client & self.no_mrr,
            "too_little": ~self.client,
            "shrinking": Q(mrr_usd__lt=F("mrr_usd_before")),
            "quiet": Q(last_active_on__lt=self.today - timedelta(days=QUIET_DAYS)),
            "unused": Q(tool_usage__lt=FEW_TOOLS),
            "unknown": Q(last_active_on__isnull=True, tool_usage__isnull=True),
        }

    def states(self) -> dict[str, Q]:
        """The conditions of every state but "client", in the order in which they are evaluated."""
        gone = Q()
        for condition in self._gone().values():
            gone |= condition
        return {"gone": gone, "prospect": self._prospect(), "unknown": ~self.client}

    def _gone(self) -> dict[str, Q]:
        # The last needs a trace of the client: an MRR of 0 alone makes no former client of a prospect.
        known = self.sold | self.served | self.paid | self.left_traces
        return {
            "cancelled": self.left,
            "lines_cancelled": self.sold & ~self.line & ~self.managed,
            "no_mrr": self.no_mrr & ~self.managed & ~self.undecided & known,
        }

    def _prospect(self) -> Q:
        return ~self.sold & ~self.served & ~self.paid & ~self.left_traces


def _first(values: Mapping[str, str], conditions: Mapping[str, Q], *, default: str) -> Case:
    """The value of the first condition that holds."""
    whens = (When(condition, then=Value(values[key])) for key, condition in conditions.items())
    return Case(*whens, default=Value(default), output_field=CharField())


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
    """The number of clients of every health, most serious first. One query."""
    counts = dict(portfolio(scope).order_by().values_list("health").annotate(count=Count("pk")))
    last = [key for key in HEALTH if counts.get(key) or key == "risk"][-1]
    return [HealthCount(key, str(label), counts.get(key, 0), key == last) for key, label in HEALTH.items()]
