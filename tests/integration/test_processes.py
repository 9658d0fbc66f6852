"""Web and worker as real processes: what they count together, whose request a task belongs to, and how they stop."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from celery import Celery
from django.conf import settings
from django.db import connections
from django.test import Client as WebClient

from partner_portal.lib import log_context
from partner_portal.local import postgres, valkey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "of-prometheus-0123456789"


def free_port():
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Processes:
    """A web server of two processes and a worker of one, on this worker's database and a queue of their own."""

    def __init__(self, folder, session):
        server, name = postgres.ensure_running(settings.PORTAL_VAR), connections["default"].settings_dict["NAME"]
        self.folder, self.session = folder, session
        self.web_port, self.worker_port = free_port(), free_port()
        self.superuser = {"host": server.host, "user": server.superuser, "dbname": name}
        self.environment = os.environ | {
            "DATABASE_URL": f"postgresql://{server.user}@:{server.port}/{name}?host={server.host}",
            "PORTAL_VAR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "tests.browser.live_settings",
            "SECRET_KEY": settings.SECRET_KEY,
            "WEB_CONCURRENCY": "2",
            "METRICS_TOKEN": TOKEN,
            "WORKER_METRICS": f"127.0.0.1:{self.worker_port}",
            "LOG_FORMAT": "json",
            "TMPDIR": str(folder),
        }
        self.web = self._start("web", "gunicorn", "--bind", f"127.0.0.1:{self.web_port}", "partner_portal.wsgi")
        self.worker = self._start("worker", "celery", "-A", "partner_portal", "worker", "--loglevel", "INFO", "-c", "1")
        self.queue = Celery(broker=f"redis+socket://{valkey.ensure_running(folder / 'var')}", set_as_current=False)

    def _start(self, name, *command):
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def ask(self, port, path, **headers):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as web:
            web.request("GET", path, headers=headers)
            answer = web.getresponse()
            return answer.status, answer.read().decode(), answer.headers

    def page(self, path):
        cookie = f"{settings.SESSION_COOKIE_NAME}={self.session}"
        return self.ask(self.web_port, path, Host="localhost", Cookie=cookie)

    def web_metrics(self):
        status, text, _headers = self.ask(self.web_port, "/metrics", Host="10.0.0.7", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        return text

    @contextmanager
    def locked(self, table):
        """Nobody reads the table meanwhile."""
        with psycopg.connect(**self.superuser) as database:
            database.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    def waiting(self):
        with psycopg.connect(**self.superuser) as database:
            row = database.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return row.fetchone()[0]


def until(condition, log):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, log()
        time.sleep(0.1)


def is_up(ask):
    try:
        return ask()[0] == 200
    except OSError:
        return False


@pytest.fixture
def running(committed):
    from accounts.models import User

    browser = WebClient()
    browser.force_login(User.objects.get(email="admin@northwind.example"), backend=settings.AUTHENTICATION_BACKENDS[0])
    folder = Path(tempfile.mkdtemp(prefix="portal-processes-"))
    folder.chmod(0o711)
    processes = Processes(folder, browser.cookies[settings.SESSION_COOKIE_NAME].value)
    try:
        until(lambda: is_up(lambda: processes.ask(processes.web_port, "/health/live")), lambda: processes.log("web"))
        until(lambda: is_up(lambda: processes.ask(processes.worker_port, "/metrics")), lambda: processes.log("worker"))
        yield processes
    finally:
        for process in (processes.web, processes.worker):
            if process.poll() is None:
                process.kill()
                process.wait(20)
        valkey.release(folder / "var")
        until(lambda: valkey.process_of(folder / "var" / "valkey") is None, lambda: "the queue outlives its users")
        shutil.rmtree(folder)


def value(text, name, **labels):
    """The sum of all samples of that name with these labels."""
    total = 0.0
    for line in re.findall(rf"^{name}(?:{{.*}})? \S+$", text, re.MULTILINE):
        if all(f'{label}="{wanted}"' in line for label, wanted in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def test_counted_together_then_stopped_gracefully(running):
    from accounts.models import Partner, User
    from accounts.scope import member_scope, memberships_of, partner_scope, user_scope
    from partner_portal.lib.rows.datasets import select
    from reports.models import Export
    from reports.services import exports

    # Two processes: what either counted is in every answer.
    statuses = [running.page("/clients/")[0] for _ in range(12)]
    assert statuses == [200] * 12
    text = running.web_metrics()
    assert value(text, "portal_requests_total", route="clients", method="GET", status="200") == 12
    assert value(text, "portal_request_seconds_count", route="clients") == 12
    assert value(text, "portal_request_queries_total", route="clients") > 24
    assert value(text, "portal_unreadable") == 0, text
    assert value(text, "portal_queue_messages", queue="celery") == 0
    assert value(text, "portal_database_connections") >= 1
    assert "portal_ledgers_behind" in text
    assert running.ask(running.web_port, "/metrics")[0] == 401
    assert running.ask(running.web_port, "/metrics", Authorization="Bearer wrong")[0] == 401

    # An export that runs while the worker is told to stop is finished.
    partner = Partner.objects.get(slug="northwind")
    user = User.objects.get(email="admin@northwind.example")
    with user_scope(user):
        membership = next(each for each in memberships_of(user) if each.partner_id == partner.pk)
    membership.user = user
    scope = member_scope(membership)
    with partner_scope(partner, user):
        chosen = select("changes-lost-sold", scope, {"changes_range": "last-12-months"})
        request = exports.ExportRequest(name="a", format="csv", dialect="point")
        export = exports.request_export(scope=scope, selection=chosen, export_request=request)
    with running.locked("clients_client"):
        token = log_context.begin("of-a-request")
        running.queue.send_task("reports.tasks.run_export", [partner.pk, export.pk], queue="celery")
        log_context.end(token)
        until(lambda: running.waiting() == 1, lambda: running.log("worker"))
        command = [sys.executable, "manage.py", "doctor", "--only", "workers"]
        doctor = subprocess.run(command, cwd=ROOT, env=running.environment, capture_output=True, text=True, check=False)
        assert doctor.stdout == "ok       workers: 1 answer\n"
        counted = running.ask(running.worker_port, "/metrics")[1]
        assert value(counted, "portal_tasks_total") == 0
        running.worker.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.worker.poll() is None
    assert running.worker.wait(40) == 0
    with partner_scope(partner):
        assert Export.objects.get(pk=export.pk).state == "ready"
    lines = [json.loads(line) for line in running.log("worker").splitlines() if '"task_id"' in line]
    assert {line.get("request_id") for line in lines} == {"of-a-request"}, running.log("worker")
    assert "succeeded" in lines[-1]["message"]

    # A request under way is answered before the server ends, and its processes with it.
    answers = []
    with running.locked("clients_client"):
        asking = Thread(target=lambda: answers.append(running.page("/clients/")))
        asking.start()
        until(lambda: running.waiting() == 1, lambda: running.log("web"))
        running.web.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.web.poll() is None
    asking.join(40)
    assert running.web.wait(40) == 0
    status, page, headers = answers[0]
    assert (status, "</html>" in page, len(headers["X-Request-ID"])) == (200, True, 32)
    assert [line for line in running.log("web").splitlines() if "level" not in json.loads(line)] == []
    assert not list(running.folder.glob("portal-metrics-*")), "the folder of the counts stays behind"
