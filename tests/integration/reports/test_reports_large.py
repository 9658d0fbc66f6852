"""A large file on a database server of its own: while that server restarts, and beside ten people who browse."""

import http.client
import io
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client as WebClient
from psycopg import sql

from accounts.models import Membership, Partner, User
from accounts.scope import member_scope, memberships_of, partner_scope, user_scope
from partner_portal.lib.rows.datasets import select
from reports.models import Export, State
from reports.services import exports as services
from tests.integration.reports.processes import Worker, answers, copy_database, environment, free_port, send, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]
ROWS = 40_000
DATASET = "changes-new-managed"
RANGE = {"changes_from": "2026-11-01", "changes_to": "2026-11-20"}
DAYS = {"changes_from": "2026-11-02", "changes_to": "2026-11-14"}  # enough to be stopped in the middle
LARGE = services.ExportRequest(
    "large", "xlsx", title="T", columns=("client", "client_id", "on", "cause", "points", "market")
)
PEOPLE = 10
IDLE_SECONDS = 3
PAGES = (
    "/dashboard/", "/tiers/", "/tiers/breakdown/", "/clients/", "/renewals/", "/commissions/", "/exports/", "/reports/",
    "/lists/",
    "/reports/rows/changes-lost-sold/?changes_range=last-12-months",
)  # fmt: skip


@pytest.fixture(scope="module")
def own(django_db_setup, django_db_blocker, tmp_path_factory):
    """A server of this module alone with a copy of the demo data and many entries more; this process uses it meanwhile."""
    from partner_portal.local.postgres import ensure_running, release

    var = Path(settings.PORTAL_VAR).parent / f"large-{os.getpid()}"  # near, since a socket's path must be short
    target = ensure_running(var)
    database = connections["default"].settings_dict
    before = settings.PORTAL_VAR, database["NAME"]
    copy_database(before[1], target)
    with psycopg.connect(host=target.host, port=target.port, user=target.superuser, dbname=target.database) as owner:
        _many_entries(owner)
    with django_db_blocker.unblock():
        connection.close()
        settings.PORTAL_VAR, database["NAME"] = var, target.database
        try:
            yield var
        finally:
            connection.close()
            settings.PORTAL_VAR, database["NAME"] = before
            release(var)
            shutil.rmtree(var, ignore_errors=True)


def _many_entries(owner):
    """Copies of one gain of managed points, with another client and day each."""
    columns = [
        row[0]
        for row in owner.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'ledger_pointentry'"
            " AND column_name NOT IN ('id', 'on', 'client_id')"
        )
    ]
    insert = sql.SQL(
        'INSERT INTO ledger_pointentry ({names}, "on", client_id)'
        " SELECT {names}, date '2026-11-01' + (number % 20)::int, clients[1 + number % array_length(clients, 1)]"
        " FROM (SELECT entry.*, (SELECT array_agg(id) FROM clients_client WHERE partner_id = entry.partner_id) AS clients"
        "   FROM ledger_pointentry AS entry JOIN accounts_partner ON accounts_partner.id = partner_id"
        "   WHERE slug = 'northwind' AND track = 'managed' AND cause = 'earned' AND reverses_id IS NULL LIMIT 1) AS one,"
        " generate_series(1, {rows}) AS number"
    )
    owner.execute(insert.format(names=sql.SQL(", ").join(map(sql.Identifier, columns)), rows=ROWS))
    owner.execute("ANALYZE")


@pytest.fixture
def northwind(own):
    return Partner.objects.get(slug="northwind")


def admin_scope():
    user = User.objects.get(email="admin@northwind.example")
    with user_scope(user):
        [membership] = memberships_of(user)
    membership.user = user
    return member_scope(membership)


def state(partner, export_id):
    connection.close()  # the server may be another one by now
    with partner_scope(partner):
        return Export.objects.get(pk=export_id)


def expected_rows(partner, days):
    scope = admin_scope()
    with partner_scope(partner, scope.user):
        return select(DATASET, scope, days).count


def kept_files(own, partner):
    return [path.name for path in (own / "files" / "exports" / str(partner.pk)).glob("*")]


@pytest.mark.sweep
def test_the_database_server_restarts_while_a_file_is_written(own, northwind, broker):
    from partner_portal.local.postgres import ensure_running, process_of

    surroundings = environment(broker)
    scope = admin_scope()
    with partner_scope(northwind, scope.user):
        selection = select(DATASET, scope, DAYS)
        export = services.request_export(
            scope=scope,
            selection=selection,
            export_request=services.ExportRequest(name="restarted", format="xlsx", title="T"),
        )
    before = kept_files(own, northwind)
    with Worker(surroundings) as worker:
        send(surroundings, (northwind.pk, export.pk))
        wait_for(lambda: 0 < (found := state(northwind, export.pk)).done < found.rows)
        connection.close()
        server = process_of(own / "postgres")
        server.send_signal(signal.SIGINT)
        wait_for(lambda: process_of(own / "postgres") is None)
        wait_for(lambda: b"Retry in" in worker.said())
        ensure_running(own)
        assert process_of(own / "postgres").pid != server.pid
        ready = wait_for(lambda: (found := state(northwind, export.pk)).state == State.READY and found)
    assert (ready.attempts, ready.reason) == (2, "")
    assert ready.rows == ready.done == export.rows == expected_rows(northwind, DAYS) > 0
    assert [name for name in kept_files(own, northwind) if name not in before] == [Path(ready.file.name).name]
    book = openpyxl.load_workbook(own / "files" / ready.file.name, read_only=True)
    assert sum(1 for _row in book.worksheets[0].iter_rows()) == ready.rows + 1


@contextmanager
def live_web(var, broker):
    """The portal as people meet it, with one web process."""
    port = free_port()
    env = environment(broker) | {
        "DJANGO_SETTINGS_MODULE": "tests.browser.live_settings",
        "SECRET_KEY": settings.SECRET_KEY,  # so that sessions made here are known there
        "SITE_URL": f"http://localhost:{port}",
        "WEB_CONCURRENCY": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "partner_portal.wsgi"]
    with (var / "web.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: answers(port))
        yield port
    finally:
        process.terminate()
        process.wait(20)


def ten_people(partner):
    """Cookies of ten managers who are signed in."""
    cookies = []
    for number in range(PEOPLE):
        user = User.objects.create_user(f"reader{number}@northwind.example", "not used here")
        with partner_scope(partner):
            Membership.objects.create(user=user, partner=partner, role="manager")
        client = WebClient()
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        cookies.append(client.cookies[settings.SESSION_COOKIE_NAME].value)
    return cookies


def fetch(port, cookie, path):
    web = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        web.request(
            "GET", path, headers={"Host": f"localhost:{port}", "Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
        )
        answer = web.getresponse()
        answer.read()
        return answer.status
    finally:
        web.close()


def browse(port, cookies, until):
    """Each person opens a page, reads a moment and opens the next, until `until()`: how each answer was, and how long it took."""
    answers = []

    def person(number, cookie):
        choice = random.Random(number)  # noqa: S311 -- the same walk each time
        while not until():
            path = choice.choice(PAGES)
            begin = time.perf_counter()
            try:
                status = fetch(port, cookie, path)
            except OSError as error:
                status = str(error)
            answers.append((path, status, time.perf_counter() - begin))
            time.sleep(choice.uniform(0.2, 0.6))

    threads = [threading.Thread(target=person, args=each) for each in enumerate(cookies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def p95(answers):
    return statistics.quantiles([seconds for _path, _status, seconds in answers], n=20)[-1]


@pytest.mark.sweep
def test_pages_keep_answering_beside_a_large_export(own, northwind, broker, record_property):
    cookies = ten_people(northwind)
    scope = admin_scope()
    with live_web(own, broker) as port, Worker(environment(broker)):
        for path in PAGES:  # code and plans are loaded once
            assert fetch(port, cookies[0], path) == 200
        end = time.monotonic() + IDLE_SECONDS
        idle = browse(port, cookies, lambda: time.monotonic() > end)
        with partner_scope(northwind, scope.user):
            export = services.request_export(scope=scope, selection=select(DATASET, scope, RANGE), export_request=LARGE)
        connection.close()
        send(environment(broker), (northwind.pk, export.pk))
        ended = threading.Event()
        busy = []
        people = threading.Thread(target=lambda: busy.extend(browse(port, cookies, ended.is_set)))
        people.start()
        try:
            ready = wait_for(lambda: (found := state(northwind, export.pk)).state == State.READY and found, 60)
        finally:
            ended.set()
            people.join()
    assert ready.rows == ready.done == expected_rows(northwind, RANGE) > ROWS
    assert {status for _path, status, _seconds in idle + busy} == {200}
    assert len(busy) > PEOPLE
    record_property("p95_idle", p95(idle))
    record_property("p95_busy", p95(busy))
    assert p95(busy) < 4 * p95(idle) + 0.5, f"{p95(idle):.2f} s without the export, {p95(busy):.2f} s beside it"
    book = openpyxl.load_workbook(io.BytesIO((own / "files" / ready.file.name).read_bytes()), read_only=True)
    about = {row[0]: row[1] for row in book["About this export"].iter_rows(min_row=2, max_col=2, values_only=True)}
    assert about["Rows"] == ready.rows
