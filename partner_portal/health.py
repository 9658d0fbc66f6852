"""For a load balancer: whether the process is up, and whether database, migrations and broker are usable."""

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200: the process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when a request can be served; 503 and the name of what is missing otherwise. Says nothing else about the inside."""
    checks = {"database": _database, "migrations": _migrations, "broker": _broker}
    states = {}
    for name, check in checks.items():
        try:
            states[name] = "ok" if check() else "missing"
        except Exception:
            states[name] = "failed"
    good = all(state == "ok" for state in states.values())
    return JsonResponse({"status": "ok" if good else "unavailable", **states}, status=200 if good else 503)


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _broker() -> bool:
    from partner_portal.celery import app

    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return True
