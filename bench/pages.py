"""Pages through the whole of Django: server time at both sizes, their ratio, queries, size on the wire.

The two partners are asked in turns, so that whatever else the machine does hits both alike.
"""

import gzip
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client

from bench.measurement import Measurement
from bench.place import Place

CLIENT = "C000005"  # one that both partners have: the same story in a small and in a large portfolio
RATIO = 2.0  # the overview at 1,000,000 entries against 10,000
SEARCH = 150.0  # ms, promised for 10,000 clients and 100,000 deals; the large portfolio has more
COLD = 1_000.0  # ms, that nobody waits longer than
HTML = 60.0  # kB of the overview, compressed


@dataclass(frozen=True, slots=True)
class Page:
    """An address to measure. limit: the bar on its ratio, where it has one; most_ms: that on its time in the large portfolio;
    cold_ms: the same with an empty cache."""

    name: str
    path: str
    limit: float | None = None
    most_ms: float | None = None
    cold_ms: float | None = None


PAGES = (
    Page("overview", "/dashboard/", RATIO, cold_ms=COLD),
    Page("drill-down", "/dashboard/changes/new-sold/?changes_range=last-90-days"),
    Page("shared-selling", "/dashboard/shared/won/?shared_range=last-90-days"),
    Page("tier-page", "/tiers/"),
    Page("breakdown", "/tiers/breakdown/"),
    Page("client-panel", f"/tiers/clients/{CLIENT}/"),
    Page("client-record", f"/clients/{CLIENT}/"),
    Page("clients", "/clients/"),
    Page("calculator", "/calculator/?amount=1000&currency=USD&origin=sourced&market=standard"),
    Page("commissions", "/commissions/", cold_ms=COLD),
    Page("renewals", "/renewals/"),
    Page("search", "/search/?q=sales+hub", most_ms=SEARCH),
    Page("search-nothing", "/search/?q=nothing+like+it", most_ms=SEARCH),
)


def measure(place: Place, small: str, large: str, only: str, *, quick: bool) -> Iterator[Measurement]:
    """Warm: the median of many rounds. Cold: with the cache emptied before each request, as after an import."""
    set_up(place)
    visitors = {slug: visitor_of(slug) for slug in (small, large)}
    _prepare(visitors)
    entries = {slug: _entries(slug) for slug in visitors}
    warm, cold = (5, 1) if quick else (21, 3)
    for page in PAGES:
        if only and only != page.name:
            continue
        yield from _page(page, visitors, entries, warm, cold)


def set_up(place: Place) -> None:
    """Start Django over the place's database, with test clients allowed."""
    os.environ.update(place.environment)
    import django

    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]


def _page(
    page: Page, visitors: "Mapping[str, Client]", entries: Mapping[str, int], warm: int, cold: int
) -> Iterator[Measurement]:
    from django.core.cache import cache

    first: dict[str, list[float]] = {slug: [] for slug in visitors}
    for visitor in visitors.values():
        _timed(visitor, page.path)  # modules, templates, connections
    for _ in range(cold):
        for slug, visitor in visitors.items():
            cache.clear()
            first[slug].append(_timed(visitor, page.path))
    again: dict[str, list[float]] = {slug: [] for slug in visitors}
    for visitor in visitors.values():
        _timed(visitor, page.path)
    for _ in range(warm):
        for slug, visitor in visitors.items():
            again[slug].append(_timed(visitor, page.path))
    small, large = visitors
    queries = {slug: _queries(visitor, page.path) for slug, visitor in visitors.items()}
    html = visitors[large].get(page.path, headers={"accept-encoding": "gzip"})
    size = len(gzip.compress(html.content)) / 1000
    for slug in visitors:
        bar = page.most_ms if slug == large else None
        yield Measurement(page.name, f"{entries[slug]:,} entries, warm", *_ms(again[slug]), bar)
    yield Measurement(page.name, "ratio, warm", _ratio(again[large], again[small]), "x", page.limit)
    yield Measurement(page.name, f"{entries[large]:,} entries, cold", *_ms(first[large]), page.cold_ms)
    yield Measurement(
        page.name,
        "ratio, cold",
        _ratio(first[large], first[small]),
        "x",
        note=f"{_ms(first[large])[0]:,.0f} ms against {_ms(first[small])[0]:,.0f} ms",
    )
    yield Measurement(
        page.name,
        "queries",
        queries[large],
        "",
        note="" if queries[small] == queries[large] else f"{queries[small]} in the small portfolio",
    )
    yield Measurement(page.name, "HTML, compressed", size, "kB", HTML if page.name == "overview" else None)


def _prepare(slugs: Iterable[str]) -> None:
    """What an import does at its end; other code may have imported these partners."""
    from django.core.cache import cache

    from accounts.models import Partner
    from dashboard.tasks import prepare

    cache.clear()
    for partner in Partner.objects.filter(slug__in=slugs):
        prepare(partner)


def visitor_of(slug: str) -> "Client":
    """Sign in as the partner's admin."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import User

    client = Client()
    client.force_login(User.objects.get(email=f"{slug}@bench.example"), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def _entries(slug: str) -> int:
    from accounts.models import Partner
    from accounts.scope import partner_scope
    from ledger.models import PointEntry

    partner = Partner.objects.get(slug=slug)
    with partner_scope(partner):
        return PointEntry.objects.filter(partner=partner).count()


def _timed(visitor: "Client", path: str) -> float:
    start = time.perf_counter()
    response = visitor.get(path)
    seconds = time.perf_counter() - start
    if response.status_code != 200:
        raise RuntimeError(f"{path} answers {response.status_code}")
    return seconds


def _queries(visitor: "Client", path: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        visitor.get(path)
    return len(captured)


def _ms(times: Sequence[float]) -> tuple[float, str]:
    return median(times) * 1000, "ms"


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return median(above) / median(below)
