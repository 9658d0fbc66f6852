"""`manage.py doctor` finds faults that were really made, and says what to do."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from redis import Redis

from partner_portal.doctor import background, database, installation
from partner_portal.doctor.findings import Level
from partner_portal.local import postgres, valkey
from partner_portal.postgres.role import as_owner

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def owner(django_db_blocker, django_db_setup):
    """The owner's connection to this worker's database, which the checks read outside any transaction."""
    server = postgres.ensure_running(settings.PORTAL_VAR)
    name = connections["default"].settings_dict["NAME"]
    with (
        django_db_blocker.unblock(),
        psycopg.connect(host=server.host, user=server.owner, dbname=name, autocommit=True) as database,
    ):
        yield database
        connection.close()


@contextmanager
def fault(owner, make, mend):
    owner.execute(make)
    try:
        yield
    finally:
        owner.execute(mend)


def levels(check):
    return [finding.level for finding in check()]


def texts(check):
    return " ".join(finding.text for finding in check() if finding.level != Level.OK)


RLS_FAULTS = [
    (
        "ALTER TABLE ledger_pointentry DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE ledger_pointentry ENABLE ROW LEVEL SECURITY",
        "Without row-level security: ledger_pointentry.",
    ),
    (
        "ALTER TABLE clients_client NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE clients_client FORCE ROW LEVEL SECURITY",
        "Without row-level security: clients_client.",
    ),
    (
        "ALTER POLICY tenant ON clients_deal USING (true)",
        "ALTER POLICY tenant ON clients_deal USING"
        " (partner_id = (SELECT nullif(current_setting('portal.partner', true), '')::bigint))",
        "Readable without a partner: clients_deal.",
    ),
    (
        "CREATE TABLE ledger_pointentry_h3 (partner_id bigint); GRANT SELECT ON ledger_pointentry_h3 TO portal_app",
        "DROP TABLE ledger_pointentry_h3",
        "Without row-level security: ledger_pointentry_h3.",
    ),
    (
        "GRANT SELECT ON ledger_pointentry_03 TO portal_app; ALTER TABLE ledger_pointentry_03 NO FORCE ROW LEVEL SECURITY",
        "REVOKE SELECT ON ledger_pointentry_03 FROM portal_app; ALTER TABLE ledger_pointentry_03 FORCE ROW LEVEL SECURITY",
        "Without row-level security: ledger_pointentry_03.",
    ),
    (
        "ALTER TABLE accounts_user DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE accounts_user ENABLE ROW LEVEL SECURITY",
        "Without row-level security: accounts_user.",
    ),
    (
        "ALTER TABLE ledger_pointentry DISABLE TRIGGER refuse_change",
        "ALTER TABLE ledger_pointentry ENABLE TRIGGER refuse_change",
        "No longer append-only: ledger_pointentry.",
    ),
    (
        "GRANT UPDATE ON ledger_pointentry TO portal_app",
        "REVOKE UPDATE ON ledger_pointentry FROM portal_app",
        "No longer append-only: ledger_pointentry.",
    ),
]


def test_a_table_that_is_open_is_named(owner):
    assert levels(database.check_row_level_security) == [Level.OK]
    for make, mend, expected in RLS_FAULTS:
        with fault(owner, make, mend):
            assert texts(database.check_row_level_security) == expected
    assert levels(database.check_row_level_security) == [Level.OK]


def test_a_database_without_tables_has_to_be_migrated(owner, monkeypatch):
    monkeypatch.setattr(connection.introspection, "table_names", lambda: ["django_migrations"])
    [finding] = database.check_row_level_security()
    assert (finding.level, finding.remedy) == (Level.FAILED, database.MIGRATE)


def test_migrations_that_are_missing_or_unknown_are_named(owner):
    assert levels(database.check_migrations) == [Level.OK]
    app, name = owner.execute(
        "SELECT app, name FROM django_migrations WHERE app = 'notices' ORDER BY id DESC"
    ).fetchone()
    with fault(
        owner,
        f"UPDATE django_migrations SET name = '9999_of_tomorrow' WHERE app = '{app}' AND name = '{name}'",  # noqa: S608
        f"UPDATE django_migrations SET name = '{name}' WHERE name = '9999_of_tomorrow'",  # noqa: S608
    ):
        found = texts(database.check_migrations)
    assert (
        found
        == f"1 migrations are missing: {app}.{name}. The database is newer than this code: it has {app}.9999_of_tomorrow."
    )


def test_the_owner_is_too_mighty(owner):
    assert levels(database.check_roles) == levels(database.check_server) == [Level.OK]
    connection.close()
    with as_owner():
        found = texts(database.check_roles)
        connection.close()
    assert "works as portal_owner, not as portal_app" in found
    assert "portal_owner owns" in found


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ""),
        ({"DEBUG": True}, "PORTAL_DEBUG is on"),
        ({"SITE_URL": "https://portal.example.org"}, "ALLOWED_HOSTS does not"),
        ({"ALLOWED_HOSTS": ["*"]}, "takes any host name"),
        ({"SITE_URL": "http://portal.example.org", "ALLOWED_HOSTS": ["portal.example.org"]}, "travel unencrypted"),
        (
            {"SITE_URL": "https://portal.example.org", "ALLOWED_HOSTS": [".example.org"], "HTTPS": True},
            "BEHIND_PROXY is off",
        ),
        ({"REQUESTS_AT_ONCE": 8}, "all 8 threads"),
        ({"SECRET_KEY": "short"}, "security.W009"),
        ({"PORTAL_TODAY": "2026-11-23"}, "today is 2026-11-23"),
    ],
)
def test_settings_that_start_but_do_not_serve(settings, changed, expected, monkeypatch):
    monkeypatch.delenv("WEB_THREADS", raising=False)
    settings.PORTAL_TODAY = ""
    settings.ALLOWED_HOSTS = ["localhost"]
    for name, value in changed.items():
        setattr(settings, name, value)
    found = texts(installation.check_settings)
    assert expected in found
    assert bool(expected) is bool(found)


def test_disk_storage_and_mail(settings, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)
    assert levels(installation.check_disk) == [Level.OK, Level.OK]
    for free, level in ((100 * 1024**2, Level.FAILED), (500 * 1024**2, Level.WARNING)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder, free=free: usage._replace(free=free))
        assert levels(installation.check_disk) == [level, level]

    settings.STATIC_ROOT = tmp_path
    assert "collectstatic" in list(installation.check_storage())[-1].remedy
    (tmp_path / "staticfiles.json").touch()
    (tmp_path / "taken").touch()
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "files"}}
    settings.STORAGES = settings.STORAGES | {"default": storage}
    assert levels(installation.check_storage) == [Level.OK]
    assert list((tmp_path / "files" / "doctor").iterdir()) == []
    storage["OPTIONS"] = {"location": tmp_path / "taken"}  # a file, where a folder should be
    settings.STORAGES = settings.STORAGES | {"default": storage}
    assert levels(installation.check_storage) == [Level.FAILED]

    assert levels(installation.check_mail) == [Level.WARNING]
    settings.EMAIL_HOST_NAME = "127.0.0.1"
    smtp = {"host": "127.0.0.1", "port": 1, "timeout": 1}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": smtp}}
    assert levels(installation.check_mail) == [Level.FAILED]


def test_beat_is_told_by_its_file(settings, tmp_path):
    settings.PORTAL_VAR = tmp_path
    assert levels(background.check_beat) == [Level.WARNING]
    (tmp_path / "beat-schedule").touch()
    assert levels(background.check_beat) == [Level.OK]
    os.utime(tmp_path / "beat-schedule", (time.time() - 3600,) * 2)
    assert "60 minutes ago" in texts(background.check_beat)


@pytest.mark.slow
def test_the_command_on_a_real_queue_without_a_worker_and_with_nothing_to_reach(django_db_setup, django_db_blocker):
    folder = Path(tempfile.mkdtemp(prefix="portal-doctor-"))
    folder.chmod(0o711)
    server, name = postgres.ensure_running(settings.PORTAL_VAR), connections["default"].settings_dict["NAME"]
    environment = os.environ | {
        "PORTAL_VAR": str(folder / "var"),
        "DATABASE_URL": f"postgresql://{server.user}@/{name}?host={server.host}",
    }

    def doctor(*options, **changes):
        command = [sys.executable, "manage.py", "doctor", *options]
        return subprocess.run(command, cwd=ROOT, env=environment | changes, capture_output=True, text=True, check=False)

    try:
        path = valkey.ensure_running(folder / "var")
        waited = {"headers": {"portal_queued_at": time.time() - 7200}}
        with Redis(unix_socket_path=str(path)) as queue:
            queue.lpush("celery", json.dumps(waited))
            queue.lpush("celery", json.dumps({"headers": {}}))
            queue.config_set("maxmemory-policy", "allkeys-lru")
        result = doctor("--json")
        answer = json.loads(result.stdout)
        assert (result.returncode, answer["ok"], result.stderr) == (1, False, "")
        found = {(each["check"], each["level"]): each for each in answer["findings"]}
        assert "celery: 2 waiting, the oldest for 72" in found["queue", "failed"]["text"]
        assert any("maxmemory-policy is allkeys-lru" in each["text"] for each in answer["findings"])
        assert found["workers", "failed"]["remedy"].startswith("Start one: celery -A partner_portal worker")
        for check in ("database", "roles", "row-level security", "migrations", "cache", "clock", "disk"):
            assert (check, "ok") in found, found
            assert (check, "failed") not in found, found
        result = doctor(
            "--only",
            "database",
            "--only",
            "queue",
            DATABASE_URL="postgresql://a@127.0.0.1:1/b",
            REDIS_URL="redis://127.0.0.1:1/0",
        )
        assert result.returncode == 1
        assert result.stdout.count("failed   ") == 2
        assert "the address, name and password in DATABASE_URL" in result.stdout
        assert "REDIS_URL" in result.stdout
    finally:
        valkey.release(folder / "var")
        shutil.rmtree(folder, ignore_errors=True)
