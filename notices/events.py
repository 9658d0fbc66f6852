"""The events that a partner's figures give rise to now, whether people were notified of them or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Q

from accounts.scope import Scope
from commissions.queries import statement_summaries
from ledger.queries import changes
from notices.kinds import NoticeKind
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rounding import ceiling
from partner_portal.navigation import freshness
from program.terms import Metric, RenewalStatus, ReviewResult, Side, Track
from renewals import rules as renewal_rules
from renewals.models import Renewal
from renewals.queries import overdue
from tiers.certification import certified_people, lapses_soon
from tiers.queries import TierStanding, history, tier_standing

CHANGES_DAYS = 14  # tier changes of earlier days make no event
DEADLINE_DAYS = 7  # a renewal is to be decided soon
PAST_DAYS = 400  # renewals of earlier days make no event


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a partner's people are notified of once."""

    kind: NoticeKind
    #: Names the event among those of its kind.
    key: str
    #: What its sentence needs, as JSON values.
    values: Mapping[str, object]


def current_events(scope: Scope) -> Iterator[Event]:
    """The events of the partner's figures as they are now."""
    yield from _tier_changes(scope)
    yield from _tier_at_risk(tier_standing(scope))
    yield from _lapsing(scope)
    yield from _renewals(scope)
    yield from _statements(scope)
    yield from _stale(scope)


def points_fallen(scope: Scope, *, before: Decimal, after: Decimal) -> Event:
    """A fall of the points between the last check before this week and now."""
    monday = scope.today - timedelta(days=scope.today.weekday())
    lost: dict[Side, dict[str, Decimal]] = {side: {} for side in Side}
    for track, causes in changes(scope, Period(monday, scope.today)).causes.items():
        for cause, points in causes.items():
            if points < 0:
                of_side = lost[Side.MANAGED if track == Track.MANAGED else Side.SOLD]
                of_side[cause.value] = of_side.get(cause.value, Decimal(0)) - points
    sums = {side: sum(causes.values(), Decimal(0)) for side, causes in lost.items()}
    values = {
        "fall": str(before - after),
        "before": str(before),
        "after": str(after),
        "since": monday.isoformat(),
        "on": scope.today.isoformat(),
        "side": max(sums, key=lambda side: sums[side]).value,
        "causes": {cause: str(points) for causes in lost.values() for cause, points in causes.items()},
    }
    return Event(NoticeKind.POINTS_FALLEN, monday.isoformat(), values)


def _tier_changes(scope: Scope) -> Iterator[Event]:
    for row in history(scope):
        if row.kind == ReviewResult.KEPT or row.on < scope.today - timedelta(days=CHANGES_DAYS):
            continue
        kind = NoticeKind.TIER_REACHED if row.kind == ReviewResult.RISE else NoticeKind.TIER_LOST
        on = row.on.isoformat()
        yield Event(kind, f"{on}:{row.after}", {"on": on, "before": row.before, "after": row.after})


def _tier_at_risk(standing: TierStanding) -> Iterator[Event]:
    outlook = standing.outlook
    if outlook is None or outlook.review_row is None or outlook.review_row.kind != ReviewResult.FALL:
        return
    on = outlook.review.on.isoformat()
    gap = outlook.readings[-1].gap if outlook.readings else None
    total = next((row for row in gap.requirements if row.metric == Metric.TOTAL_POINTS), None) if gap else None
    values = {
        "on": on,
        "before": outlook.review_row.before or "",
        "after": outlook.after or "",
        "short": str(ceiling(total.missing, 0)) if total and total.missing else "",
    }
    yield Event(NoticeKind.TIER_AT_RISK, f"{on}:{outlook.after or ''}", values)


def _lapsing(scope: Scope) -> Iterator[Event]:
    for row in certified_people(scope, scope.today):
        until = row["lapses_on"]
        if isinstance(until, date) and lapses_soon(until, scope.today):
            values = {"person": row["person"], "certifications": row["certifications"], "on": until.isoformat()}
            yield Event(NoticeKind.CERTIFICATION_LAPSING, f"{until.isoformat()}:{row['person']}", values)


def _renewals(scope: Scope) -> Iterator[Event]:
    soon = scope.today + timedelta(days=renewal_rules.DECISION_DAYS)
    kinds = {
        NoticeKind.RENEWAL_OVERDUE: overdue(scope),
        NoticeKind.RENEWAL_DEADLINE: Q(
            status=RenewalStatus.PENDING, renews_on__range=(soon, soon + timedelta(days=DEADLINE_DAYS))
        ),
        NoticeKind.CANCELLATION_REQUESTED: Q(status=RenewalStatus.CANCELLATION_REQUESTED, renews_on__gte=scope.today),
    }
    recent = Renewal.objects.filter(partner=scope.partner, renews_on__gte=scope.today - timedelta(days=PAST_DAYS))
    for kind, condition in kinds.items():
        for row in recent.filter(condition).select_related("client").order_by("renews_on", "pk"):
            values = {
                "client": row.client.name,
                "client_id": row.client.client_id,
                "line": row.product_line,
                "on": row.renews_on.isoformat(),
                "by": renewal_rules.deadline(row.renews_on).isoformat(),
            }
            yield Event(kind, f"{row.renews_on.isoformat()}:{row.pk}", values)


def _statements(scope: Scope) -> Iterator[Event]:
    for row in statement_summaries(scope):
        values = {
            "statement": row.statement_id,
            "period": row.period,
            "total": str(row.total),
            "currency": row.currency,
            "checks": row.failed_checks,
        }
        yield Event(NoticeKind.STATEMENT_ARRIVED, row.statement_id, values)
        if row.failed_checks:
            yield Event(NoticeKind.VARIANCE_FOUND, f"{row.failed_checks}:{row.statement_id}", values)


def _stale(scope: Scope) -> Iterator[Event]:
    state = freshness(scope)
    if state.stale and state.as_of is not None:
        as_of = state.as_of.date().isoformat()
        yield Event(NoticeKind.DATA_STALE, as_of, {"as_of": as_of})
