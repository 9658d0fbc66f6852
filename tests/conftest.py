"""The cast and the stage: one database a worker, with the demo partner in it, used as the runtime role.

All workers of a run copy theirs from one template, which the first that needs a database makes; whoever waits for it has
tests without a database to go on with (see `pytest_collection_modifyitems`).

People of Northwind: an admin, a manager, somebody from finance, a member. Of Southwind: its admin. And somebody who
belongs nowhere. The day is that of the demo partner's last expected figures.
"""

import fcntl
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from django.core.signals import request_finished, setting_changed
from django.db import close_old_connections, connection, connections, transaction
from django.http.response import HttpResponseBase
from django.template import Context, Template
from django.test import Client as WebClient
from django.test.utils import setup_databases
from psycopg.pq import TransactionStatus

from partner_portal.celery import app as celery_app
from partner_portal.lib import caching
from partner_portal.postgres.role import as_owner

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "partner-portal-demo"

# How long an example takes, or takes to be thought of, says how busy the machine is. Every run has the same examples; the
# tests of the sweep draw others each time.
hypothesis.settings.register_profile(
    "portal", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("portal")

# What takes longest begins first, so that no worker ends long before the other. The files made to hurt need no database: one
# worker reads them while the other makes the template of all. Then one waits for processes while the other has a browser.
BEGIN_WITH = (
    "browser/test_dashboard_journeys.py",
    "unit/imports/test_hostile_files.py",
    "integration/test_demo_command.py",
    "integration/test_broker.py",
    "browser/test_reports.py",
    "contract/test_accessibility.py",
    "contract/test_fuzz.py",
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Have one worker run a file of unit and integration tests, so that its fixtures and what its pages cache are made once.

    The files of `BEGIN_WITH` come first, then the other groups of tests that stay together, then what stands alone.
    """
    files = {path: path.relative_to(ROOT / "tests") for path in {item.path for item in items}}
    for item in items:
        file = files[item.path]
        if file.parts[0] in {"unit", "integration"} and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(file.as_posix()))
    yield

    def place(item: pytest.Item) -> int:
        file = files[item.path].as_posix()
        if file in BEGIN_WITH:
            return BEGIN_WITH.index(file)
        return len(BEGIN_WITH) + (item.get_closest_marker("xdist_group") is None)

    items.sort(key=place)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The length of a long text instead of megabytes that all workers name a test by."""
    return f"{argname}-of-{len(val)}" if isinstance(val, str | bytes) and len(val) > 200 else None


@pytest.fixture(scope="session", autouse=True)
def plain_settings(django_test_environment: None) -> None:
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
    Template._render = _signals_whole_pages(Template._render)  # type: ignore[attr-defined, method-assign]
    # Requests begin without a scope, as in production, also while the test has set one.
    for name in ("request", "force_login"):
        setattr(WebClient, name, _without_tenant(getattr(WebClient, name)))
    WebClient.request = _remembered(WebClient.request)  # type: ignore[method-assign]
    caching.generation_moved = _or_in_a_test(caching.generation_moved)


def _or_in_a_test(moved: Callable[[], bool]) -> Callable[[], bool]:
    """What the transaction of a test has written is nobody else's: its figures are not stored for other tests."""

    @wraps(moved)
    def moved_or_in_a_test() -> bool:
        blocks = connection.atomic_blocks
        return bool(blocks and getattr(blocks[0], "_from_testcase", False)) or moved()

    return moved_or_in_a_test


def _signals_whole_pages(render: Callable[[Template, Context], str]) -> Callable[[Template, Context], str]:
    """Django's test client copies the context of each template that is rendered. A page includes dozens; here only its own."""

    def rendered(self: Template, context: Context) -> str:
        return render(self, context) if context.template is self else self.nodelist.render(context)

    return rendered


SENT: list[HttpResponseBase] = []


def _remembered(ask: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    @wraps(ask)
    def asked(*args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = ask(*args, **kwargs)
        if answer.streaming:
            SENT.append(answer)
        return answer

    return asked


@pytest.fixture(autouse=True)
def sent_files_are_closed() -> Iterator[None]:
    """As a server does when it has sent them; a test may leave them unread."""
    yield
    if SENT:
        request_finished.disconnect(close_old_connections)
        while SENT:
            SENT.pop().close()
        request_finished.connect(close_old_connections)


@pytest.fixture(scope="module", autouse=True)
def fresh_cache(plain_settings: None) -> None:
    """What earlier tests have stored is of a database that may be gone, under generations and revisions that come again."""
    from program.queries import _rulebook

    caches["default"].clear()
    _rulebook.cache_clear()


def _without_tenant(ask: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(ask)
    def asked(*args: Any, **kwargs: Any) -> Any:
        with no_tenant():
            return ask(*args, **kwargs)

    return asked


@pytest.fixture(scope="session")
def template_database(django_test_environment: None, django_db_blocker: Any, request: Any) -> Iterator[str]:
    """The name of a database with the demo partners that nobody writes to, for all workers of this run."""
    workers = hasattr(request.config, "workerinput")
    # Two runs at once never meet: the process that began the run is part of the name.
    run = f"test_portal_{os.getppid() if workers else os.getpid()}"
    template = f"{run}_template"
    with django_db_blocker.unblock():
        _drop_what_killed_runs_left()
        with _one_at_a_time():
            _keep_the_server_quiet()
            if template not in _test_databases(run):
                _create_template(template)
        yield template
        with _one_at_a_time():
            if _test_databases(run) == [template]:
                _drop_database(template)


def _create_template(name: str) -> None:
    """Migrate as the owner, and load the demo partners as the runtime role."""
    database = connections["default"]
    building = database.settings_dict["TEST"]["NAME"] = f"{name}_building"
    with as_owner():
        setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        _create_operator()
        database.close()
    call_command("load_demo", verbosity=0)
    database.close()
    with _superuser(_server(), building) as server:
        server.execute("ANALYZE")  # no copy of it gets another chance
    with _superuser(_server()) as server:
        server.execute(f'ALTER DATABASE "{building}" RENAME TO "{name}"')  # whole, or not there


@pytest.fixture(scope="session")
def django_db_setup(template_database: str, django_db_blocker: Any, request: Any) -> Iterator[None]:
    """Give this worker a copy of the template, used as the runtime role."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "alone")
    database = connections["default"]
    name = f"{template_database.removesuffix('template')}{worker}"
    with django_db_blocker.unblock():
        _copy_database(template_database, name)
        settings.DATABASES["default"]["NAME"] = database.settings_dict["NAME"] = name
        gc.collect()
        gc.freeze()  # all that is loaded by now stays: the collector need not look at it after every page
        yield
        database.close()
        _drop_database(name)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Workers do here what they do one after the other."""
    with (settings.PORTAL_VAR / "template.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _keep_the_server_quiet() -> None:
    """Nobody tidies up databases that live for minutes, and so their plans are the same from the first test to the last."""
    with _superuser(_server()) as server:
        if server.execute("SHOW autovacuum").fetchone() == ("on",):
            server.execute("ALTER SYSTEM SET autovacuum = off")
            server.execute("SELECT pg_reload_conf()")


def _create_operator() -> None:
    """Only the database's owner may, so that tests, which are the runtime role, find one."""
    from accounts.models import User

    User.objects.create_superuser("operator@portal.example", PASSWORD)


def _drop_what_killed_runs_left() -> None:
    for name in _test_databases("test_portal"):
        if not Path(f"/proc/{name.split('_')[2]}").exists():
            _drop_database(name)


def _test_databases(run: str) -> list[str]:
    with _superuser(_server()) as database:
        names = database.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{run}_"])
        return [name for (name,) in names]


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


@pytest.fixture
def committed(django_db_blocker: Any, django_db_setup: None, template_database: str) -> Iterator[None]:
    """For tests that must commit. Afterwards the database is as it was."""
    with django_db_blocker.unblock():
        yield
        connection.close()
        _copy_database(template_database, connections["default"].settings_dict["NAME"])


@pytest.fixture(scope="module")
def module_rows(django_db_blocker: Any, django_db_setup: None) -> Iterator[None]:
    """For fixtures of a module whose rows take long to make: its tests find them, and take back what each of them writes."""
    rows = transaction.atomic()
    rows._from_testcase = (
        True  # as the transaction of a test, it may hold those that must be the outermost in production
    )
    with django_db_blocker.unblock(), rows:
        yield
        transaction.set_rollback(True)


def _copy_database(source: str, target: str) -> None:
    """Only the superuser may. Whoever is still connected to the target is cut off.

    Copied as files, which takes a tenth of what PostgreSQL's default, page by page through its log, does.
    """
    from psycopg import sql

    server = _server()
    _drop_database(target)
    words = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY")
    with _superuser(server) as database:
        database.execute(words.format(*map(sql.Identifier, (target, source, server.owner))))


def _drop_database(name: str) -> None:
    from psycopg import sql

    with _superuser(_server()) as database:
        database.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _server() -> Any:
    from partner_portal.local.postgres import ensure_running

    return ensure_running(settings.PORTAL_VAR)


def _superuser(server: Any, database: str = "postgres") -> Any:
    import psycopg

    return psycopg.connect(host=server.host, port=server.port, user=server.superuser, dbname=database, autocommit=True)
