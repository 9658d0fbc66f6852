"""Files made by real workers over a real broker: killed, doubled, lost, and finished once."""

import os
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.db import connections

from accounts.models import Partner, User
from accounts.scope import member_scope, memberships_of, partner_scope, user_scope
from notices.models import Notice
from partner_portal.lib.rows.datasets import select
from reports.models import Export, State
from reports.services import exports as services
from tests.integration.reports import processes
from tests.integration.reports.processes import Worker, environment, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]
LOST = "changes-lost-sold"
NORTHWINDS = count(1)


@pytest.fixture
def northwind(committed):
    """The demo partner. Its exports have numbers that no other test gives: all share one folder of files."""
    with as_superuser() as database:
        number = os.getpid() * 10_000 + 100 * next(NORTHWINDS)
        database.execute("SELECT setval(pg_get_serial_sequence('reports_export', 'id'), %s)", [number])
    return Partner.objects.get(slug="northwind")


def as_superuser():
    from partner_portal.local.postgres import ensure_running

    address = ensure_running(settings.PORTAL_VAR)
    name = connections["default"].settings_dict["NAME"]
    return psycopg.connect(host=address.host, port=address.port, user=address.superuser, dbname=name)


def files_of(partner, *exports):
    folder = Path(settings.PORTAL_VAR) / "files" / "exports" / str(partner.pk)
    return {path.name for export in exports for path in folder.glob(f"{export.pk}-*")}


def queue(partner, name="file", rows_format="csv"):
    """An export that waits for a worker, as a committed row."""
    user = User.objects.get(email="admin@northwind.example")
    with user_scope(user):
        membership = memberships_of(user)[0]
    membership.user = user
    with partner_scope(partner, user):
        scope = member_scope(membership)
        selection = select(LOST, scope, {"changes_range": "last-12-months"})
        export_request = services.ExportRequest(name=name, format=rows_format, title="T")
        return services.request_export(scope=scope, selection=selection, export_request=export_request)


def state(partner, export):
    with partner_scope(partner):
        return Export.objects.get(pk=export.pk)


def worker_of(broker):
    return Worker(environment(broker))


def send(broker, partner, *exports):
    """What `enqueue_export` does, from a process that knows the broker."""
    processes.send(environment(broker), *((partner.pk, export.pk) for export in exports))


@contextmanager
def rows_held():
    """While inside, whoever reads the ledger's entries waits. Gives the superuser's connection."""
    with as_superuser() as owner:
        owner.execute("LOCK TABLE ledger_pointentry IN ACCESS EXCLUSIVE MODE")
        yield owner
        owner.rollback()


@pytest.mark.sweep
def test_the_broker_killed_and_started_again_loses_nothing(northwind, broker):
    """One file is being made and two wait behind it when the broker is killed; each of the three is made once.

    The one in the making is given up with the connection, and taken up again at the next knock of the clock.
    """
    first, *waiting = (queue(northwind, name) for name in ("one", "two", "three"))
    with worker_of(broker):
        with rows_held():
            send(broker, northwind, first, *waiting)
            wait_for(lambda: state(northwind, first).state == State.RUNNING)
            broker.kill()
            assert [state(northwind, export).state for export in waiting] == [State.QUEUED, State.QUEUED]
            broker.start()
        wait_for(lambda: all(state(northwind, export).state == State.READY for export in waiting), 60)
        processes.knock(environment(broker))
        ready = [
            wait_for(lambda export=export: (found := state(northwind, export)).state == State.READY and found, 60)
            for export in (first, *waiting)
        ]
    assert files_of(northwind, *ready) == {Path(each.file.name).name for each in ready}
    assert all(each.done == each.rows > 0 for each in ready)


@pytest.mark.sweep
def test_a_killed_worker_leaves_no_half_file_and_another_takes_it_up(northwind, broker):
    export = queue(northwind)
    with rows_held(), worker_of(broker) as worker:
        send(broker, northwind, export)
        wait_for(lambda: state(northwind, export).state == State.RUNNING)
        assert services.requeue_lost(partner=northwind) == []  # somebody alive has it
        worker.kill()
    assert not state(northwind, export).file
    assert wait_for(lambda: services.requeue_lost(partner=northwind)) == [export.pk]
    send(broker, northwind, export)
    with worker_of(broker):
        ready = wait_for(lambda: (found := state(northwind, export)).state == State.READY and found)
    assert ready.attempts == 2
    assert ready.done == ready.rows > 0
    assert services.requeue_lost(partner=northwind) == []


def _waiters_dropped(owner):
    """How many connections that waited for a lock were ended just now: an export says that it runs before it asks for rows."""
    owner.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees the same activity for ever
    return owner.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    ).fetchone()[0]


def test_a_worker_makes_a_file_once_tries_again_when_the_database_drops_it_and_leaves_a_cancelled_one(
    northwind, broker
):
    doubled, dropped, cancelled = (queue(northwind, name) for name in ("doubled", "dropped", "cancelled"))
    with worker_of(broker) as worker:
        send(broker, northwind, doubled, doubled)  # the same message twice is one file
        ready = wait_for(lambda: (found := state(northwind, doubled)).state == State.READY and found)
        wait_for(lambda: worker.said().count(b"succeeded") == 2)
        assert ready.attempts == 1
        with storages["default"].open(ready.file.name) as file:
            lines = file.read().split(b"\r\n")
        assert len(lines) == ready.rows + 2
        assert files_of(northwind, doubled) == {Path(ready.file.name).name}

        with rows_held() as owner:
            send(broker, northwind, dropped)
            wait_for(lambda: state(northwind, dropped).state == State.RUNNING)
            assert wait_for(lambda: _waiters_dropped(owner)) == 1
        ready = wait_for(lambda: (found := state(northwind, dropped)).state == State.READY and found)
        assert ready.attempts == 2

        done = worker.said().count(b"succeeded")
        with rows_held():
            send(broker, northwind, cancelled)
            wait_for(lambda: state(northwind, cancelled).state == State.RUNNING)
            with partner_scope(northwind):
                Export.objects.filter(pk=cancelled.pk).update(state=State.CANCELLED)
        wait_for(lambda: worker.said().count(b"succeeded") == done + 1)
    found = state(northwind, cancelled)
    assert (found.state, found.file.name) == (State.CANCELLED, "")


def test_three_dead_workers_are_a_visible_failure(northwind):
    export = queue(northwind)
    with partner_scope(northwind):
        Export.objects.filter(pk=export.pk).update(state=State.RUNNING, attempts=3)
    assert services.requeue_lost(partner=northwind) == []
    found = state(northwind, export)
    assert (found.state, found.reason) == (
        State.FAILED,
        "It was interrupted three times. Nothing was saved; run it again.",
    )
    with partner_scope(northwind):
        [notice] = Notice.objects.filter(kind="file_failed")
    assert (notice.user_id, notice.values["rows"][0]["reason"]) == (export.owner_id, found.reason)


@pytest.mark.parametrize("rows_format", ["csv", "xlsx"])
def test_a_full_disk_fails_in_words_and_keeps_nothing(northwind, monkeypatch, tmp_path, rows_format):
    """The file that is written to is a device that is always full."""

    @contextmanager
    def full():
        (tmp_path / f"export.{rows_format}").symlink_to("/dev/full")
        yield tmp_path

    monkeypatch.setattr(services, "_temporary_folder", full)
    export = queue(northwind, rows_format=rows_format)
    assert services.run_export(partner_id=northwind.pk, export_id=export.pk) == State.FAILED
    found = state(northwind, export)
    assert (found.state, found.file.name) == (State.FAILED, "")
    assert found.reason.startswith("The disk of the portal is full. Nothing was saved")
