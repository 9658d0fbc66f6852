"""For load balancers and orchestrators: whether the process is up, and whether what it needs is usable."""

from collections.abc import Callable

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from partner_portal.lib.db import replica

STANDBY = "SELECT pg_is_in_recovery()"


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200: the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when a request can be served; 503 and the name of what is missing otherwise. Says nothing else about the inside.

    A standby that replays another server's changes is not ready: nobody can sign in there. A read replica that is away is named
    and changes nothing, since the primary answers in its place.
    """
    checks = {"database": _database, "migrations": _migrations, "broker": _broker}
    states = {name: _state(check) for name, check in checks.items()}
    good = all(state == "ok" for state in states.values())
    if replica.configured():
        states["replica"] = _state(_replica)
    return JsonResponse({"status": "ok" if good else "unavailable", **states}, status=200 if good else 503)


def _state(check: Callable[[], bool]) -> str:
    try:
        return "ok" if check() else "missing"
    except Exception:
        return "failed"


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(STANDBY)
        return bool(cursor.fetchone() == (False,))


def _replica() -> bool:
    return replica.state().standby


def _migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _broker() -> bool:
    from partner_portal.celery import app

    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return True


class HealthMiddleware:
    """Answers `/health/*` before host, session, language and database are looked at.

    Orchestrators ask by the address of a machine or pod, with any cookie, and while the database is away.
    """

    VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/health/live": live, "/health/ready": ready}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = self.VIEWS.get(request.path_info)
        return view(request) if view else self.get_response(request)
