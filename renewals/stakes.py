"""Queries for the points at stake of many renewals at once (docs/points.md 10)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from django.db.models import Model, Q, QuerySet

from accounts.scope import Scope
from clients.models import Cancellation, Deal
from ledger.engine import lines_in_force, managed
from ledger.facts_of_clients import load_managed
from ledger.models import Lot, PointEntry
from ledger.queries import posting
from ledger.records import CancellationFact, ClientFacts, DealFact
from program.queries import rulebook
from program.terms import SALES, Stage, Track
from renewals import rules
from renewals.models import Renewal
from renewals.rules import Stake, StakeLot

type Line = tuple[int, str]  # client, product line
MANY_CLIENTS = 500
_NONE = Decimal(0)


class AtStake(Protocol):
    """What is read of a renewal."""

    @property
    def pk(self) -> int:
        """The primary key."""

    @property
    def client_id(self) -> int:
        """The client's primary key."""

    @property
    def product_line(self) -> str:
        """What is renewed."""

    @property
    def renews_on(self) -> date:
        """The day of the renewal."""


def stakes(scope: Scope, renewals: Sequence[AtStake]) -> dict[int, Stake]:
    """The points at stake by primary key of the renewal. Five queries, whatever the number of renewals,
    and one more where the ledger holds losses of later days than a renewal's.
    """
    if not renewals:
        return {}
    clients = {row.client_id for row in renewals}
    first = min(min(row.renews_on for row in renewals), scope.today)
    cancelled: dict[int, list[CancellationFact]] = {}
    rows = _of_clients(Cancellation.objects.filter(partner=scope.partner), clients)
    for client, line, on in rows.values_list("client_id", "product_line", "cancelled_on"):
        cancelled.setdefault(client, []).append(CancellationFact(line, on))
    sold = _sold(scope, renewals, clients, cancelled, first)
    points = _managed(scope, renewals, clients, cancelled, first)
    return {row.pk: Stake(sold.get(row.pk, ()), points.get(row.pk, _NONE)) for row in renewals}


def _of_clients[M: Model](rows: QuerySet[M], clients: Collection[int]) -> QuerySet[M]:
    """Only the rows of these clients; rows of others too when the clients are many, since they would be listed in the query."""
    return rows.filter(client_id__in=clients) if len(clients) <= MANY_CLIENTS else rows


def _sold(
    scope: Scope,
    renewals: Sequence[AtStake],
    clients: Collection[int],
    cancelled: Mapping[int, Sequence[CancellationFact]],
    first: date,
) -> dict[int, tuple[StakeLot, ...]]:
    """What is left of each line's lots on the renewal day: by the ledger of today and by cancellations known to come."""
    lots = Lot.objects.filter(partner=scope.partner, earned_on__lte=scope.today, expires_on__gt=first)
    of_line: dict[Line, list[tuple[date, date, str, str, int, Decimal]]] = {}
    for client, line, earned_on, expires_on, deal, track, pk, left in _of_clients(lots, clients).values_list(
        "client_id", "deal__product_line", "earned_on", "expires_on", "deal__deal_id", "track", "pk", "remaining"
    ):
        of_line.setdefault((client, line), []).append((earned_on, expires_on, deal, track, pk, left))
    # What a lot lost after the day is taken back: a lot holds what remains on the day the ledger is posted through.
    later: dict[int, list[tuple[date, Decimal]]] = {}
    state = posting(scope)
    if first < scope.today or (state is not None and state.posted_through > scope.today):
        losses = PointEntry.objects.filter(partner=scope.partner, lot__isnull=False, on__gt=first)
        for pk, on, points in _of_clients(losses, clients).values_list("lot_id", "on", "points"):
            later.setdefault(pk, []).append((on, points))
    sold = {}
    for row in renewals:
        of_this = of_line.get((row.client_id, row.product_line))
        if not of_this or _is_cancelled(cancelled.get(row.client_id, ()), row.product_line, scope.today, row.renews_on):
            continue
        day = min(row.renews_on, scope.today)
        shown = []
        for earned_on, expires_on, _deal, track, pk, left in sorted(of_this) if len(of_this) > 1 else of_this:
            if earned_on <= row.renews_on < expires_on:
                if pk in later:
                    left -= sum(points for on, points in later[pk] if on > day)
                if left:
                    shown.append(StakeLot(Track(track), left, expires_on))
        sold[row.pk] = tuple(shown)
    return sold


def _is_cancelled(cancellations: Iterable[CancellationFact], line: str, after: date, until: date) -> bool:
    return any(row.product_line in ("", line) and after < row.cancelled_on <= until for row in cancellations)


def _managed(
    scope: Scope,
    renewals: Sequence[AtStake],
    clients: Collection[int],
    cancelled: Mapping[int, Sequence[CancellationFact]],
    first: date,
) -> dict[int, Decimal]:
    """Managed points on the renewal day, where the renewal is of the only line that the client then has."""
    other_lines: dict[int, set[str]] = {}
    ahead = _of_clients(Renewal.objects.filter(partner=scope.partner, renews_on__gte=scope.today), clients)
    for client, line in ahead.values_list("client_id", "product_line"):
        other_lines.setdefault(client, set()).add(line)
    alone = []
    for row in renewals:
        others = other_lines.get(row.client_id, set()) - {row.product_line}
        if all(rules.cancelled(cancelled.get(row.client_id, ()), line, row.renews_on) for line in others):
            alone.append(row)
    of_alone = {row.client_id for row in alone} or {
        0
    }  # no client has key 0: for an empty set Django would skip the query
    loaded = load_managed(scope, Q(client_id__in=of_alone), after=first, cancellations=cancelled)
    facts = {client.client_pk: client.facts for client in loaded}
    book = rulebook(scope)
    in_force = {
        (client, day): managed(facts[client], book, day).points
        for client, day in {(row.client_id, row.renews_on) for row in alone if row.client_id in facts}
    }
    lines = _lines(scope, {client for (client, _day), on in in_force.items() if on}, facts)
    points = {}
    for row in alone:
        on = in_force.get((row.client_id, row.renews_on))
        if on and not lines_in_force(lines[row.client_id], row.renews_on) - {row.product_line}:
            points[row.pk] = on
    return points


def _lines(scope: Scope, clients: set[int], facts: dict[int, ClientFacts]) -> dict[int, ClientFacts]:
    """Won sales of these clients up to today, one per line and day, with the clients' cancellations."""
    deals: dict[int, list[DealFact]] = {client: [] for client in clients}
    some = clients or {0}  # no client has key 0: Django would skip the query for an empty set, and the count would vary
    sales = Deal.objects.filter(
        partner=scope.partner, client_id__in=some, stage=Stage.WON, kind__in=SALES, closed_on__lte=scope.today
    )
    days = sales.order_by("client_id", "product_line", "closed_on").distinct("client_id", "product_line", "closed_on")
    columns = ("client_id", "deal_id", "product_line", "kind", "origin", "stage", "mrr", "currency", "closed_on")
    for client, *values in days.values_list(*columns):
        deals[client].append(DealFact.read(*values))
    return {client: ClientFacts("", own, (), facts[client].cancellations) for client, own in deals.items()}
