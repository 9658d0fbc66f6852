"""What tiers are measured by, for any day: from the ledger, the certifications and the facts about clients.

`history_measures` looks back; `outlook_measures` also ahead, where only what is already known happens (points.md 10).
Metrics that no rule set asks for are not loaded.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

from django.db.models import Q, Sum

from accounts.scope import Scope
from clients.models import Cancellation, Client, Deal, Service
from clients.queries import SALES, certifications, mrr_history
from clients.rules import MONEY_MONTHS, Certifications, tool_use
from ledger.engine import entries
from ledger.facts_of_clients import load_facts
from ledger.models import PointEntry
from ledger.queries import daily_changes, open_lots
from ledger.records import ClientFacts
from ledger.series import PointSeries
from partner_portal.lib.months import add_months
from partner_portal.lib.rounding import as_decimal
from program.queries import rulebook
from program.rulebook import Rulebook
from tiers.rules import PortfolioMeasures

Metric = Callable[[date], Decimal | int | None]
DAY = timedelta(days=1)


class Steps:
    """A sum that changes on days: (day, change) in any order, and its value at the end of any day."""

    def __init__(self, changes: Iterable[tuple[date, Fraction]]) -> None:
        ordered = sorted(changes, key=lambda change: change[0])
        self._days = [day for day, _ in ordered]
        self._sums = list(accumulate((change for _, change in ordered), initial=Fraction(0)))

    def __call__(self, on: date) -> Decimal:
        return as_decimal(self._sums[bisect_right(self._days, on)])


def history_measures(scope: Scope, through: date) -> PortfolioMeasures:
    """Measures of every day up to `through`."""
    rules = rulebook(scope)
    certified = certifications(scope)
    return _measures(scope, rules, PointSeries(daily_changes(scope, through)), certified)


def outlook_measures(scope: Scope, day: date, until: date) -> PortfolioMeasures:
    """Measures that reach to `until` if nothing but what is known on `day` happens; metrics that cannot be known ahead
    stay as they are on `day`."""
    rules = rulebook(scope)
    changes = daily_changes(scope, day) + known_changes(scope, day, until)
    # Only certifications that lapse are known to come, not those that somebody might earn.
    certified = certifications(scope).earned_by(day)
    return _measures(scope, rules, PointSeries(changes), certified, hold=day)


def known_changes(scope: Scope, day: date, until: date) -> list[tuple[date, str, Decimal]]:
    """Signed changes by day and track after `day`: expiries, services that start or end, cancellations (points.md 10)."""
    moving = _clients_with_known_events(scope, day)
    lots = (
        open_lots(scope, day)
        .filter(expires_on__lte=until)
        .exclude(client_id__in=moving)
        .values_list("expires_on", "track")
        .annotate(points=Sum("left"))
        .order_by("expires_on", "track")
    )
    changes = [(on, track, -points) for on, track, points in lots]
    if not moving:
        return changes
    for loaded in load_facts(scope, moving):
        known = loaded.facts
        past_deals = [deal for deal in known.deals if deal.closed_on is None or deal.closed_on <= day]
        facts = ClientFacts(known.country, past_deals, known.services, known.cancellations)
        changes += [
            (each.on, each.track, each.points) for each in entries(facts, rulebook(scope), until) if each.on > day
        ]
    return changes


def _clients_with_known_events(scope: Scope, day: date) -> set[int]:
    own = Q(partner=scope.partner)
    services = Service.objects.filter(own & (Q(started_on__gt=day) | Q(ended_on__gt=day)))
    cancellations = Cancellation.objects.filter(own & Q(cancelled_on__gt=day))
    return {pk for source in (services, cancellations) for pk in source.values_list("client_id", flat=True)}


def _measures(
    scope: Scope, rules: Rulebook, points: PointSeries, certified: Certifications, hold: date | None = None
) -> PortfolioMeasures:
    asked = {need.metric for rule_set in rules.rule_sets for tier in rule_set.tiers for need in tier.requirements}
    others: dict[str, Metric] = {"certified_people": certified.people}
    if asked & {"csr", "grr"}:
        history = mrr_history(scope)
        others["csr"] = _held(lambda on: history.retention(on).csr, hold)
        others["grr"] = _held(lambda on: history.retention(on).grr, hold)
    if asked & {"tool_usage_mean", "tool_usage_median"}:
        usage = _tool_use_by_day(scope)
        others["tool_usage_mean"] = _held(lambda on: tool_use(usage(on)).mean, hold)
        others["tool_usage_median"] = _held(lambda on: tool_use(usage(on)).median, hold)
    if "sold_mrr_12m" in asked:
        others["sold_mrr_12m"] = _sold_mrr(scope, rules)
    if "managed_mrr" in asked:
        others["managed_mrr"] = _managed_mrr(scope, rules)
    name = rules.partner_certification
    return PortfolioMeasures(points, lambda on: certified.held(name, on), others)


def _held(metric: Metric, hold: date | None) -> Metric:
    return metric if hold is None else lambda on: metric(min(on, hold))


def _leaves_window(day: date) -> date:
    """The first day whose 12 months before no longer hold `day`."""
    later = add_months(day, MONEY_MONTHS)
    return later if add_months(later, -MONEY_MONTHS) >= day else later + DAY


def _sold_mrr(scope: Scope, rules: Rulebook) -> Metric:
    sold = Deal.objects.filter(
        partner=scope.partner, stage="won", kind__in=SALES, origin__in=("sourced", "assisted")
    ).values_list("mrr", "currency", "closed_on")
    changes: list[tuple[date, Fraction]] = []
    for mrr, currency, on in sold:
        if on is None:
            continue
        dollars = rules.points_dollars(mrr, currency, on)
        changes += [(on, dollars), (_leaves_window(on), -dollars)]
    return Steps(changes)


def _managed_mrr(scope: Scope, rules: Rulebook) -> Metric:
    """Services in force, each from its start to its end or to the whole client's next cancellation."""
    ends: dict[int, list[date]] = {}
    cancelled = Cancellation.objects.filter(partner=scope.partner, product_line="").order_by("cancelled_on")
    for client, on in cancelled.values_list("client_id", "cancelled_on"):
        ends.setdefault(client, []).append(on)
    changes = []
    services = Service.objects.filter(partner=scope.partner)
    for client, start, end, mrr, currency, partners in services.values_list(
        "client_id", "started_on", "ended_on", "mrr", "currency", "managing_partners"
    ):
        dollars = rules.points_dollars(mrr, currency, start) / partners
        over = min((on for on in [*ends.get(client, []), end] if on is not None and on > start), default=None)
        changes.append((start, dollars))
        if over is not None:
            changes.append((over, -dollars))
    return Steps(changes)


def _tool_use_by_day(scope: Scope) -> Callable[[date], list[int]]:
    """Tool usage of the clients that count on a day: managed on it, or with a sale earned in the 12 months before."""
    rows_with_value = Client.objects.filter(partner=scope.partner, tool_usage__isnull=False)
    known = {pk: usage for pk, usage in rows_with_value.values_list("pk", "tool_usage") if usage is not None}
    spans: dict[int, list[tuple[date, date]]] = {pk: [] for pk in known}
    managed: dict[int, tuple[Decimal, date]] = {}
    rows = PointEntry.objects.filter(partner=scope.partner, client_id__in=known).order_by("client_id", "on", "id")
    for client, track, cause, on, points in rows.values_list("client_id", "track", "cause", "on", "points"):
        if track != "managed":
            if cause == "earned" and points > 0:
                spans[client].append((on, _leaves_window(on)))
            continue
        before, since = managed.get(client, (Decimal(0), on))
        now = before + points
        if before and not now:
            spans[client].append((since, on))
        managed[client] = (now, since if before and now else on)
    for client, (points, since) in managed.items():
        if points:
            spans[client].append((since, date.max))

    def values(on: date) -> list[int]:
        return [known[pk] for pk, found in spans.items() if any(first <= on < end for first, end in found)]

    return values
