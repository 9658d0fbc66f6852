"""`/metrics`: what the web processes count, and what database and queue say at the moment, in Prometheus' format."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import connection, connections
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from accounts.scope import count_by
from imports.models import ImportBatch
from ledger.queries import due_by_clock
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db import replica
from partner_portal.lib.metrics import QUERIES, QUERY_SECONDS, REQUEST_SECONDS, REQUESTS
from partner_portal.queues import broker_client, queue_states
from reports.models import Export, ScheduleRun
from sources.models import Connection

logger = logging.getLogger(__name__)
ADDRESS = "/metrics"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
RECENT = timedelta(days=1)  # what was requested since


class MetricsMiddleware:
    """Counts requests and their queries, and answers `/metrics` to whoever has METRICS_TOKEN.

    Like the health checks, it is asked by the address of a machine, before host, session and language are looked at.
    Without METRICS_TOKEN there is no such page, and nothing is counted.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == ADDRESS:
            return _answer(request)
        tally = _Tally()
        started = time.perf_counter()
        with ExitStack() as stack:
            for database in connections.all():
                stack.enter_context(database.execute_wrapper(tally))
            response = self.get_response(request)
        route = request.resolver_match.view_name if request.resolver_match else "none"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, route, response.status_code).inc()
        REQUEST_SECONDS.labels(route).observe(time.perf_counter() - started)
        QUERIES.labels(route).inc(tally.queries)
        QUERY_SECONDS.labels(route).inc(tally.seconds)
        return response


class _Tally:
    """The queries of one request."""

    def __init__(self) -> None:
        self.queries = 0
        self.seconds = 0.0

    def __call__(
        self, execute: Callable[..., object], sql: str, params: object, many: bool, context: dict[str, object]
    ) -> object:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.queries += 1
            self.seconds += time.perf_counter() - started


def _answer(request: HttpRequest) -> HttpResponse:
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(exposition(StateCollector()), content_type=CONTENT_TYPE_LATEST)


def exposition(*collectors: Collector) -> bytes:
    """What this server's processes have counted together, and what the collectors say now."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        counted = generate_latest(registry)
    else:
        counted = generate_latest(REGISTRY)
    now_registry = CollectorRegistry()
    for collector in collectors:
        now_registry.register(collector)
    return counted + generate_latest(now_registry)


class StateCollector(Collector):
    """Queues, jobs, ledgers and connections as they are; a part that cannot be read is named and left out."""

    def describe(self) -> list[Metric]:
        """Nothing: it is asked only when somebody reads."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what can be read."""
        unreadable = GaugeMetricFamily("portal_unreadable", "1: this part cannot be read.", labels=["part"])
        for name, part in PARTS.items():
            try:
                families = list(part())
            except Exception as error:  # the others are still worth having
                logger.warning("Metrics of %s cannot be read: %s", name, error)
                unreadable.add_metric([name], 1)
            else:
                unreadable.add_metric([name], 0)
                yield from families
        yield unreadable


def _queues() -> Iterator[Metric]:
    waiting = GaugeMetricFamily("portal_queue_messages", "Tasks that no worker has taken.", labels=["queue"])
    oldest = GaugeMetricFamily("portal_queue_oldest_seconds", "Age of the oldest of them.", labels=["queue"])
    with broker_client() as client:
        for state in queue_states(client):
            waiting.add_metric([state.name], state.waiting)
            oldest.add_metric([state.name], state.oldest_seconds)
    yield from (waiting, oldest)


def _jobs() -> Iterator[Metric]:
    since = now() - RECENT
    jobs: dict[str, tuple[str, str, QuerySet[Model]]] = {
        "exports": ("Exports requested in the last 24 hours.", "state", Export.objects.filter(created_at__gte=since)),
        "imports": ("Imports begun in the last 24 hours.", "status", ImportBatch.objects.filter(created_at__gte=since)),
        "schedule_runs": (
            "Runs of schedules of the last 24 hours.",
            "state",
            ScheduleRun.objects.filter(slot__gte=since),
        ),
        "live_connections": ("Connections to vendors.", "state", Connection.objects.all()),
    }
    for name, (text, column, rows) in jobs.items():
        family = GaugeMetricFamily(f"portal_{name}", text, labels=["state"])
        for state, count in count_by(column, rows).items():
            family.add_metric([state], count)
        yield family


def _ledgers() -> Iterator[Metric]:
    behind = sum(count_by("revision", due_by_clock()).values())
    yield GaugeMetricFamily("portal_ledgers_behind", "Partners whose points lack something that is due.", value=behind)


def _database() -> Iterator[Metric]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int, sum(numbackends)::int, pg_database_size(current_database())"
            " FROM pg_stat_database"
        )
        most, used, size = cursor.fetchone()
    yield GaugeMetricFamily("portal_database_connections", "Connections of the server in use.", value=used)
    yield GaugeMetricFamily("portal_database_connections_limit", "Connections that it takes.", value=most)
    yield GaugeMetricFamily("portal_database_bytes", "Size of the portal's database.", value=size)


def _replica() -> Iterator[Metric]:
    up = GaugeMetricFamily("portal_replica_up", "1: the replica is a standby that answers.", labels=[])
    size = GaugeMetricFamily("portal_replica_behind_bytes", "Log that the replica has not replayed.", labels=[])
    age = GaugeMetricFamily("portal_replica_behind_seconds", "Age of what it replayed last; 0: it has all.", labels=[])
    if replica.configured():
        state = replica.state()
        up.add_metric([], state.standby)
        size.add_metric([], state.behind_bytes)
        age.add_metric([], state.behind_seconds)
    yield from (up, size, age)


PARTS = {"queues": _queues, "jobs": _jobs, "ledgers": _ledgers, "database": _database, "replica": _replica}
