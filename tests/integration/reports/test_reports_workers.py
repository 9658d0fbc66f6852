"""Files made by real workers over a real Redis and over the file broker: killed, doubled, lost, and finished once."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.db import connections

from accounts.models import Partner, User
from accounts.scope import acting_as, member_scope, memberships_of, within
from partner_portal.lib.datasets import select
from reports.models import Export, State
from reports.services import exports as services

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]
LOST = "changes-lost-sold"


def wait_for(condition, seconds=40.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it never happened")


@pytest.fixture
def northwind(committed):
    return Partner.objects.get(slug="northwind")


def queue(partner, name="file", rows_format="csv"):
    """An export that waits for a worker, as a committed row."""
    user = User.objects.get(email="admin@northwind.example")
    with acting_as(user):
        membership = memberships_of(user)[0]
    membership.user = user
    with within(partner, user):
        scope = member_scope(membership)
        selection = select(LOST, scope, {"changes_range": "last-12-months"})
        wish = services.Wish(name=name, format=rows_format, title="T")
        return services.request_export(scope=scope, selection=selection, wish=wish)


def state(partner, export):
    with within(partner):
        return Export.objects.get(pk=export.pk)


@pytest.fixture(params=["redis", "files"])
def broker(request, tmp_path):
    """A Redis of this test alone, or the folder of the file broker."""
    if request.param == "files":
        yield {"REDIS_URL": "", "BROKER_FOLDER": str(tmp_path / "broker")}
        return
    server = shutil.which("redis-server")
    assert server, "make test installs redis-server"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--appendonly", "yes"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for(lambda: _answers(port))
    yield {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "command": command, "running": running, "port": port}
    running.terminate()
    running.wait(10)


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environment(broker):
    """Where a process outside of this one finds this test's database, files and broker."""
    from partner_portal.embedded import ensure_running

    address = ensure_running(settings.PORTAL_VAR)
    name = connections["default"].settings_dict["NAME"]
    return os.environ | {
        "DATABASE_URL": f"postgresql://{address.user}@/{name}?host={address.host}&port={address.port}",
        "PORTAL_VAR": str(settings.PORTAL_VAR),
        "REDIS_URL": broker["REDIS_URL"],
        "BROKER_FOLDER": broker.get("BROKER_FOLDER", ""),
    }


class Worker:
    """A real worker process."""

    def __init__(self, broker):
        self.broker = broker

    def __enter__(self):
        self.log = Path(settings.PORTAL_VAR) / f"worker-{uuid4().hex}.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "partner_portal", "worker", "-c", "1", "-l", "INFO", "--without-gossip"],
            env=environment(self.broker), stdout=self.log.open("wb"), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        wait_for(lambda: b" ready." in self.log.read_bytes())
        return self

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def __exit__(self, *_error):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


def send(broker, partner, *exports):
    """What `start_later` does, from a process that knows the broker."""
    calls = "; ".join(f"run_export.delay({partner.pk}, {export.pk})" for export in exports)
    code = f"import django; django.setup(); import partner_portal.celery; from reports.tasks import run_export; {calls}"
    env = environment(broker) | {"DJANGO_SETTINGS_MODULE": "partner_portal.settings"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def test_a_worker_makes_the_file_and_the_same_message_twice_is_one_file(northwind, broker):
    folder = Path(settings.PORTAL_VAR) / "files" / "exports" / str(northwind.pk)
    before = set(folder.glob("*"))
    export = queue(northwind)
    send(broker, northwind, export, export)
    with Worker(broker) as worker:
        ready = wait_for(lambda: (found := state(northwind, export)).state == State.READY and found)
        wait_for(lambda: worker.log.read_bytes().count(b"succeeded") == 2)
    assert ready.attempts == 1
    with storages["default"].open(ready.file.name) as file:
        lines = file.read().split(b"\r\n")
    assert len(lines) == ready.rows + 2
    assert [path.name for path in set(folder.glob("*")) - before] == [Path(ready.file.name).name]


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
def test_redis_restarted_loses_nothing(northwind, broker):
    first, second = queue(northwind, "one"), queue(northwind, "two")
    send(broker, northwind, first)
    with Worker(broker):
        wait_for(lambda: state(northwind, first).state == State.READY)
        send(broker, northwind, second)
        broker["running"].terminate()
        broker["running"].wait(10)
        broker["running"] = subprocess.Popen(broker["command"], stdout=subprocess.DEVNULL)
        wait_for(lambda: state(northwind, second).state == State.READY, 60)
    broker["running"].terminate()


@contextmanager
def rows_held():
    """While inside, whoever reads the ledger's entries waits. Gives the superuser's connection."""
    from partner_portal.embedded import ensure_running

    address = ensure_running(settings.PORTAL_VAR)
    name = connections["default"].settings_dict["NAME"]
    with psycopg.connect(host=address.host, port=address.port, user=address.superuser, dbname=name) as owner:
        owner.execute("LOCK TABLE ledger_pointentry IN ACCESS EXCLUSIVE MODE")
        yield owner
        owner.rollback()


def test_a_killed_worker_leaves_no_half_file_and_another_takes_it_up(northwind, broker):
    export = queue(northwind)
    with rows_held(), Worker(broker) as worker:
        send(broker, northwind, export)
        wait_for(lambda: state(northwind, export).state == State.RUNNING)
        assert services.take_up_lost(partner=northwind) == []  # somebody alive has it
        worker.kill()
    assert not state(northwind, export).file
    assert wait_for(lambda: services.take_up_lost(partner=northwind)) == [export.pk]
    send(broker, northwind, export)
    with Worker(broker):
        ready = wait_for(lambda: (found := state(northwind, export)).state == State.READY and found)
    assert ready.attempts == 2
    assert ready.done == ready.rows > 0
    assert services.take_up_lost(partner=northwind) == []


@pytest.mark.parametrize("broker", ["files"], indirect=True)
def test_a_database_that_drops_the_connection_is_tried_again(northwind, broker):
    export = queue(northwind)
    with Worker(broker):
        with rows_held() as owner:
            send(broker, northwind, export)
            wait_for(lambda: state(northwind, export).state == State.RUNNING)
            dropped = owner.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchone()
            assert dropped == (1,)
        ready = wait_for(lambda: (found := state(northwind, export)).state == State.READY and found)
    assert ready.attempts == 2


@pytest.mark.parametrize("broker", ["files"], indirect=True)
def test_a_cancelled_export_stays_cancelled(northwind, broker):
    export = queue(northwind)
    with Worker(broker) as worker:
        with rows_held():
            send(broker, northwind, export)
            wait_for(lambda: state(northwind, export).state == State.RUNNING)
            with within(northwind):
                Export.objects.filter(pk=export.pk).update(state=State.CANCELLED)
        wait_for(lambda: b"succeeded" in worker.log.read_bytes())
    found = state(northwind, export)
    assert (found.state, found.file.name) == (State.CANCELLED, "")


def test_three_dead_workers_are_a_visible_failure(northwind):
    export = queue(northwind)
    with within(northwind):
        Export.objects.filter(pk=export.pk).update(state=State.RUNNING, attempts=3)
    assert services.take_up_lost(partner=northwind) == []
    found = state(northwind, export)
    assert (found.state, found.reason) == (
        State.FAILED,
        "Its worker stopped three times. Nothing was kept; run it again.",
    )


@pytest.mark.parametrize("rows_format", ["csv", "xlsx"])
def test_a_full_disk_fails_in_words_and_keeps_nothing(northwind, monkeypatch, tmp_path, rows_format):
    """The file that is written to is a device that is always full."""

    @contextmanager
    def full():
        (tmp_path / f"export.{rows_format}").symlink_to("/dev/full")
        yield tmp_path

    monkeypatch.setattr(services, "_work_folder", full)
    export = queue(northwind, rows_format=rows_format)
    assert services.run_export(partner_id=northwind.pk, export_id=export.pk) == State.FAILED
    found = state(northwind, export)
    assert (found.state, found.file.name) == (State.FAILED, "")
    assert found.reason.startswith("The disk of the portal is full. Nothing was kept")
