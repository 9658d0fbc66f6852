"""What happens to imports when processes are killed, and when two run at once: real processes on a real database."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from psycopg import sql

from tests.integration.imports.conftest import CLIENTS, DEALS, FACTS
from tests.integration.imports.crashing_worker import MOMENTS, SOME

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow


@pytest.fixture
def server(committed: None) -> Any:
    from django.conf import settings

    from partner_portal.local.postgres import ensure_running

    return ensure_running(settings.PORTAL_VAR)


@pytest.fixture
def database() -> str:
    from django.db import connection

    return str(connection.settings_dict["NAME"])


@pytest.fixture
def superuser(server: Any, database: str) -> Iterator[psycopg.Connection]:
    """A connection that sees everything and can stand in the way."""
    with psycopg.connect(
        host=server.host, port=server.port, user=server.superuser, dbname=database, autocommit=True
    ) as connection:
        yield connection


@pytest.fixture
def partner_id(committed: None) -> int:
    from accounts.models import Partner

    return Partner.objects.create(slug="eastwind", name="Eastwind").pk


@pytest.fixture
def spawn(server: Any, database: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `manage.py` in a process of its own on the test's database; whatever still runs is ended with the test."""
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{server.user}@/{database}?host={server.host}",
        "PYTHONUNBUFFERED": "1",
    }
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        with process:  # which closes its pipe
            process.kill()


def wait_until(true: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def waiting(superuser: psycopg.Connection, kind: str) -> int:
    """How many connections of the portal wait for a lock of the kind: `advisory` or `relation`."""
    superuser.execute("SELECT pg_stat_clear_snapshot()")
    found = superuser.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'portal_app'"
        " AND wait_event_type = 'Lock' AND wait_event = %s",
        [kind],
    ).fetchone()
    return int(found[0]) if found else 0


def count(superuser: psycopg.Connection, table: str, partner_id: int) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE partner_id = %s").format(sql.Identifier(table))
    found = superuser.execute(query, [partner_id]).fetchone()
    return int(found[0]) if found else 0


@contextmanager
def in_the_way(superuser: psycopg.Connection, statement: str) -> Iterator[None]:
    with superuser.transaction():
        superuser.execute(statement)
        yield


@pytest.mark.sweep
def test_a_process_killed_in_the_middle_leaves_nothing_half_written(
    superuser: psycopg.Connection, spawn: Any, files: Any, partner_id: int
) -> None:
    paths = [str(path) for path in files(FACTS)]
    with in_the_way(superuser, "LOCK TABLE ledger_pointentry IN ACCESS EXCLUSIVE MODE"):
        process = spawn("import_data", "eastwind", *paths, "--skip-checks")
        # The facts are written, the ledger is not: the worst moment.
        wait_until(lambda: waiting(superuser, "relation") == 1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    wait_until(lambda: waiting(superuser, "relation") == 0)
    for table in ("clients_client", "clients_deal", "ledger_pointentry", "imports_importbatch", "accounts_auditevent"):
        assert count(superuser, table, partner_id) == 0
    call_command("import_data", "eastwind", *paths, "--skip-checks", verbosity=0)
    assert count(superuser, "clients_deal", partner_id) == 2
    call_command("verify_ledger", "eastwind")


def test_two_imports_at_once_run_one_after_the_other_and_both_are_right(
    superuser: psycopg.Connection, spawn: Any, files: Any, partner_id: int
) -> None:
    from partner_portal.lib.db.locks import PARTNER_FACTS

    won = [DEALS[0] | {"deal_id": f"D{n}", "client_id": "C1"} for n in range(1, 4)]
    first = [str(path) for path in files({"clients": CLIENTS, "deals": won[:2]}, "first")]
    second = [str(path) for path in files({"clients": CLIENTS, "deals": won[1:]}, "second")]
    with in_the_way(superuser, f"SELECT pg_advisory_xact_lock({PARTNER_FACTS}, {partner_id})"):
        processes = [spawn("import_data", "eastwind", *paths, "--skip-checks") for paths in (first, second)]
        wait_until(lambda: waiting(superuser, "advisory") == 2)
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted("1 new row, 0 changed, 1 unchanged" in output for output in outputs) == [False, True]
    assert count(superuser, "clients_deal", partner_id) == 3
    total = superuser.execute(
        "SELECT sum(points) FROM ledger_pointentry WHERE partner_id = %s", [partner_id]
    ).fetchone()
    assert total is not None
    assert total[0] == 150  # three deals of EUR 880: 10 units of 5 points each
    call_command("verify_ledger", "eastwind")


def test_a_worker_killed_at_a_batch_is_seen_and_its_work_can_be_done_again(
    superuser: psycopg.Connection, spawn: Any, files: Any, committed: None, settings: Any
) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.utils import timezone

    from accounts.models import Partner, User
    from accounts.scope import member_scope, memberships_of, partner_scope
    from imports import queries, services
    from imports.models import ImportBatch
    from imports.tasks import process_batch
    from tests.integration.imports.conftest import as_csv

    partner = Partner.objects.get(slug="northwind")
    user = User.objects.get(email="admin@northwind.example")
    newcomer = CLIENTS[0] | {"client_id": "X1"}
    # The worker is another process: it reads the files where the portal keeps them, not where this test does.
    settings.STORAGES = settings.STORAGES | {
        "default": settings.STORAGES["default"] | {"OPTIONS": {"location": settings.PORTAL_VAR / "files"}}
    }
    with partner_scope(partner, user):
        scope = member_scope(memberships_of(user)[0])
        file = SimpleUploadedFile("clients.csv", as_csv("clients", [newcomer]).encode())
        batch = services.upload(scope=scope, files=[file])
    call = f"from imports.tasks import process_batch; process_batch({partner.pk}, {batch.pk})"
    with in_the_way(superuser, "LOCK TABLE clients_client IN ACCESS EXCLUSIVE MODE"):
        process = spawn("shell", "--no-imports", "-c", call)
        wait_until(lambda: waiting(superuser, "relation") == 1)
        assert queries.batches_in_progress() == {batch.pk}
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    wait_until(lambda: queries.batches_in_progress() == set())
    with partner_scope(partner, user):
        row = ImportBatch.objects.get(pk=batch.pk)
        assert (row.status, row.attempts) == ("checking", 1)
        ImportBatch.objects.filter(pk=batch.pk).update(started_at=timezone.now() - timezone.timedelta(minutes=1))
        row.refresh_from_db()
        assert queries.state_of(row, queries.batches_in_progress()).text == "Interrupted"
        services.requeue(scope=scope, batch_id=batch.pk)
    process_batch(partner.pk, batch.pk)
    with partner_scope(partner, user):
        row.refresh_from_db()
        assert (row.status, row.rows, row.errors) == ("checked", 1, 0)
        for each in row.files.all():
            each.file.delete()


@pytest.mark.parametrize("moments", [SOME, pytest.param(MOMENTS, marks=pytest.mark.sweep)], ids=["some", "all"])
def test_a_complete_import_and_its_undo_killed_at_any_moment_leave_all_or_nothing(
    spawn: Any, files: Any, partner_id: int, settings: Any, moments: tuple[str, ...]
) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    from accounts.models import Partner
    from accounts.scope import partner_scope, system_scope
    from imports import import_paths, services
    from tests.integration.imports.conftest import SERVICES, as_csv, with_cell

    settings.STORAGES = settings.STORAGES | {
        "default": settings.STORAGES["default"] | {"OPTIONS": {"location": settings.PORTAL_VAR / "files"}}
    }
    complete = {"deals": with_cell(DEALS, 0, "mrr", "990.00")[:1], "services": SERVICES[:1]}
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        scope = system_scope(partner)
        assert import_paths.import_paths(scope=scope, paths=files(FACTS), skip_bad_rows=False).written
        uploads = [SimpleUploadedFile(f"{kind}.csv", as_csv(kind, rows).encode()) for kind, rows in complete.items()]
        batch = services.upload(scope=scope, files=uploads)
        services.check_batch(scope=scope, batch_id=batch.pk)
        services.choose_complete(scope=scope, batch_id=batch.pk, kinds=complete)
        services.check_batch(scope=scope, batch_id=batch.pk)
        services.request_commit(scope=scope, batch_id=batch.pk, skip_bad_rows=False)
    call = f"from tests.integration.imports.crashing_worker import run; run({partner_id}, {batch.pk}, {moments})"
    process = spawn("shell", "--no-imports", "-c", call)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    reports = [json.loads(line) for line in output.splitlines()]
    states = {}
    for what, moment, status, state, wrong in reports:
        states.setdefault(what, {})[moment] = (status, state)
        assert wrong == [], (what, moment)
    for what in ("written", "undone"):
        nothing, everything = states[what]["before"], states[what]["after commit"]
        assert nothing[0] == "committing"
        assert everything[0] == "committed"
        assert nothing[1] != everything[1]
        for moment in moments:
            assert states[what][moment] == (everything if moment in ("after commit", "again") else nothing), moment
    with partner_scope(partner):
        for row in batch.files.all():
            row.file.delete()
