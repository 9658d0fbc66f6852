"""Reads the metrics of tiers for any day, from the ledger, the certifications and the facts about clients.

`history_measures` covers the past; `outlook_measures` also the days to come, on which only what is already known happens
(points.md 10). Metrics that no rule set requires are not loaded.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

from django.db.models import OuterRef, Q, Subquery, Sum
from django.db.models.functions import Least

from accounts.scope import Scope
from clients.models import Cancellation, Client, Deal, Service
from clients.queries import certifications, mrr_history
from clients.rules import MONEY_MONTHS, Certifications, tool_use
from ledger.engine import entries
from ledger.facts_of_clients import LoadedFacts, load_managed
from ledger.models import PointEntry
from ledger.queries import daily_changes, open_lots, posting
from ledger.records import CancellationFact
from ledger.series import PointSeries
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.rounding import as_decimal
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import Rulebook
from program.terms import SALES, SOLD_TRACKS, Cause, Metric, Stage, Track
from tiers.rules import PortfolioMeasures

Measure = Callable[[date], Decimal | int | None]
DAY = timedelta(days=1)


class Steps:
    """A step function of days: built from (day, change) pairs in any order, called for its value at the end of a day."""

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


def outlook_measures(scope: Scope, day: date) -> PortfolioMeasures:
    """Measures that reach past `day`, on the assumption that only what is known on it happens.

    Metrics that cannot be known ahead stay as they are on `day`. Read once per scope.
    """

    def measure() -> PortfolioMeasures:
        changes = daily_changes(scope, day) + known_changes(scope, day)
        # Only certifications that lapse are known to come, not those that somebody might earn.
        certified = certifications(scope).earned_by(day)
        return _measures(scope, rulebook(scope), PointSeries(changes), certified, hold=day)

    return scope.once(("outlook", day), measure)


def measures_of_day(scope: Scope, day: date) -> PortfolioMeasures:
    """The measures of `day` alone, to be asked for no other: what `outlook_measures` has of it, without the series of days."""
    points, certified, others = _figures_of_day(scope, day)
    series = PointSeries((day, track, points[track]) for track in Track)
    return PortfolioMeasures(
        series, lambda _on: certified, {metric: _constant(value) for metric, value in others.items()}
    )


def _constant(value: Decimal | None) -> Measure:
    return lambda _on: value


@cached_by_generation("figures-of-day")
def _figures_of_day(scope: Scope, day: date) -> tuple[dict[Track, Decimal], bool, dict[Metric, Decimal | None]]:
    """Points by track, whether the partner is certified, and every other metric that a tier requires."""
    measures = outlook_measures(scope, day)
    points = {track: measures.points.track(track, day) for track in Track}
    return points, measures.certified(day), {metric: measures.value(metric, day) for metric in measures.others}


@cached_by_generation("known-changes")
def known_changes(scope: Scope, day: date) -> list[tuple[date, Track, Decimal]]:
    """Signed changes by day and track after `day`: expiries, services that start or end, cancellations (points.md 10)."""
    state = posting(scope)
    through = max(day, state.posted_through) if state else day
    cancellations = Cancellation.objects.filter(partner=scope.partner)
    moving = Service.objects.filter(Q(started_on__gt=through) | Q(ended_on__gt=through), partner=scope.partner)
    leaving = cancellations.filter(product_line="", cancelled_on__gt=through)
    moved = Q(client_id__in=moving.values("client_id")) | Q(client_id__in=leaving.values("client_id"))
    cancelled: dict[int, list[CancellationFact]] = {}
    rows = cancellations.filter(Q(cancelled_on__gt=day) | moved)
    for client, line, on in rows.values_list("client_id", "product_line", "cancelled_on"):
        cancelled.setdefault(client, []).append(CancellationFact(line, on))
    losing = {client for client, facts in cancelled.items() if any(fact.cancelled_on > day for fact in facts)}
    later = daily_changes(scope, through, after=day) if through > day else []
    posted = [change for change in later if change[1] == Track.MANAGED]
    managed = load_managed(scope, moved, after=through, cancellations=cancelled)
    return _known_losses_of_lots(scope, day, losing) + posted + _managed_after(scope, through, managed)


def _known_losses_of_lots(scope: Scope, day: date, leaving: Collection[int]) -> list[tuple[date, Track, Decimal]]:
    """The losses of open lots: on expiry, or on an earlier cancellation of the lot's line or of its whole client.

    leaving: clients with a cancellation after the day.
    """
    first_cancelled = (
        Cancellation.objects.filter(
            Q(product_line="") | Q(product_line=OuterRef("deal__product_line")),
            client=OuterRef("client"),
            cancelled_on__gt=day,
        )
        .order_by("cancelled_on")
        .values("cancelled_on")[:1]
    )
    lots = open_lots(scope, day).order_by()
    sums = lots.exclude(client_id__in=leaving).values_list("expires_on", "track").annotate(points=Sum("left"))
    early = lots.filter(client_id__in=leaving).annotate(lost_on=Least("expires_on", Subquery(first_cancelled)))
    rows = [*sums, *early.values_list("lost_on", "track", "left")]
    return [(on, Track(track), -points) for on, track, points in rows]


def _managed_after(scope: Scope, through: date, clients: Iterable[LoadedFacts]) -> list[tuple[date, Track, Decimal]]:
    """Changes of managed points on days that are not posted yet, because services start or end or clients cancel."""
    book = rulebook(scope)
    return [
        (entry.on, entry.track, entry.points)
        for loaded in clients
        for entry in entries(loaded.facts, book, date.max)
        if entry.on > through
    ]


def _measures(
    scope: Scope, rules: Rulebook, points: PointSeries, certified: Certifications, hold: date | None = None
) -> PortfolioMeasures:
    required = {need.metric for rule_set in rules.rule_sets for tier in rule_set.tiers for need in tier.requirements}
    others: dict[Metric, Measure] = {Metric.CERTIFIED_PEOPLE: certified.people}
    if required & {Metric.CSR, Metric.GRR}:
        history = mrr_history(scope)
        others[Metric.CSR] = _held(lambda on: history.retention(on).csr, hold)
        others[Metric.GRR] = _held(lambda on: history.retention(on).grr, hold)
    if required & {Metric.TOOL_USAGE_MEAN, Metric.TOOL_USAGE_MEDIAN}:
        usage = _tool_use_by_day(scope)
        others[Metric.TOOL_USAGE_MEAN] = _held(lambda on: tool_use(usage(on)).mean, hold)
        others[Metric.TOOL_USAGE_MEDIAN] = _held(lambda on: tool_use(usage(on)).median, hold)
    if Metric.SOLD_MRR_12M in required:
        others[Metric.SOLD_MRR_12M] = _sold_mrr(scope, rules, hold)
    if Metric.MANAGED_MRR in required:
        others[Metric.MANAGED_MRR] = _managed_mrr(scope, rules)
    name = rules.partner_certification
    return PortfolioMeasures(points, lambda on: certified.held(name, on), others)


def _held(measure: Measure, hold: date | None) -> Measure:
    return measure if hold is None else lambda on: measure(min(on, hold))


def _leaves_window(day: date) -> date:
    """The first day of whose preceding 12 months `day` is no longer part."""
    later = add_months(day, MONEY_MONTHS)
    return later if add_months(later, -MONEY_MONTHS) >= day else later + DAY


def _sold_mrr(scope: Scope, rules: Rulebook, through: date | None) -> Measure:
    """MRR of the sales of the last 12 months, in points-dollars.

    through: later sales are left out, since whether a sale will be closed is never known ahead; None: all count.
    """
    sold = Deal.objects.filter(partner=scope.partner, stage=Stage.WON, kind__in=SALES, origin__in=SOLD_TRACKS)
    if through is not None:
        sold = sold.filter(closed_on__lte=through)
    changes: list[tuple[date, Fraction]] = []
    for mrr, currency, on in sold.values_list("mrr", "currency", "closed_on"):
        if on is None:
            continue
        dollars = rules.points_dollars(mrr, currency, on)
        changes += [(on, dollars), (_leaves_window(on), -dollars)]
    return Steps(changes)


def _managed_mrr(scope: Scope, rules: Rulebook) -> Measure:
    """MRR of the services in force, in points-dollars: from a start to its end or the whole client's next cancellation."""
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
    """Tool usage of the clients that count on a day: managed on it, or with a lot earned in the 12 months before."""
    rows_with_value = Client.objects.filter(partner=scope.partner, tool_usage__isnull=False)
    known = {pk: usage for pk, usage in rows_with_value.values_list("pk", "tool_usage") if usage is not None}
    spans: dict[int, list[tuple[date, date]]] = {pk: [] for pk in known}
    managed: dict[int, tuple[Decimal, date]] = {}
    in_force = PointEntry.objects.filter(partner=scope.partner, reverses__isnull=True, reversed_by__isnull=True)
    rows = in_force.filter(client_id__in=known).order_by("client_id", "on", "id")
    for client, track, cause, on, points in rows.values_list("client_id", "track", "cause", "on", "points"):
        if track != Track.MANAGED:
            if cause == Cause.EARNED:
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
        return [known[pk] for pk, counted in spans.items() if any(first <= on < end for first, end in counted)]

    return values
