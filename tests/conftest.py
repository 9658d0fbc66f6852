"""The cast and the stage: one database a worker, with the demo partner in it, used as the runtime role.

People of Northwind: an admin, a manager, somebody from finance, a member. Of Southwind: its admin. And somebody who
belongs nowhere. The day is that of the demo partner's last expected figures.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.signals import setting_changed
from django.db import connection, connections
from django.test import Client as WebClient
from django.test.utils import setup_databases, teardown_databases
from psycopg.pq import TransactionStatus

from partner_portal.celery import app as celery_app
from partner_portal.postgres.role import as_owner

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "partner-portal-demo"


@pytest.fixture(scope="session", autouse=True)
def plain_settings() -> None:
    """Fast passwords, mails in memory, no manifest of static files, no end of requests; everything else as in production."""
    celery_app.conf.broker_url = "memory://"  # what a test sends from its own process goes nowhere
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    # Room enough that no counter of a rate limit is thrown out for a figure.
    memory = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": memory, "OPTIONS": {"MAX_ENTRIES": 100_000}}}
    setting_changed.send(sender=type(settings), setting="CACHES", value=settings.CACHES, enter=True)
    settings.API_REQUESTS_A_MINUTE = 1_000_000  # requests are counted across tests
    # Requests begin without a scope, as in production, also while the test has set one.
    for name in ("request", "force_login"):
        setattr(WebClient, name, _without_tenant(getattr(WebClient, name)))


def _without_tenant(ask: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(ask)
    def asked(*args: Any, **kwargs: Any) -> Any:
        with no_tenant():
            return ask(*args, **kwargs)

    return asked


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any, request: Any) -> Iterator[None]:
    """Migrate as the owner, load the demo partners as the runtime role, and stay the runtime role."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "alone")
    database = connections["default"]
    # Two runs at once never meet: the process is part of the name.
    database.settings_dict["TEST"]["NAME"] = f"test_portal_{os.getpid()}_{worker}"
    with django_db_blocker.unblock():
        _drop_what_killed_runs_left()
        with as_owner():
            state = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
            _create_operator()
            database.close()
        call_command("load_demo", verbosity=0)
        database.close()
        yield
        database.close()
        with as_owner():
            teardown_databases(state, verbosity=0)


def _create_operator() -> None:
    """Only the database's owner may, so that tests, which are the runtime role, find one."""
    from accounts.models import User

    User.objects.create_superuser("operator@portal.example", PASSWORD)


def _drop_what_killed_runs_left() -> None:
    with _superuser(_server()) as database:
        names = database.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test_portal_%'").fetchall()
    for (name,) in names:
        if not Path(f"/proc/{name.split('_')[2]}").exists():
            _drop_database(name)


@contextmanager
def no_tenant() -> Iterator[None]:
    """As on a connection that was just opened: no scope is set. What the test had set holds again afterwards.

    Past Django's connection, so that a test that counts queries does not count these.
    """
    database = connection.connection
    if database is None or database.closed or not connection.in_atomic_block:
        yield
        return
    names = "set_config('portal.partner', %s, true), set_config('portal.user', %s, true)"
    before = database.execute(
        "SELECT current_setting('portal.partner', true), current_setting('portal.user', true)"
    ).fetchone()
    database.execute(f"SELECT {names}", ["", ""])
    try:
        yield
    finally:
        if any(before) and not database.closed and database.info.transaction_status == TransactionStatus.INTRANS:
            database.execute(f"SELECT {names}", [each or "" for each in before])


@pytest.fixture
def partner(db: None) -> Any:
    """Northwind, the demo partner."""
    from accounts.models import Partner

    return Partner.objects.get(slug="northwind")


@pytest.fixture
def other_partner(db: None) -> Any:
    """Southwind, somebody else's."""
    from accounts.models import Partner

    return Partner.objects.get(slug="southwind")


@pytest.fixture
def person(db: None) -> Callable[[str], Any]:
    """A demo user by the part of the address before the @; `admin`, `manager`, `finance`, `member`, `outsider`, `operator`,
    `nobody`."""
    from accounts.models import User

    elsewhere = {"outsider": "admin@southwind.example", "operator": "operator@portal.example"}

    def find(name: str) -> Any:
        with no_tenant():
            if name == "nobody":
                return User.objects.get_or_create(email="nobody@nowhere.example")[0]
            return User.objects.get(email=elsewhere.get(name, f"{name}@northwind.example"))

    return find


@pytest.fixture
def scope_of(person: Callable[[str], Any]) -> Iterator[Callable[[str], Any]]:
    """The scope of a demo user; the database shows what that user may see until the test ends."""
    from accounts.scope import member_scope, memberships_of, set_tenant, user_scope

    def scope(name: str) -> Any:
        user = person(name)
        with user_scope(user):
            membership = memberships_of(user)[0]
        membership.user = user
        set_tenant(membership.partner_id, user.pk)
        return member_scope(membership)

    return scope


@pytest.fixture
def scope(scope_of: Callable[[str], Any]) -> Any:
    """Northwind's admin."""
    return scope_of("admin")


@pytest.fixture
def web(person: Callable[[str], Any]) -> Callable[..., WebClient]:
    """A browser without a screen, signed in as a demo user (None: not signed in)."""

    def sign_in(name: str | None = "admin") -> WebClient:
        client = WebClient()
        if name is not None:
            client.force_login(person(name), backend=settings.AUTHENTICATION_BACKENDS[0])
        return client

    return sign_in


@pytest.fixture(scope="session")
def demo_database(django_db_blocker: Any, django_db_setup: None) -> Iterator[Callable[[], None]]:
    """A copy of the database as the session began with it. Calling it puts the tests' database back to that."""
    name = connections["default"].settings_dict["NAME"]
    kept = f"{name}_kept"
    with django_db_blocker.unblock():
        connection.close()
        _copy_database(name, kept)

        def put_back() -> None:
            connection.close()
            _copy_database(kept, name)

        yield put_back
        _drop_database(kept)


@pytest.fixture
def committed(django_db_blocker: Any, demo_database: Callable[[], None]) -> Iterator[None]:
    """For tests that must commit. Afterwards the database is as it was."""
    with django_db_blocker.unblock():
        yield
        demo_database()


def _copy_database(source: str, target: str) -> None:
    """Only the superuser may. Whoever is still connected to the target is cut off."""
    from psycopg import sql

    server = _server()
    _drop_database(target)
    words = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
    with _superuser(server) as database:
        database.execute(words.format(*map(sql.Identifier, (target, source, server.owner))))


def _drop_database(name: str) -> None:
    from psycopg import sql

    with _superuser(_server()) as database:
        database.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _server() -> Any:
    from partner_portal.local.postgres import ensure_running

    return ensure_running(settings.PORTAL_VAR)


def _superuser(server: Any) -> Any:
    import psycopg

    return psycopg.connect(
        host=server.host, port=server.port, user=server.superuser, dbname="postgres", autocommit=True
    )
