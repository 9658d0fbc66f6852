"""Cache, queue, workers, beat and clocks."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import cast
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from redis import Redis
from redis.exceptions import RedisError

from partner_portal.celery import app
from partner_portal.doctor.findings import Finding, failed, ok, warning
from partner_portal.queues import QUEUES, broker_client, queue_states

SECONDS_TO_ANSWER = 3.0
LATE, TOO_LATE = 5 * 60, 30 * 60  # seconds that the oldest message may wait
BEAT_SECONDS = 10 * 60  # it writes its file every few minutes
OFF, FAR_OFF = 2, 20  # seconds; codes of second factors hold for thirty


def check_cache() -> Iterator[Finding]:
    """Whether what is stored can be read."""
    key, value = f"doctor-{uuid4().hex}", uuid4().hex
    cache.set(key, value, 10)
    if cache.get(key) == value:
        cache.delete(key)
        yield ok("stores and returns values")
    else:
        yield warning(
            "The cache stores nothing: pages work, slowly, and rate limits do not count.",
            "Check that Redis or Valkey runs, REDIS_URL and CACHE_REDIS_URL, and that its memory is not full.",
        )


def check_queue() -> Iterator[Finding]:
    """Whether the queue keeps what it accepts, and whether anything waits too long."""
    with broker_client() as client:
        yield from _durability(client)
        for state in queue_states(client):
            text = f"{state.name}: {state.waiting} waiting, the oldest for {state.oldest_seconds:.0f} s"
            remedy = "Look at the worker's log; start more workers when they are busy."
            if state.oldest_seconds > TOO_LATE:
                yield failed(text, remedy)
            elif state.oldest_seconds > LATE:
                yield warning(text, remedy)
            else:
                yield ok(text)


def _durability(client: Redis) -> Iterator[Finding]:
    with suppress(RedisError):  # managed servers do not tell
        policy = cast("dict[str, str]", client.config_get("maxmemory-policy")).get("maxmemory-policy", "")
        if policy.startswith("allkeys"):
            yield failed(
                f"maxmemory-policy is {policy}: tasks that wait may be dropped when memory runs out.",
                "Set maxmemory-policy noeviction on the queue's server, and give the cache a server of its own.",
            )
        if cast("dict[str, str]", client.config_get("appendonly")).get("appendonly") == "no":
            yield warning(
                "The queue is lost when its server ends: appendonly is no.", "Set appendonly yes on the queue's server."
            )


def check_workers() -> Iterator[Finding]:
    """Whether a worker reads every queue."""
    answers = app.control.inspect(timeout=SECONDS_TO_ANSWER).active_queues() or {}
    read = {queue["name"] for queues in answers.values() for queue in queues}
    missing = [name for name in QUEUES if name not in read]
    if not answers:
        yield failed(
            "No worker answers: imports, exports, mails and posting wait.",
            "Start one: celery -A partner_portal worker. If one runs, compare its REDIS_URL.",
        )
    elif missing:
        yield failed(f"No worker reads {', '.join(missing)}.", "Start one without --queues.")
    else:
        yield ok(f"{len(answers)} answer")


def check_beat() -> Iterator[Finding]:
    """Whether the clock's tasks are started, told by the file that beat writes."""
    written = max((file.stat().st_mtime for file in settings.PORTAL_VAR.glob("beat-schedule*")), default=None)
    remedy = "Start it: celery -A partner_portal beat. Ignore this where beat has another PORTAL_VAR."
    if written is None:
        yield warning("beat has never run with this PORTAL_VAR.", remedy)
    elif (age := time.time() - written) > BEAT_SECONDS:
        yield failed(f"beat last wrote its file {age / 60:.0f} minutes ago.", remedy)
    else:
        yield ok("runs")


def check_clock() -> Iterator[Finding]:
    """Whether this machine and the servers agree about the time."""
    offsets = {"the database": _offset_of_database()}
    with broker_client() as client:
        offsets["the queue"] = _offset_of_queue(client)
    for server, seconds in offsets.items():
        text = f"{server}'s clock is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} this machine's."
        remedy = "Run a time service (systemd-timesyncd, chrony) on both machines."
        if abs(seconds) > FAR_OFF:
            yield failed(text, f"{remedy} Codes of second factors and locks depend on it.")
        elif abs(seconds) > OFF:
            yield warning(text, remedy)
        else:
            yield ok(f"agrees with {server}")


def _offset_of_database() -> float:
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        there = cursor.fetchone()[0]
    return float(there) - (before + time.time()) / 2


def _offset_of_queue(client: Redis) -> float:
    before = time.time()
    seconds, micros = client.time()
    return seconds + micros / 1_000_000 - (before + time.time()) / 2
