"""Points by client on a day: who brings how many, and what of it will expire (docs/points.md 3, 4).

Today without a deal type comes from the ledger's sums as one query that the database sorts, searches and pages. A past day,
or the points of one kind of deal, is summed from the ledger's rows and handed on as plain rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, CharField, DecimalField, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from accounts.scope import Scope
from clients.models import Client
from ledger.models import Lot, PointEntry
from ledger.queries import ZERO, open_lots, posting
from partner_portal.lib.rows.datasets import Rows
from program.labels import values
from program.queries import rulebook
from program.terms import SOLD_TRACKS, Market, Track

EXPIRY_DAYS = 90
TRACKS = tuple(values(Track))
POINTS = DecimalField(max_digits=20, decimal_places=4)
NONE = Value(ZERO, output_field=POINTS)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What of the breakdown is asked for; "" is everything. kind: of the deal; show: "" clients with such points, "none"
    clients without, "all" both."""

    track: str = ""
    kind: str = ""
    market: str = ""
    country: str = ""
    show: str = ""


def breakdown(scope: Scope, day: date, asked: Narrowed) -> Rows:
    """Clients with `sourced`, `assisted`, `managed` and `total` points on `day`, what expires of them within EXPIRY_DAYS
    (`expiring`), and when the next of them does (`next_expiry`). Only the asked tracks and deals are counted."""
    clients = _clients(scope, day, asked)
    state = posting(scope)
    if asked.kind or (state is not None and day < state.posted_through):
        return _summed(scope, day, asked, clients)
    return _from_totals(clients, day, asked)


def countries(scope: Scope) -> list[str]:
    """The countries of the partner's clients."""
    return list(
        Client.objects.filter(partner=scope.partner).order_by("country").values_list("country", flat=True).distinct()
    )


def _clients(scope: Scope, day: date, asked: Narrowed) -> QuerySet[Client]:
    market = rulebook(scope).growth_market(day)
    growth = sorted(market.countries) if market else []
    clients = Client.objects.filter(partner=scope.partner)
    if asked.country:
        clients = clients.filter(country=asked.country)
    if asked.market:
        matches = Q(country__in=growth)
        clients = clients.filter(matches if asked.market == Market.GROWTH else ~matches)
    return clients.annotate(
        market=Case(
            When(country__in=growth, then=Value(Market.GROWTH)),
            default=Value(Market.STANDARD),
            output_field=CharField(),
        )
    )


def _from_totals(clients: QuerySet[Client], day: date, asked: Narrowed) -> QuerySet[Client]:
    counted = {track: Coalesce(F(f"points__{track}"), NONE) if asked.track in ("", track) else NONE for track in TRACKS}
    total = F("points__total") if not asked.track else F(f"points__{asked.track}")
    lots = Lot.objects.filter(client=OuterRef("pk"), remaining__gt=0, expires_on__gt=day)
    if asked.track:
        lots = lots.filter(track=asked.track)
    soon = lots.filter(expires_on__lte=day + timedelta(days=EXPIRY_DAYS)).order_by().values("client")
    rows = clients.annotate(
        **counted,
        total=Coalesce(total, NONE),
        expiring=Coalesce(Subquery(soon.annotate(sum=Sum("remaining")).values("sum")), NONE),
        next_expiry=Subquery(lots.order_by().values("client").annotate(first=Min("expires_on")).values("first")),
    )
    if asked.show == "all":
        return rows
    if asked.show == "none":
        return rows.filter(total=0)
    return rows.filter(**{f"points__{asked.track or 'total'}__gt": 0})


def _summed(scope: Scope, day: date, asked: Narrowed, clients: QuerySet[Client]) -> list[Mapping[str, Any]]:
    sums = _sums_of_lots(scope, day, asked) if asked.kind else _sums_of_entries(scope, day, asked)
    ahead = _expiring(scope, day, asked)
    found: list[Mapping[str, Any]] = []
    columns: Any = ("pk", "client_id", "name", "country", "market")
    for pk, client_id, name, country, market in clients.values_list(*columns):
        tracks = sums.get(pk, {})
        total = sum(tracks.values(), ZERO)
        if (asked.show == "none" and total) or (not asked.show and not total):
            continue
        expiring, first = ahead.get(pk, (ZERO, None))
        found.append(
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
    return found


def _sums_of_entries(scope: Scope, day: date, asked: Narrowed) -> dict[int, dict[str, Decimal]]:
    entries = PointEntry.objects.filter(partner=scope.partner, on__lte=day, track__in=_tracks(asked))
    return _by_client(entries.order_by().values_list("client_id", "track").annotate(Sum("points")))


def _sums_of_lots(scope: Scope, day: date, asked: Narrowed) -> dict[int, dict[str, Decimal]]:
    lots = open_lots(scope, day).filter(deal__kind=asked.kind, track__in=_tracks(asked))
    return _by_client(lots.order_by().values_list("client_id", "track").annotate(Sum("left")))


def _by_client(rows: Any) -> dict[int, dict[str, Decimal]]:
    found: dict[int, dict[str, Decimal]] = {}
    for pk, track, points in rows:
        found.setdefault(pk, {})[track] = points
    return found


def _expiring(scope: Scope, day: date, asked: Narrowed) -> dict[int, tuple[Decimal, date]]:
    lots = open_lots(scope, day).filter(track__in=_tracks(asked))
    if asked.kind:
        lots = lots.filter(deal__kind=asked.kind)
    soon = Q(expires_on__lte=day + timedelta(days=EXPIRY_DAYS))
    rows = (
        lots.order_by()
        .values("client_id")
        .annotate(points=Sum("left", filter=soon, default=ZERO), first=Min("expires_on"))
        .values_list("client_id", "points", "first")
    )
    return {pk: (points, first) for pk, points, first in rows}


def _tracks(asked: Narrowed) -> tuple[str, ...]:
    if asked.track:
        return (asked.track,)
    return tuple(SOLD_TRACKS) if asked.kind else TRACKS
