"""The portal behind a real PgBouncer that gives every transaction another session (`server_round_robin`)."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.test import Client as WebClient

from partner_portal.lib.db.locks import EXPORT, held_keys, session_lock
from partner_portal.local import postgres

PASSWORD = "partner-portal-demo"
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
SESSIONS = 6
KEY = 2**31 - 1
HOLD = f"""
import django; django.setup()
import sys
from partner_portal.lib.db.locks import EXPORT, session_lock
with session_lock(EXPORT, {KEY}) as side:
    print(side is not None, flush=True)
    sys.stdin.read()
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")]


@pytest.fixture
def pooled(committed, monkeypatch):
    """This worker's database behind PgBouncer; the address of it."""
    server, database = postgres.ensure_running(settings.PORTAL_VAR), connections["default"]
    name = database.settings_dict["NAME"]
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="portal-pgbouncer-"))
    (folder / "users").write_text('"portal_app" ""\n"portal_owner" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"""
        [databases]
        {name} = host={server.host} port={server.port}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = trust
        auth_file = {folder}/users
        pool_mode = transaction
        default_pool_size = {SESSIONS}
        server_round_robin = 1
        query_wait_timeout = 20
    """.replace("        ", "")
    )
    data = (settings.PORTAL_VAR / "postgres" / "data").stat()
    # As the server's user: it refuses to run as root, and must reach the server's socket
    user = {"user": data.st_uid, "group": data.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        for file in (folder, *folder.iterdir()):
            os.chown(file, data.st_uid, data.st_gid)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, folder / "pgbouncer.ini"], **user, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while True:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        database.close()
        monkeypatch.setattr(settings, "PORTAL_EMBEDDED_DATABASE", False)
        for key, value in {"HOST": "127.0.0.1", "PORT": str(port), "USER": "portal_app"}.items():
            monkeypatch.setitem(database.settings_dict, key, value)
        address = f"postgresql://portal_app@127.0.0.1:{port}/{name}"
        use_every_session(address)  # from now on each transaction gets another one
        yield address
        database.close()
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)


def use_every_session(address):
    """Have as many transactions at once as the pool has sessions."""
    with ExitStack() as stack:
        for _ in range(SESSIONS):
            stack.enter_context(psycopg.connect(address)).execute("SELECT 1")


def sessions(question):
    """The answers of every session of the pool."""
    answers = []
    for _ in range(2 * SESSIONS):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_backend_pid(), {question}")
            answers.append(cursor.fetchone())
    assert len({pid for pid, *_rest in answers}) > 1, "every transaction met the same session"
    return [rest for _pid, *rest in answers]


def test_one_signs_in_reads_and_exports_and_leaves_nothing_behind(pooled):
    from accounts.models import Partner, User
    from accounts.scope import member_scope, memberships_of, partner_scope, user_scope
    from partner_portal.lib.rows.datasets import select
    from reports.models import Export
    from reports.services import exports

    client = WebClient()
    for _ in range(3):
        answer = client.post("/accounts/login/", {"login": "finance@northwind.example", "password": PASSWORD})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
        for page in ("/dashboard/", "/clients/", "/commissions/", "/accounts/sessions/"):
            assert client.get(page).status_code == 200, page
        client.post("/accounts/logout/")

    partner = Partner.objects.get(slug="northwind")
    user = User.objects.get(email="admin@northwind.example")
    with user_scope(user):
        membership = memberships_of(user)[0]
    membership.user = user
    scope = member_scope(membership)
    for kind in ("csv", "xlsx"):
        with partner_scope(partner, user):
            chosen = select("changes-lost-sold", scope, {"changes_range": "last-12-months"})
            count = chosen.count
            request = exports.ExportRequest(name="a", format=kind, dialect="point")
            export = exports.request_export(scope=scope, selection=chosen, export_request=request)
        assert exports.run_export(partner_id=partner.pk, export_id=export.pk) == "ready"
        with partner_scope(partner):
            export = Export.objects.get(pk=export.pk)
            assert (export.rows, export.attempts) == (count, 1)
            assert count > 25

    # No session remembers whose rows it showed last, or holds a lock.
    nobody = "coalesce(current_setting('portal.partner', true), ''), coalesce(current_setting('portal.user', true), '')"
    rows = "(SELECT count(*) FROM ledger_pointentry), current_user::text"
    assert {tuple(answer) for answer in sessions(f"{nobody}, {rows}")} == {("", "", 0, "portal_app")}
    assert held_keys(EXPORT) == set()


def test_a_lock_is_held_over_transactions_and_ends_with_its_process(pooled):
    with session_lock(EXPORT, KEY) as side:
        assert side is not None
        assert [held_keys(EXPORT) for _ in range(SESSIONS)] == [{KEY}] * SESSIONS
        for _ in range(SESSIONS - 2):
            with session_lock(EXPORT, KEY) as other:
                assert other is None
    assert held_keys(EXPORT) == set()

    environment = os.environ | {"DATABASE_URL": pooled, "DJANGO_SETTINGS_MODULE": "partner_portal.settings"}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "True\n"
    with session_lock(EXPORT, KEY) as other:
        assert other is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 10
    while held_keys(EXPORT):
        assert time.monotonic() < deadline, "the lock outlives its process"
        time.sleep(0.05)
    with session_lock(EXPORT, KEY) as following:
        assert following is not None


def test_a_login_that_is_not_the_portals_role_is_refused_instead_of_leaking_its_role(pooled, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "USER", "portal_owner")
    with pytest.raises(Exception, match="unsupported startup parameter"), connection.cursor():
        pass
    connection.close()
    # Without a pooler such a login works, as the portal's role.
    server = postgres.ensure_running(settings.PORTAL_VAR)
    for key, value in {"HOST": server.host, "PORT": str(server.port)}.items():
        monkeypatch.setitem(connection.settings_dict, key, value)
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user::text, current_user::text")
        assert cursor.fetchone() == ("portal_owner", "portal_app")
    connection.close()


def test_the_timeouts_of_the_server_do_not_end_a_lock(pooled):
    with psycopg.connect(pooled, autocommit=True) as database:
        name = database.info.dbname
    server = postgres.ensure_running(settings.PORTAL_VAR)
    with psycopg.connect(host=server.host, user=server.superuser, dbname=name, autocommit=True) as superuser:
        superuser.execute(f'ALTER DATABASE "{name}" SET idle_in_transaction_session_timeout = 1000')
        superuser.execute(f'ALTER DATABASE "{name}" SET transaction_timeout = 1200')
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
    connection.close()
    for _attempt in range(50):  # PgBouncer hands out sessions that have ended until it notices
        try:
            use_every_session(pooled)
            break
        except psycopg.Error:
            time.sleep(0.1)
    with session_lock(EXPORT, KEY) as side:
        assert side is not None
        time.sleep(1.6)
        assert held_keys(EXPORT) == {KEY}
