"""Thousands of partners of 20 clients each: pages of any of them, every tick of the clock, and the hour after midnight.

A few partners are imported, and copied by SQL inside the database: every number of a copy is its original's plus a multiple of
`STRIDE`, so that references stay right. Nothing of that is what the product does; what is measured afterwards is.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

from bench.generate import Profile, generate
from bench.measurement import Measurement
from bench.pages import set_up
from bench.place import DAY, FailedError, Place

PROFILE = Profile(clients=20, deals=6, services=4, mrr_months=12, statement_every=5, people=5)
ORIGINALS = 5
# More than any number of the originals; those of 20,000 partners stay below 2**31, as keys of locks must.
STRIDE = 10**5
PAGES = ("/dashboard/", "/tiers/", "/clients/")
ASKED = 60  # partners whose pages are opened
TICK_SECONDS, TICK_QUERIES = 1.0, 20
DUE = (100, 500)
PER_DUE = 1.3  # what one due costs among 500, of what it costs among 100
_ALL_CHECKED = (
    "UPDATE notices_eventcheck AS of SET generation = partner.generation FROM accounts_partner AS partner"
    " WHERE partner.id = of.partner_id AND of.generation IS DISTINCT FROM partner.generation"
)
SAMPLE = 100  # tasks of a kind that are carried out after midnight
WORKERS = 2


def measure(var: Path, partners: int, say: Callable[[str], None]) -> Iterator[Measurement]:
    """Make the fleet if it is not there, then measure."""
    place = Place(var / f"fleet-{partners}")
    loaded = place.var / "loaded"
    if not loaded.exists():
        yield _load(place, partners, say)
        loaded.touch()
    else:
        place.prepare()
    set_up(place)
    from django.conf import settings

    settings.API_REQUESTS_A_MINUTE = 1_000_000
    yield from _sizes(place)
    yield from _pages(Random(7), partners)
    yield _connections(place, partners)
    with _enqueued() as tasks:
        yield from _idle(tasks)
        yield from _due(tasks)
        yield from _midnight(tasks)


def _load(place: Place, partners: int, say: Callable[[str], None]) -> Measurement:
    place.clear()
    place.prepare()
    slugs = [f"fleet{number}" for number in range(ORIGINALS)]
    for number, slug in enumerate(slugs):
        say(f"importing {slug}")
        generate(place.var / "files" / slug, PROFILE, DAY, seed=number)
        place.partner(slug)
        place.imported(slug, place.var / "files" / slug)
    set_up(place)
    _settle_originals()
    say(f"copying them to {partners:,} partners")
    start = time.perf_counter()
    rows = _copy(place, 0, -(-(partners - ORIGINALS) // ORIGINALS))
    seconds = time.perf_counter() - start
    place.settle()
    return Measurement("fleet", f"{partners:,} partners copied", seconds, "s", note=f"{rows:,} rows")


def _settle_originals() -> None:
    """Nothing of the originals is due when they are copied: events are checked, and their notices sent."""
    from partner_portal.celery import app

    app.conf.task_always_eager = True
    try:
        for _ in range(3):
            for _name, tick in _ticks():
                tick()
    finally:
        app.conf.task_always_eager = False


def _ticks() -> list[tuple[str, Any]]:
    from partner_portal.celery import BEAT_SCHEDULE, app

    app.loader.import_default_modules()
    return [(name, app.tasks[entry["task"]]) for name, entry in BEAT_SCHEDULE.items()]


def _superuser(place: Place) -> Any:
    import psycopg

    from partner_portal.local.postgres import ensure_running

    at = ensure_running(place.var)
    return psycopg.connect(host=at.host, port=at.port, user=at.superuser, dbname=at.database, autocommit=True)


def _copy(place: Place, made: int, copies: int) -> int:
    """Make so many copies of each original where `made` are there already; returns the number of rows."""
    from accounts.models import Partner, User
    from partner_portal.partner_archive.contents import (
        FACT_NUMBERS,
        NUMBERS,
        archived_models,
        has_number,
        stored_fields,
    )

    rows = 0
    address = "split_part(email, '@', 1) || '-' || k || '@bench.example'"
    with _superuser(place) as database:
        database.execute("SET session_replication_role = replica")  # references are right by construction
        tables: list[tuple[Any, set[str]]] = [(User, {"id"})]
        for model in archived_models():
            numbers = {str(field.column) for field in stored_fields(model) if field.is_relation}
            numbers |= set(NUMBERS.get(model._meta.label, {})) | {FACT_NUMBERS.get(model._meta.label, "")}
            tables.append((model, numbers | ({"id"} if has_number(model) else set())))
        for model, numbers in tables:
            originals = " AND ".join(f"{name} < {STRIDE}" for name in ("id", "partner_id") if name in numbers)
            columns = [str(field.column) for field in stored_fields(model)]
            texts = {"email": address} if model is User else {"slug": "slug || '-' || k"} if model is Partner else {}
            chosen = [
                f'"{name}" + k * {STRIDE}::bigint' if name in numbers else texts.get(name, f'"{name}"')
                for name in columns
            ]
            names = ", ".join(f'"{name}"' for name in columns)
            table = model._meta.db_table
            if "id" in numbers and not made:
                highest = database.execute(f'SELECT coalesce(max(id), 0) FROM "{table}"').fetchone()[0]  # noqa: S608
                if highest >= STRIDE:
                    raise FailedError(f"{table} has number {highest}: STRIDE is too small")
            inserted = database.execute(
                f'INSERT INTO "{table}" ({names}) SELECT {", ".join(chosen)} FROM "{table}",'  # noqa: S608 -- names of ours
                f" generate_series({made + 1}, {made + copies}) AS k WHERE {originals} ORDER BY k"
            )
            rows += inserted.rowcount
            if "id" in numbers:
                highest = f'(SELECT max(id) FROM "{table}")'  # noqa: S608
                database.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce({highest}, 1))")
        inserted = database.execute(
            'INSERT INTO account_emailaddress (email, verified, "primary", user_id)'
            " SELECT email, true, true, id FROM accounts_user ON CONFLICT DO NOTHING"
        )
        return rows + inserted.rowcount


def _sizes(place: Place) -> Iterator[Measurement]:
    with _superuser(place) as database:
        row = database.execute(
            "SELECT pg_database_size(current_database()), (SELECT count(*) FROM ledger_pointentry),"
            " (SELECT count(*) FROM accounts_partner)"
        ).fetchone()
    size, entries, partners = row
    yield Measurement("fleet", "database", size / 2**20, "MiB", note=f"{partners:,} partners, {entries:,} entries")
    yield Measurement("fleet", "database by ledger entry", size / entries, "bytes", note="all tables and indexes")
    yield Measurement("fleet", "database by partner", size / partners / 1000, "kB")


def _visitors(random: Random, partners: int, number: int) -> list[Any]:
    from django.conf import settings
    from django.test import Client

    from accounts.models import User

    chosen = random.sample(
        list(User.objects.filter(email__startswith="fleet").order_by("pk").values_list("pk", flat=True)), number
    )
    clients = []
    for pk in chosen:
        client = Client()
        client.force_login(User.objects.get(pk=pk), backend=settings.AUTHENTICATION_BACKENDS[0])
        clients.append(client)
    return clients


def _pages(random: Random, partners: int) -> Iterator[Measurement]:
    from django.core.cache import cache

    visitors = _visitors(random, partners, min(ASKED, partners))
    for path in PAGES:
        _seconds(visitors[0], path)  # modules, templates
        cache.clear()
        cold = [_seconds(visitor, path) for visitor in visitors]
        warm = [_seconds(visitor, path) for visitor in visitors]
        for name, times in (("first of a partner", cold), ("again", warm)):
            p95 = quantiles(times, n=20)[-1]
            what = f"{path}, {name}: p50"
            yield Measurement("fleet", what, median(times) * 1000, "ms", note=f"p95 {p95 * 1000:.0f} ms")


def _seconds(visitor: Any, path: str) -> float:
    start = time.perf_counter()
    answer = visitor.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answers {answer.status_code}")
    return time.perf_counter() - start


def _connections(place: Place, partners: int) -> Measurement:
    """Of one web process with eight threads that answer people of different partners at the same time."""
    from django.db import connection

    most = 0

    def browse(visitor: Any) -> None:
        for path in PAGES:
            _seconds(visitor, path)

    def browse_and_leave(visitor: Any) -> None:
        try:
            browse(visitor)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads, _superuser(place) as database:
        work = [threads.submit(browse_and_leave, visitor) for visitor in _visitors(Random(8), partners, 16)]
        while not all(each.done() for each in work):
            count = database.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'portal_app'").fetchone()[0]
            most = max(most, count)
            time.sleep(0.02)
        for each in work:
            each.result()
    return Measurement(
        "fleet", "connections of a web process of 8 threads", most, "", 10, note="one is the bench's own"
    )


@dataclass(frozen=True, slots=True)
class _Task:
    name: str
    run: Callable[[], object]


@contextmanager
def _enqueued() -> Iterator[list[_Task]]:
    """What ticks enqueue, instead of sending it."""
    from celery import Task

    tasks: list[_Task] = []
    before = Task.delay

    def delay(self: Task, *arguments: object, **named: object) -> None:
        tasks.append(_Task(self.name, lambda: self.run(*arguments, **named)))

    Task.delay = delay
    try:
        yield tasks
    finally:
        Task.delay = before


def _ticked(tick: Any) -> tuple[float, int]:
    """Seconds and queries of a tick."""
    from django.db import connection

    count = 0

    def counted(execute: Any, sql: str, params: object, many: bool, context: object) -> object:
        nonlocal count
        count += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(counted):
        start = time.perf_counter()
        tick()
        seconds = time.perf_counter() - start
    return seconds, count


def _idle(tasks: list[_Task]) -> Iterator[Measurement]:
    for name, tick in _ticks():
        tick()
        seconds, queries = min(_ticked(tick) for _ in range(3))
        yield Measurement("fleet", f"{name}, nothing due", seconds, "s", TICK_SECONDS, note=f"{len(tasks)} enqueued")
        yield Measurement("fleet", f"{name}, nothing due: queries", queries, "", TICK_QUERIES)
        tasks.clear()


def _due(tasks: list[_Task]) -> Iterator[Measurement]:
    """What one partner with a ledger to post costs, tick and work, among 100 and among 500; and one with events to check."""
    from partner_portal.celery import app

    behind = "UPDATE ledger_posting SET next_due_on = posted_through, posted_through = posted_through - 1"
    unchecked = "UPDATE notices_eventcheck SET generation = NULL"
    kinds = {
        "ledger": (behind, "ledger.tasks.catch_up_ledgers"),
        "events": (unchecked, "notices.tasks.check_due_partners"),
    }
    place = Place(Path(os.environ["PORTAL_VAR"]))
    for kind, (statement, task) in kinds.items():
        costs = []
        for number in DUE:
            with _superuser(place) as database:
                database.execute(_ALL_CHECKED)
                chosen = "SELECT id FROM accounts_partner ORDER BY md5(id::text || %s) LIMIT %s"
                database.execute(f"{statement} WHERE partner_id IN ({chosen})", [str(number), number])
            start = time.perf_counter()
            ticked, queries = _ticked(app.tasks[task])
            found, inner = len(tasks), list(tasks)
            for each in inner:
                each.run()
            cost = (time.perf_counter() - start) / found
            costs.append(cost)
            note = f"{found} enqueued by {queries} queries in {ticked * 1000:.0f} ms"
            yield Measurement("fleet", f"{kind}, {number} due: each", cost * 1000, "ms", note=note)
            tasks.clear()
        yield Measurement("fleet", f"{kind}: each of 500 against each of 100", costs[1] / costs[0], "x", PER_DUE)


def _midnight(tasks: list[_Task]) -> Iterator[Measurement]:
    """Every tick of the hour on the next day: what it finds, and how long workers are at it, from a sample of each kind."""
    from partner_portal.lib.dates.clock import moved_to

    with moved_to(DAY + timedelta(days=1)):
        start = time.perf_counter()
        for _name, tick in _ticks():
            tick()
        ticks = time.perf_counter() - start
        due = list(tasks)
        tasks.clear()
        total, kinds = 0.0, Counter(each.name for each in due)
        for kind, number in kinds.items():
            sample = Random(9).sample([each for each in due if each.name == kind], min(SAMPLE, number))
            start = time.perf_counter()
            for each in sample:
                each.run()
            cost = (time.perf_counter() - start) / len(sample)
            total += cost * number
            yield Measurement("fleet", f"after midnight: {kind}", cost * 1000, "ms", note=f"{number:,} due")
    yield Measurement("fleet", "after midnight: all ticks", ticks, "s", note=f"{sum(kinds.values()):,} tasks enqueued")
    yield Measurement(
        "fleet", "after midnight: all tasks", total / WORKERS / 60, "min", 60, note=f"with {WORKERS} worker processes"
    )
