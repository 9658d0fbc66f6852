"""Queries for the points at stake of many renewals at once (docs/points.md 10)."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from django.db.models import FilteredRelation, Q

from accounts.scope import Scope
from clients.models import Deal
from ledger.engine import lines_in_force, managed
from ledger.facts_of_clients import load_managed
from ledger.models import Lot
from ledger.records import CancellationFact, ClientFacts, DealFact
from program.queries import rulebook
from program.terms import SALES, Stage, Track
from renewals import rules
from renewals.models import Renewal
from renewals.rules import Stake, StakeLot

type Line = tuple[int, str]  # client, product line


def stakes(scope: Scope, renewals: Sequence[Renewal]) -> dict[int, Stake]:
    """The points at stake by primary key of the renewal. Five queries, whatever the number of renewals."""
    if not renewals:
        return {}
    clients = {row.client_id for row in renewals}
    first = min(min(row.renews_on for row in renewals), scope.today)
    loaded = load_managed(scope, Q(client_id__in=clients), after=first, also=clients)
    facts = {client.client_pk: client.facts for client in loaded}
    sold = _sold(scope, renewals, facts, first)
    points = _managed(scope, renewals, facts)
    return {row.pk: Stake(sold[row.pk], points[row.pk]) for row in renewals}


def _sold(
    scope: Scope, renewals: Sequence[Renewal], facts: dict[int, ClientFacts], first: date
) -> dict[int, tuple[StakeLot, ...]]:
    """What is left of each line's lots on the renewal day: by the ledger of today and by cancellations known to come."""
    lots = Lot.objects.filter(
        partner=scope.partner, client_id__in=facts, earned_on__lte=scope.today, expires_on__gt=first
    )
    # One row per loss of a lot, or a single row for a lot without any.
    lost = FilteredRelation(
        "entry__losses", condition=Q(entry__losses__partner=scope.partner, entry__losses__on__lte=scope.today)
    )
    taken: dict[int, list[tuple[date, Decimal]]] = {}
    of_line: dict[Line, set[tuple[date, date, str, str, int, Decimal]]] = {}
    for client, line, earned_on, expires_on, deal, track, pk, earned, on, points in lots.annotate(lost=lost).values_list(
        "client_id", "deal__product_line", "earned_on", "expires_on", "deal__deal_id", "track", "pk", "earned",
        "lost__on", "lost__points",
    ):  # fmt: skip
        of_line.setdefault((client, line), set()).add((earned_on, expires_on, deal, track, pk, earned))
        if on is not None:
            taken.setdefault(pk, []).append((on, points))
    return {
        row.pk: tuple(
            StakeLot(Track(track), left, expires_on)
            for earned_on, expires_on, _deal, track, pk, earned in sorted(
                of_line.get((row.client_id, row.product_line), ())
            )
            if earned_on <= row.renews_on < expires_on
            and not _is_cancelled(facts[row.client_id].cancellations, row.product_line, scope.today, row.renews_on)
            and (left := earned + sum(points for on, points in taken.get(pk, ()) if on <= row.renews_on))
        )
        for row in renewals
    }


def _is_cancelled(cancellations: Iterable[CancellationFact], line: str, after: date, until: date) -> bool:
    return any(row.product_line in ("", line) and after < row.cancelled_on <= until for row in cancellations)


def _managed(scope: Scope, renewals: Sequence[Renewal], facts: dict[int, ClientFacts]) -> dict[int, Decimal]:
    """Managed points on the renewal day, where the renewal is of the only line that the client then has; otherwise 0."""
    book = rulebook(scope)
    other_lines: dict[int, set[str]] = {}
    ahead = Renewal.objects.filter(partner=scope.partner, client_id__in=facts, renews_on__gte=scope.today)
    for client, line in ahead.values_list("client_id", "product_line"):
        other_lines.setdefault(client, set()).add(line)
    points = dict.fromkeys((row.pk for row in renewals), Decimal(0))
    alone = []
    for row in renewals:
        cancellations = facts[row.client_id].cancellations
        others = other_lines.get(row.client_id, set()) - {row.product_line}
        if all(rules.cancelled(cancellations, line, row.renews_on) for line in others):
            alone.append(row)
    in_force = {
        (client, day): managed(facts[client], book, day).points
        for client, day in {(row.client_id, row.renews_on) for row in alone}
    }
    lines = _lines(scope, {client for (client, _day), on in in_force.items() if on}, facts)
    for row in alone:
        on = in_force[row.client_id, row.renews_on]
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
