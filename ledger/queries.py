"""Queries over the ledger: points of a day, changes in a range, expiries to come. Sums come from `DailyPoints`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from django.db import connection
from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, TruncMonth

from accounts.models import Membership, Partner
from accounts.scope import Scope, count_by, sums_by_partner
from ledger.models import DailyPoints, Lot, PointEntry, Posting
from ledger.series import PointTotals
from partner_portal.lib.dates import clock
from partner_portal.lib.dates.months import add_months, month_start
from partner_portal.lib.dates.periods import Period
from program.caching import cached_by_generation
from program.queries import current, in_force, note_in_force, revision
from program.terms import Cause, Direction, Side, Track

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

ZERO = Decimal("0.0000")


@dataclass(frozen=True, slots=True)
class Counter:
    """One of the four figures of a range."""

    points: Decimal  #: positive for gains and for losses
    entries: int  #: corrections included
    clients: int  #: clients of those entries


@dataclass(frozen=True, slots=True)
class Changes:
    """Tier point changes of a period (points.md 3)."""

    period: Period
    opening: PointTotals  #: at the end of the day before it
    closing: PointTotals  #: at the end of its last day
    new_sold: Counter
    lost_sold: Counter
    new_managed: Counter
    lost_managed: Counter
    causes: Mapping[Track, Mapping[Cause, Decimal]]  #: signed sums, those of 0 left out


@dataclass(frozen=True, slots=True)
class MonthLoss:
    """What expires in a month if nothing else happens (points.md 4)."""

    month: date  #: its first day
    points: Decimal
    clients: int
    lots: int


@dataclass(frozen=True, slots=True)
class LedgerAge:
    """How recent the ledger is."""

    as_of: datetime  #: when it was last posted
    through: date  #: the day it is complete through
    stale: bool  #: whether that is longer ago than the partner's settings allow


class Behind(NamedTuple):
    """Why the ledger has to be posted."""

    day: bool  #: it is complete through a day before today
    rules: bool  #: the programme's rules have changed


def posting(scope: Scope) -> Posting | None:
    """How far the ledger is posted; None before the first import. Read once per scope, with the programme in force.

    `has_prepared` says whether figures are kept (`ledger.prepared`).
    """

    def read() -> Posting | None:
        kept = RawSQL("EXISTS (SELECT FROM ledger_preparedfigure k WHERE k.partner_id = ledger_posting.partner_id)", [])
        states = Posting.objects.filter(partner=scope.partner).annotate(has_prepared=kept)
        state = states.annotate(program=in_force("id"), in_force=in_force("revision")).first()
        if state is not None and state.program is not None:
            note_in_force(scope, state.program, state.in_force)
        return state

    return scope.once("posting", read)


def behind(scope: Scope) -> Behind | None:
    """Why the ledger has to be posted; None when it is up to date or was never posted. One query."""
    state = posting(scope)
    if state is None:
        return None
    reasons = Behind(state.posted_through < scope.today, state.revision != revision(scope))
    return reasons if any(reasons) else None


def due_by_clock() -> QuerySet[Posting]:
    """The ledgers of all partners that fall due today, each in its partner's time zone, or whose rules have changed.

    For `accounts.scope.partners_with`. Others that are behind only lack the day, which changes no points.
    """
    zones: dict[date, list[str]] = {}
    for zone in Partner.objects.values_list("time_zone", flat=True).distinct():
        zones.setdefault(clock.today(zone), []).append(zone)
    due = ~Q(revision=in_force("revision"))
    for today, names in zones.items():
        due |= Q(next_due_on__lte=today, partner__time_zone__in=names)
    return Posting.objects.filter(due)


class Reposting(NamedTuple):
    """How far the ledgers of all partners are posted under the rules in force, for operators."""

    done: int
    #: Partners with a ledger.
    total: int


class _Seen(NamedTuple):
    at: datetime | None


def reposting() -> Reposting:
    """Count the ledgers of all partners by the rules that they are posted under. Two queries."""
    revision = current()[1]
    counts = count_by("revision", Posting.objects.all())
    return Reposting(counts.get(str(revision), 0), sum(counts.values()))


def by_last_sign_in(partners: Iterable[Partner]) -> list[Partner]:
    """The partners whose people signed in last, first; those without people who ever did, in their order, last.

    One query, and none where there is nothing to order.
    """
    partners = list(partners)
    if len(partners) < 2:  # most ticks find nothing
        return partners
    last = sums_by_partner(Membership.objects.all(), partners, _Seen, at=Max("user__last_login"))
    seen = {pk: row.at.timestamp() for pk, row in last.items() if row.at is not None}
    return sorted(partners, key=lambda partner: -seen.get(partner.pk, 0.0))


def ledger_age(scope: Scope) -> LedgerAge | None:
    """How recent the ledger is; None when it was never posted."""
    state = posting(scope)
    if state is None:
        return None
    limit = timedelta(days=scope.partner.stale_after_days)
    return LedgerAge(state.posted_at, state.posted_through, clock.now() - state.posted_at > limit)


def history_starts(scope: Scope) -> date | None:
    """The first day with points gained; None for an empty ledger. Days whose entries were all reversed do not count."""
    return scope.once("history-starts", lambda: _first_day(scope))


@cached_by_generation("first-day")
def _first_day(scope: Scope) -> date | None:
    first: date | None = _daily(scope).exclude(points=0).aggregate(first=Min("on"))["first"]
    return first


def points_on(scope: Scope, day: date) -> PointTotals:
    """Points at the end of the day."""
    sums = dict(_daily(scope).filter(on__lte=day).values_list("track").annotate(Sum("points")))
    return PointTotals(**{track.value: sums.get(track, ZERO) for track in Track})


def daily_changes(scope: Scope, through: date, after: date | None = None) -> list[tuple[date, Track, Decimal]]:
    """Signed changes by day and track up to `through`, included, for a `PointSeries`.

    after: only days later than this one; None for the whole history.
    """
    days = _daily(scope).filter(on__lte=through).exclude(points=0)
    if after is not None:
        days = days.filter(on__gt=after)
    rows = days.values_list("on", "track").annotate(points=Sum("points")).order_by("on")
    changes = [(on, Track(track), points) for on, track, points in rows]
    if changes and after is None:
        scope.once("history-starts", lambda: changes[0][0])
    return changes


@cached_by_generation("changes")
def changes(scope: Scope, period: Period) -> Changes:
    """The changes of a period: opening + new - lost = closing, for sold and managed points. At most two queries."""
    opening, by_cause = _opening_and_causes(scope, period)
    net = {track: sum(by_cause[track].values(), ZERO) for track in Track}
    counts = entries_in(scope, period).aggregate(
        **{
            f"{direction}_{side}_{what}": Count(column, distinct=what == "clients", filter=_matches(side, direction))
            for side in Side
            for direction in Direction
            for what, column in (("entries", "pk"), ("clients", "client"))
        }
    )

    def counter(direction: Direction, side: Side) -> Counter:
        points = sum(
            (value for track in side.tracks for cause, value in by_cause[track].items() if cause in direction.causes),
            ZERO,
        )
        name = f"{direction}_{side}"
        return Counter(
            points if direction == Direction.NEW else -points, counts[f"{name}_entries"], counts[f"{name}_clients"]
        )

    return Changes(
        period,
        PointTotals(**{track.value: opening[track] for track in Track}),
        PointTotals(**{track.value: opening[track] + net[track] for track in Track}),
        counter(Direction.NEW, Side.SOLD),
        counter(Direction.LOST, Side.SOLD),
        counter(Direction.NEW, Side.MANAGED),
        counter(Direction.LOST, Side.MANAGED),
        by_cause,
    )


def _opening_and_causes(scope: Scope, period: Period) -> tuple[dict[Track, Decimal], dict[Track, dict[Cause, Decimal]]]:
    """Points by track on the day before the period; signed sums by track and cause over it, zero sums left out."""
    opening = dict.fromkeys(Track, ZERO)
    by_cause: dict[Track, dict[Cause, Decimal]] = {track: {} for track in Track}
    rows = (
        _daily(scope)
        .filter(on__lte=period.last)
        .values_list("track", "cause")
        .annotate(
            before=Sum("points", filter=Q(on__lt=period.first)), points=Sum("points", filter=Q(on__gte=period.first))
        )
        .order_by("track", "cause")
    )
    for track, cause, before, points in rows:
        opening[Track(track)] += before or ZERO
        if points:
            by_cause[Track(track)][Cause(cause)] = points
    return opening, by_cause


def entries_in(scope: Scope, period: Period) -> QuerySet[PointEntry]:
    """Entries dated in the period, corrections included."""
    return PointEntry.objects.filter(partner=scope.partner, on__range=(period.first, period.last))


class Left(TypedDict):
    """Annotation of lots: the points that remain at the end of a day."""

    left: Decimal


type Lots = QuerySet[WithAnnotations[Lot, Left]]


def lots_of_day(scope: Scope, day: date) -> Lots:
    """Every lot earned up to the day, with the points that remain at its end as `left`."""
    lots = Lot.objects.filter(partner=scope.partner, earned_on__lte=day)
    state = posting(scope)
    if state is None or state.posted_through <= day:
        return lots.annotate(left=F("remaining"))
    later = PointEntry.objects.filter(partner=scope.partner, lot=OuterRef("pk"), on__gt=day).order_by().values("lot")
    lost_later = Coalesce(Subquery(later.annotate(sum=Sum("points")).values("sum")), ZERO)
    return lots.annotate(left=F("remaining") - lost_later)


def open_lots(scope: Scope, day: date) -> Lots:
    """The lots of `lots_of_day` of which something remains."""
    return lots_of_day(scope, day).filter(expires_on__gt=day, left__gt=ZERO)


@cached_by_generation("forecast")
def expiry_forecast(scope: Scope, day: date) -> list[MonthLoss]:
    """What expires by calendar month, from the month of `day` to the same month a year later: 13 months (points.md 10)."""
    rows = (
        open_lots(scope, day)
        .values(month=TruncMonth("expires_on"))
        .annotate(points=Sum("left"), clients=Count("client", distinct=True), lots=Count("pk"))
    )
    losses = {row["month"]: MonthLoss(**row) for row in rows}
    months = (add_months(month_start(day), step) for step in range(13))
    return [losses.get(month, MonthLoss(month, ZERO, 0, 0)) for month in months]


def client_points(scope: Scope, day: date) -> list[tuple[str, PointTotals]]:
    """Points on `day` of the clients that have any, in the code point order of their client ids."""
    sums: dict[str, dict[str, Decimal]] = {}
    rows = PointEntry.objects.filter(partner=scope.partner, on__lte=day).order_by()
    for client_id, track, points in rows.values_list("client__client_id", "track").annotate(Sum("points")):
        if points:
            sums.setdefault(client_id, {})[track] = points
    return [(client_id, PointTotals(**sums[client_id])) for client_id in sorted(sums)]


def rolling_sourced_loss(scope: Scope, day: date) -> Decimal:
    """What downgrades and cancellations up to `day` took from the sourced sales of the 12 months that end on it.

    In units of `Program.unit_usd` US dollars, to 40 places. The 12-month source dollar minus this is the rolling figure
    (points.md 6), which expiry does not reduce. A reversed entry and its reversal cancel out, being of the same day and lot.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum((e.amount::numeric(80, 40) / e.per_unit) * -l.points / e.points), 0)
            FROM ledger_pointentry l JOIN ledger_pointentry e ON (e.partner_id, e.id) = (l.partner_id, l.lot_id)
            WHERE l.partner_id = %(partner)s AND l.track = 'sourced' AND l.cause IN ('downgraded', 'churned')
              AND l."on" > %(after)s AND l."on" <= %(day)s AND e."on" > %(after)s
            """,
            {"partner": scope.partner.pk, "day": day, "after": add_months(day, -12)},
        )
        return Decimal(cursor.fetchone()[0])


def _daily(scope: Scope) -> QuerySet[DailyPoints]:
    return DailyPoints.objects.filter(partner=scope.partner)


def _matches(side: Side, direction: Direction) -> Q:
    return Q(track__in=side.tracks, cause__in=direction.causes)
