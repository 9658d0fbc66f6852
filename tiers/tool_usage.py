"""Reads how many tools the clients use that count for tool usage (docs/points.md 12)."""

from dataclasses import dataclass
from datetime import date

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum

from accounts.scope import Scope
from clients.models import Client
from clients.rules import ToolUse, tool_use
from ledger.models import Lot, PointEntry
from ledger.queries import posting
from partner_portal.lib.dates.months import add_months
from program.caching import cached_by_generation
from program.terms import Track


@dataclass(frozen=True, slots=True)
class ToolUsage:
    """Tool usage of the clients that count on a day."""

    #: Mean and median over the clients with a value.
    use: ToolUse
    #: The number of clients without a value.
    without: int


def tool_use_clients(scope: Scope, day: date) -> QuerySet[Client]:
    """The clients that count on the day and have a value of tool usage."""
    return _counting_clients(scope, day).filter(tool_usage__isnull=False)


@cached_by_generation("tool-usage")
def tool_usage(scope: Scope, day: date) -> ToolUsage:
    """Mean and median tool usage on the day, by the values known today. One query, or none."""
    values = list(_counting_clients(scope, day).values_list("tool_usage", flat=True))
    return ToolUsage(tool_use(values), sum(value is None for value in values))


def _counting_clients(scope: Scope, day: date) -> QuerySet[Client]:
    """Clients managed on the day, or with a sold lot earned in the 12 months that end on it."""
    sold = Lot.objects.filter(partner=scope.partner, earned_on__gt=add_months(day, -12), earned_on__lte=day)
    clients = Client.objects.filter(partner=scope.partner)
    state = posting(scope)
    if state is None or day >= state.posted_through:
        clients = clients.annotate(managed_points=F("points__managed"))
    else:
        entries = PointEntry.objects.filter(client=OuterRef("pk"), track=Track.MANAGED, on__lte=day).order_by()
        clients = clients.annotate(
            managed_points=Subquery(entries.values("client").annotate(sum=Sum("points")).values("sum"))
        )
    return clients.filter(Q(managed_points__gt=0) | Q(pk__in=sold.values("client")))
