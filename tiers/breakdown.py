"""Reads the points of every client on a day, and how many of them expire soon (docs/points.md 3, 4).

Today's points of all deals come from the stored sums, as one query that the database sorts, searches and pages. Those of a
past day, or of one kind of deal, are summed from the ledger's rows and returned as plain rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Case, CharField, DecimalField, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Cast, Coalesce

from accounts.scope import Scope
from clients.models import Client
from ledger.models import Lot, PointEntry
from ledger.queries import ZERO, open_lots, posting
from partner_portal.lib.rows.datasets import Row, Rows
from program.caching import cached_by_generation
from program.labels import values
from program.queries import rulebook
from program.terms import SOLD_TRACKS, Market, Track

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

EXPIRY_DAYS = 90
TRACKS = tuple(values(Track))
POINTS = DecimalField(max_digits=20, decimal_places=4)
NONE = Cast(Value(ZERO), POINTS)  # cast, since PostgreSQL cannot sort by a bare constant


@dataclass(frozen=True, slots=True)
class BreakdownFilter:
    """Which points of which clients are counted; "" leaves that part unfiltered."""

    #: A `Track`.
    track: str = ""
    #: A `DealKind`.
    kind: str = ""
    #: A `Market`.
    market: str = ""
    #: An ISO 3166-1 alpha-2 code.
    country: str = ""
    #: "": clients with such points; "none": those without; "all": both.
    show: str = ""


class ClientMarket(TypedDict):
    """Annotation of clients: their `Market` on a day."""

    market: str


if TYPE_CHECKING:
    type Clients = QuerySet[WithAnnotations[Client, ClientMarket]]


def breakdown(scope: Scope, day: date, chosen: BreakdownFilter) -> Rows:
    """Clients with their points on `day` in the tracks and deals of the filter.

    Columns: `sourced`, `assisted`, `managed` and `total` points, `expiring` (those that expire within EXPIRY_DAYS) and
    `next_expiry` (the next day on which any do).
    """
    clients = _clients(scope, day, chosen)
    state = posting(scope)
    if chosen.kind or (state is not None and day < state.posted_through):
        return _summed(scope, day, chosen, clients)
    return _from_totals(clients, day, chosen)


@cached_by_generation("countries-of-clients")
def countries(scope: Scope) -> list[str]:
    """The countries of the partner's clients, by code. At most one query."""
    return list(
        Client.objects.filter(partner=scope.partner).order_by("country").values_list("country", flat=True).distinct()
    )


def _clients(scope: Scope, day: date, chosen: BreakdownFilter) -> "Clients":
    market = rulebook(scope).growth_market(day)
    growth = sorted(market.countries) if market else []
    clients = Client.objects.filter(partner=scope.partner)
    if chosen.country:
        clients = clients.filter(country=chosen.country)
    if chosen.market:
        matches = Q(country__in=growth)
        clients = clients.filter(matches if chosen.market == Market.GROWTH else ~matches)
    return clients.annotate(
        market=Case(
            When(country__in=growth, then=Value(Market.GROWTH)),
            default=Value(Market.STANDARD),
            output_field=CharField(),
        )
    )


def _from_totals(clients: "Clients", day: date, chosen: BreakdownFilter) -> QuerySet[Client]:
    counted = {
        track: Coalesce(F(f"points__{track}"), NONE) if chosen.track in ("", track) else NONE for track in TRACKS
    }
    total = F("points__total") if not chosen.track else F(f"points__{chosen.track}")
    lots = Lot.objects.filter(client=OuterRef("pk"), remaining__gt=0, expires_on__gt=day)
    if chosen.track:
        lots = lots.filter(track=chosen.track)
    soon = lots.filter(expires_on__lte=day + timedelta(days=EXPIRY_DAYS)).order_by().values("client")
    rows = clients.annotate(
        **counted,
        total=Coalesce(total, NONE),
        expiring=Coalesce(Subquery(soon.annotate(sum=Sum("remaining")).values("sum")), NONE),
        next_expiry=Subquery(lots.order_by().values("client").annotate(first=Min("expires_on")).values("first")),
    )
    if chosen.show == "all":
        return rows
    if chosen.show == "none":
        return rows.filter(total=0)
    return rows.filter(**{f"points__{chosen.track or 'total'}__gt": 0})


def _summed(scope: Scope, day: date, chosen: BreakdownFilter, clients: "Clients") -> list[Row]:
    sums = _sums_of_lots(scope, day, chosen) if chosen.kind else _sums_of_entries(scope, day, chosen)
    ahead = _expiring(scope, day, chosen)
    rows: list[Row] = []
    columns = clients.values_list("pk", "client_id", "name", "country", "market")
    for pk, client_id, name, country, market in columns:
        tracks = sums.get(pk, {})
        total = sum(tracks.values(), ZERO)
        if (chosen.show == "none" and total) or (not chosen.show and not total):
            continue
        expiring, first = ahead.get(pk, (ZERO, None))
        rows.append(
            {
                "pk": pk,
                "client_id": client_id,
                "name": name,
                "country": country,
                "market": market,
                **{track: tracks.get(track, ZERO) for track in TRACKS},
                "total": total,
                "expiring": expiring,
                "next_expiry": first,
            }
        )
    return rows


def _sums_of_entries(scope: Scope, day: date, chosen: BreakdownFilter) -> dict[int, dict[str, Decimal]]:
    entries = PointEntry.objects.filter(partner=scope.partner, on__lte=day, track__in=_tracks(chosen))
    return _by_client(entries.order_by().values_list("client_id", "track").annotate(Sum("points")))


def _sums_of_lots(scope: Scope, day: date, chosen: BreakdownFilter) -> dict[int, dict[str, Decimal]]:
    lots = open_lots(scope, day).filter(deal__kind=chosen.kind, track__in=_tracks(chosen))
    return _by_client(lots.order_by().values_list("client_id", "track").annotate(Sum("left")))


def _by_client(rows: Iterable[tuple[int, str, Decimal]]) -> dict[int, dict[str, Decimal]]:
    sums: dict[int, dict[str, Decimal]] = {}
    for pk, track, points in rows:
        sums.setdefault(pk, {})[track] = points
    return sums


def _expiring(scope: Scope, day: date, chosen: BreakdownFilter) -> dict[int, tuple[Decimal, date]]:
    lots = open_lots(scope, day).filter(track__in=_tracks(chosen))
    if chosen.kind:
        lots = lots.filter(deal__kind=chosen.kind)
    soon = Q(expires_on__lte=day + timedelta(days=EXPIRY_DAYS))
    rows = (
        lots.order_by()
        .values("client_id")
        .annotate(points=Sum("left", filter=soon, default=ZERO), first=Min("expires_on"))
        .values_list("client_id", "points", "first")
    )
    return {pk: (points, first) for pk, points, first in rows}


def _tracks(chosen: BreakdownFilter) -> tuple[str, ...]:
    if chosen.track:
        return (chosen.track,)
    return tuple(SOLD_TRACKS) if chosen.kind else TRACKS
