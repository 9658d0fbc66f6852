"""Reads the portfolio: every client with its MRR, points, use, renewals, and its health in words.

It draws on facts, ledger and renewals alike, so it stands at the top, beside the front page.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    DecimalField,
    Exists,
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
from clients.models import Client, Service
from clients.pipeline import points_dollars
from ledger.models import Lot
from partner_portal.lib.months import add_months
from program.queries import rulebook
from renewals.models import Renewal, RenewalStatus

QUIET_DAYS = 60
FEW_TOOLS = 2
SHRINKS_OVER = 3  # months
ZERO = Value(Decimal(0), DecimalField(max_digits=18, decimal_places=4))

HEALTH = {"risk": _("At risk"), "watch": _("Needs a look"), "good": _("Healthy"), "gone": _("No longer a client")}
REASONS = {
    "cancelling": _("A cancellation is requested"),
    "overdue": _("A renewal is overdue"),
    "shrinking": _("Pays less than three months ago"),
    "quiet": _("Nobody was active for 60 days"),
    "unused": _("Uses fewer than two tools"),
    "unknown": _("No word about use or activity"),
    "": _("Nothing stands out"),
    "gone": _("No MRR, no points, no service"),
}
HEALTH_OF = {
    "gone": "gone", "cancelling": "risk", "overdue": "risk", "shrinking": "watch", "quiet": "watch", "unused": "watch",
    "unknown": "watch",
}  # fmt: skip


def portfolio(scope: Scope) -> QuerySet[Any]:
    """Every client of the partner with what the portfolio page shows, health and its main reason included."""
    today = scope.today
    month = latest_month(scope)
    # Joined, not sub-selected: the amount and its currency stand in many branches of the sum below.
    found: Any = Client.objects.filter(partner=scope.partner).annotate(last=_month(month), earlier=_month(_back(month)))
    found = found.annotate(
        points_total=Coalesce("points__total", ZERO),
        points_sourced=Coalesce("points__sourced", ZERO),
        points_assisted=Coalesce("points__assisted", ZERO),
        points_managed=Coalesce("points__managed", ZERO),
        mrr=F("last__mrr"),
        mrr_currency=F("last__currency"),
        mrr_before=F("earlier__mrr"),
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
        managed=Exists(
            Service.objects.filter(
                Q(ended_on__isnull=True) | Q(ended_on__gt=today), client=OuterRef("pk"), started_on__lte=today
            )
        ),
    )
    reasons = _reasons(scope)
    with_health: QuerySet[Any] = found.annotate(
        mrr_usd=points_dollars(rulebook(scope), "last__mrr", "last__currency", on=today),
        reason=Case(
            *(When(condition, then=Value(reason)) for reason, condition in reasons.items()),
            default=Value(""),
            output_field=CharField(),
        ),
        health=Case(
            *(When(condition, then=Value(HEALTH_OF[reason])) for reason, condition in reasons.items()),
            default=Value("good"),
            output_field=CharField(),
        ),
    )
    return with_health


def _back(month: date | None) -> date | None:
    return add_months(month, -SHRINKS_OVER) if month else None


def _month(month: date | None) -> FilteredRelation:
    """The client's MRR row of a month; a client has at most one."""
    return FilteredRelation("mrr_months", condition=Q(mrr_months__month=month or date.max))


def _ahead(today: date) -> QuerySet[Renewal]:
    """Renewals of the client that are to come or overdue."""
    return Renewal.objects.filter(client=OuterRef("pk")).filter(
        Q(renews_on__gte=today) | ~Q(status=RenewalStatus.RENEWED)
    )


def _reasons(scope: Scope) -> dict[str, Q | Exists]:
    """The conditions behind a health, the gravest first; the first that holds is the reason."""
    today = scope.today
    cancelling = Renewal.objects.filter(
        client=OuterRef("pk"), status=RenewalStatus.CANCELLATION_REQUESTED, renews_on__gte=today
    )
    overdue = Renewal.objects.filter(client=OuterRef("pk"), renews_on__lt=today).exclude(status=RenewalStatus.RENEWED)
    return {
        "gone": (Q(mrr__isnull=True) | Q(mrr=0)) & Q(points_total=0, managed=False),
        "cancelling": Exists(cancelling),
        "overdue": Exists(overdue),
        "shrinking": Q(mrr__lt=F("mrr_before")),
        "quiet": Q(last_active_on__lt=today - timedelta(days=QUIET_DAYS)),
        "unused": Q(tool_usage__lt=FEW_TOOLS),
        "unknown": Q(last_active_on__isnull=True, tool_usage__isnull=True),
    }


@dataclass(frozen=True, slots=True)
class HealthCount:
    """How many clients are in one health."""

    key: str
    label: str
    clients: int


def health_counts(scope: Scope) -> list[HealthCount]:
    """Clients by health, the gravest first. One query."""
    found = dict(portfolio(scope).order_by().values_list("health").annotate(count=Count("pk")))
    return [HealthCount(key, str(label), found.get(key, 0)) for key, label in HEALTH.items()]
