"""Ours against plain Django (`bench.plain`) on the same data in the same run: pages, parts, API and files.

Ratios travel between machines, milliseconds do not. Both are asked in turns, and processor time is given beside the time
on the clock, since others may use the machine meanwhile.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from django.test import Client

from bench.measurement import Measurement
from bench.place import ROOT, Place

NOTHING = "/search/"  # a page of ours that does nothing but sign in and show the frame of every page
SLOW = 0.2  # seconds: what takes longer is asked less often
RANGE = "changes_range=last-90-days"
Ask = Callable[[], tuple[float, float]]  # seconds on the clock and of the processor


@dataclass(frozen=True, slots=True)
class Work:
    """A page of ours, and what it is measured against.

    plain: the page of plain Django with the same figures; "" for NOTHING of ours. part: the element that htmx asks for.
    most: the bar on the ratio.
    """

    name: str
    what: str
    plain: str
    ours: str
    most: float
    part: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """What htmx sends."""
        return {"HX-Request": "true", "HX-Target": self.part} if self.part else {}


WORKS = (
    Work("W1", "four counters of 90 days: panel", "/counters/", f"/dashboard/?{RANGE}", 0.8, "changes"),
    Work("W1", "four counters of 90 days: API", "/counters/", "/api/v1/changes?range=last-90-days", 0.8),
    Work("W2", "24 months of three tracks: part", "/months/", "/tiers/?time_range=last-24-months", 0.1, "over-time"),
    Work("W2", "24 months of three tracks: API", "/months/", "/api/v1/progress", 0.1),
    Work("W3", "rows of a counter: page", "/entries/", f"/dashboard/changes/new-sold/?{RANGE}", 0.7),
    Work("W3", "rows of a counter: dialog", "/entries/", f"/dashboard/changes/new-sold/?{RANGE}", 0.7, "dialog"),
    Work("W4", "points of 10,000 clients: page", "/breakdown/", "/tiers/breakdown/", 0.03),
    Work("W4", "points of 10,000 clients: API", "/breakdown/", "/api/v1/breakdown?page_size=50", 0.03),
    Work("whole", "dashboard: of a page that does nothing", "", "/dashboard/", 6.0),
    Work("whole", "tier page: of a page that does nothing", "", "/tiers/", 6.0),
)
FILES = (("CSV, ours, decimal point", "csv", 0.5), ("XLSX, ours", "xlsx", 0.2))
UNCHANGED = (
    "/dashboard/", f"/dashboard/changes/new-sold/?{RANGE}", "/tiers/", "/tiers/breakdown/", "/clients/", "/clients/C000005/",
    "/commissions/", "/renewals/",
)  # fmt: skip
KEPT_MS = 8.0  # of the processor, for the answer that the browser has the page already
FLAT = 1.3  # a page of 1,000,000 entries of one of 10,000
GROWING = (
    "/dashboard/",
    "/tiers/",
    f"/dashboard/changes/new-sold/?{RANGE}",
    "/tiers/breakdown/",
    "/tiers/entries/",
    "/tiers/expiring/",
    "/clients/",
    "/clients/C000005/",
    "/commissions/",
    "/renewals/",
    "/api/v1/breakdown?page_size=50",
)


@dataclass(slots=True)
class Times:
    """Seconds on the clock and of the processor, of every request."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def add(self, more: "Times") -> None:
        """Take the requests of another turn in."""
        self.clock += more.clock
        self.processor += more.processor


class Plain:
    """The process of `bench.plain` for a partner."""

    def __init__(self, place: Place, slug: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.plain", slug],
            cwd=ROOT,
            env=place.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def get(self, path: str) -> tuple[float, float]:
        """Seconds on the clock and of its processor. Raises RuntimeError when it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"plain Django has no answer for {path}")
        seconds, processor, _size = json.loads(answer)
        return seconds, processor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def measure(place: Place, small: str, large: str, *, quick: bool) -> Iterator[Measurement]:
    """The ratio of every kind of work, warm. The portal's Django is set up already."""
    from bench.pages import visitor_of

    visitors = {slug: visitor_of(slug) for slug in (small, large)}
    rounds = 3 if quick else 15
    with Plain(place, large) as plain:
        for work in WORKS:
            mine = partial(_ours, visitors[large], work.ours, work.headers)
            other = partial(plain.get, work.plain) if work.plain else partial(_ours, visitors[large], NOTHING, {})
            yield _ratio(f"{work.name} {work.what}", work.most, *_in_turns(place, rounds, mine, other))
        for path in GROWING:
            at_large, at_small = (partial(_ours, visitors[slug], path, {}) for slug in (large, small))
            yield _ratio(f"growth of {path}", FLAT, *_in_turns(place, rounds, at_large, at_small))
        for path in UNCHANGED:
            yield _unchanged(place, visitors[large], path, rounds)
        yield from _files(plain, large, 1_000 if quick else 100_000)


def _files(plain: Plain, slug: str, rows: int) -> Iterator[Measurement]:
    """Files with the default columns, so with *Why*, beside those of plain Django, which has no such column."""
    from bench.exports import measure as measure_files

    for name, path, most in FILES:
        result = measure_files(slug, rows, runs=2, only=name)[0]
        other = plain.get(f"/{path}/?rows={rows}")[0]
        note = f"{result.seconds:,.2f} s against {other:,.2f} s"
        yield Measurement("against", f"{name}: {rows:,} rows", result.seconds / other, "x", most, note=note)


def _in_turns(place: Place, rounds: int, mine: Ask, other: Ask) -> tuple[Times, Times]:
    """Ask both once a round, so that whatever else the machine does meets both alike. What is slow is asked less often."""
    ours, theirs = Times(), Times()
    mine(), mine(), other()
    slow = other()[0] > SLOW
    for _ in range(max(3, rounds // 3) if slow else rounds):
        ours.add(_asked(place, 3 if slow else 1, mine))
        theirs.add(_asked(place, 1, other))
    return ours, theirs


def _ratio(what: str, most: float, ours: Times, theirs: Times) -> Measurement:
    clock, other = median(ours.clock), median(theirs.clock)
    processor = median(ours.processor) / median(theirs.processor)
    note = f"{clock * 1000:,.1f} ms against {other * 1000:,.1f} ms; processor time {processor:.2f} x"
    return Measurement("against", what, clock / other, "x", most, note=note)


def _unchanged(place: Place, visitor: "Client", path: str, rounds: int) -> Measurement:
    """The processor time of telling a browser that its page is still right."""
    visitor.get("/accounts/profile/")  # gives it the cookie of forms
    tag = visitor.get(path, follow=True)
    address = tag.request["PATH_INFO"] + (f"?{tag.request['QUERY_STRING']}" if tag.request["QUERY_STRING"] else "")
    ask = partial(_ours, visitor, address, {"If-None-Match": tag.headers["ETag"]}, expected=304)
    times = Times()
    for _ in range(rounds):
        times.add(_asked(place, 1, ask))
    note = f"{median(times.clock) * 1000:,.1f} ms on the clock"
    return Measurement("against", f"unchanged {path}", median(times.processor) * 1000, "ms", KEPT_MS, note=note)


def _ours(visitor: "Client", path: str, headers: Mapping[str, str], *, expected: int = 200) -> tuple[float, float]:
    start, started = time.perf_counter(), time.process_time()
    response = visitor.get(path, headers=dict(headers))
    took = time.perf_counter() - start, time.process_time() - started
    if response.status_code != expected:
        raise RuntimeError(f"{path} answers {response.status_code}")
    return took


def _asked(place: Place, times: int, ask: Ask) -> Times:
    """Ask several times, and count what the database's processes used meanwhile to the processor time."""
    before = _database(place)
    answers = [ask() for _ in range(times)]
    database = (_database(place) - before) / times
    return Times([clock for clock, _used in answers], [used + database for _clock, used in answers])


def _database(place: Place) -> float:
    """Processor seconds of all processes of the server so far, those that have ended included."""
    import psutil

    from partner_portal.local.postgres import process_of

    server = process_of(place.var / "postgres")
    if server is None:
        return 0.0
    own = server.cpu_times()
    total = own.children_user + own.children_system
    for child in server.children():
        with suppress(psutil.Error):
            used = child.cpu_times()
            total += used.user + used.system
    return float(total)
