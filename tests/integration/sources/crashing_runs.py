"""Runs of a connection whose process is killed, whose database goes away and whose vendor fails; run by `test_run_faults` in a
process of its own. Each run is a child made by `fork`, so that Django starts once; the account lives in the parent.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

from sources.simulator.faults import Fault
from tests.integration.imports.crashing_worker import in_child, kill_self
from tests.integration.sources import truth
from tests.simulated_hubspot import TOKEN, Hub

MOMENTS = (
    "reading clients", "reading deals", "checking", "withdrawing", "withdrawn", "posted", "before commit", "after commit",
)  # fmt: skip
SOME = ("reading deals", "withdrawn", "before commit", "after commit")
TABLES = (
    "clients_client", "clients_deal", "clients_withdrawal", "ledger_pointentry", "ledger_lot", "imports_importchange",
    "imports_importbatch", "sources_connectedrow", "sources_connection",
)  # fmt: skip
LAX = {"withdrawn_percent": 100, "changed_percent": 100, "points_percent": 100_000}
STEP = 5  # minutes
TROUBLES = (
    "rate_limit", "rate_limit_silent", "bad_gateway", "cut", "html", "slow", "partial", "locked", "migrating", "daily",
    "no_scope", "kill reading", "kill writing", "database", "queue", "token",
)  # fmt: skip
LIGHT = {"rate_limit": 0.2, "rate_limit_silent": 0.1, "bad_gateway": 0.3, "cut": 0.3, "slow": 0.5, "locked": 0.3}


class Stage:
    """A connected partner, its account, and children that act on both."""

    def __init__(self, partner_id: int, folder: str, guards: dict[str, int]) -> None:
        import pandas  # noqa: F401 -- imported once, for all children
        from django.conf import settings
        from django.template.loader import get_template

        import sources.views  # noqa: F401
        from partner_portal.lib.dates import clock
        from sources import run_files
        from sources.simulator.samples import fill
        from sources.source import source_of

        get_template("sources/connection.html")
        self.hub = hub = Hub()
        fill(hub.world, clients=4, deals=40)
        for row in list(hub.world.rows["deals"].values()):
            if row.properties.get("closedate"):
                hub.world.change("deals", row.id, closedate="2026-06-01T10:30:00.000Z")
        hub.time.sleep(7200)
        vars(source_of("hubspot"))["client"] = hub.client
        run_files.run_folder = lambda connection_id: Path(folder) / str(connection_id)
        vars(clock)["datetime"] = type("Moved", (datetime,), {"now": lambda _zone=None: hub.time.now()})
        settings.PORTAL_TODAY = ""
        memory = "django.core.cache.backends.locmem.LocMemCache"
        settings.CACHES = {"default": {"BACKEND": memory}}
        settings.STORAGES = {
            "default": settings.STORAGES["default"] | {"OPTIONS": {"location": f"{folder}/files"}},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        }
        settings.ALLOWED_HOSTS = ["testserver"]
        self.partner_id, self.token, self.guards = partner_id, TOKEN, guards
        self.connection_id = self.child(self.connect)

    def child(self, do: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns in a child; None when that was killed. Raises AssertionError for what it raised."""

        def called() -> str:
            try:
                return json.dumps([do(*arguments), ""])
            except Exception as error:
                return json.dumps([None, f"{type(error).__name__}: {error}"])

        text, killed = in_child(called)
        if killed:
            return None
        answer, error = json.loads(text)
        assert not error, error
        return answer

    @property
    def partner(self) -> Any:
        from accounts.models import Partner

        return Partner.objects.get(pk=self.partner_id)

    @contextmanager
    def scope(self) -> Iterator[Any]:
        from accounts.scope import partner_scope, system_scope

        partner = self.partner
        with partner_scope(partner):
            yield system_scope(partner)

    def connect(self) -> int:
        """Connect the partner and write the first import."""
        from imports.pipeline import silent
        from sources import services
        from sources.runs import run_connection
        from tests.integration.sources.conftest import ANSWERS

        account, schema = services.try_access(self.partner, "hubspot", token=TOKEN, place="")
        with self.scope() as scope:
            pk: int = services.make(
                scope=scope, vendor="hubspot", account=account, schema=schema, token=TOKEN,
                answers=ANSWERS | {"guards": self.guards, "every_minutes": 15},
            ).pk  # fmt: skip
        run = run_connection(partner=self.partner, connection_id=pk, by_itself=False, commit_first=True, step=silent)
        assert run
        assert run.state == "committed", run.why
        return pk

    def run(self, moment: str = "") -> str:
        """One full run, as the worker makes it."""
        from sources import tasks

        if moment:
            _die_at(moment)
        return tasks.sync(self.partner_id, self.connection_id, None, True)

    def state(self) -> list[Any]:
        """A hash of all rows, facts that are not the account's, what is wrong with the ledger, and whether the points are
        those of the reference."""
        from django.db import connection

        from ledger.queries import points_on
        from ledger.verification import discrepancies

        facts = truth.facts(self.hub, self.partner.time_zone)
        rows = hashlib.sha256()
        with self.scope() as scope:
            with connection.cursor() as cursor:
                for table in TABLES:
                    cursor.execute(f"SELECT t::text FROM {table} t WHERE partner_id = %s ORDER BY 1", [self.partner_id])  # noqa: S608
                    rows.update(repr(cursor.fetchall()).encode())
            wrong = truth.differences(truth.stored(self.partner), facts)
            total = points_on(scope, scope.today).total
            right = not wrong and f"{total:.4f}" == str(truth.points(facts, scope.today.isoformat()))
            return [rows.hexdigest(), wrong, list(discrepancies(scope)), right]

    def free_after(self) -> float:
        """Seconds until nobody holds the connection's lock."""
        from partner_portal.lib.db.locks import CONNECTION_RUN, held_keys

        start = time.monotonic()
        while self.connection_id in held_keys(CONNECTION_RUN):
            time.sleep(0.02)
        return time.monotonic() - start

    # A day

    def tick(self, trouble: str, after: int) -> list[str]:
        """What the clock starts in a minute: the states of the runs that it made."""
        from django.db import InterfaceError, OperationalError

        from sources import services, tasks

        claimed = services.claim_due(partner=self.partner)
        if not claimed or trouble == "queue":
            return ["lost"] * len(claimed)
        if trouble == "kill reading":
            self.hub.adapter.send = _dying_after(after % 12, self.hub.adapter.send)
        try:
            with _counted_queries(trouble, after):
                return [tasks.sync_due(self.partner_id, self.connection_id)]
        except (OperationalError, InterfaceError):
            return ["cut off"]

    def told(self) -> list[str]:
        """State of the last run, and what the page says about it; "" when the page does not say it."""
        from django.test import Client

        from accounts.models import User
        from sources import queries
        from sources.models import Connection

        with self.scope() as scope:
            connection = Connection.objects.get()
            run = queries.last_run(scope, connection)
            state, why = run.state, queries.why_text(scope, connection, run)
        if state == "running":
            why = "The run was interrupted."
        web = Client()
        web.force_login(
            User.objects.get(email="admin@eastwind.example"), backend="accounts.backends.ConfirmedAddressBackend"
        )
        page = unescape(web.get(f"/connections/{self.connection_id}/").content.decode())
        return [state, why if why and why in page else ""]

    def renew(self, token: str) -> str:
        """Enter a new token, as an admin does."""
        from accounts.models import User
        from accounts.scope import owner_scope, partner_scope
        from sources import calls
        from sources.call_states import CallKind
        from sources.models import Connection

        user = User.objects.get(email="admin@eastwind.example")
        with partner_scope(self.partner, user):
            call = calls.request_call(
                scope=owner_scope(self.partner, user), kind=CallKind.TOKEN, vendor="hubspot", token=token,
                connection=Connection.objects.get(),
            )  # fmt: skip
        return calls.carry_out(partner=self.partner, call_id=call.pk)


def kills(partner_id: int, folder: str, moments: Sequence[str]) -> None:
    """Kill a run at each of these moments, then make it; print the state after each as a line of JSON."""
    stage = Stage(partner_id, folder, LAX)
    world = stage.hub.world
    first, second, third, fourth, *_rest = list(world.rows["deals"])
    world.change("deals", first, dealname="Renamed")
    world.archive("deals", second)
    world.change("deals", third, dealstage="closedwon", hs_deal_registration_mrr="777.00")
    world.add("deals", dict(world.rows["deals"][fourth].properties))
    added = max(world.rows["deals"])
    world.associate("deals", added, "companies", next(iter(world.rows["companies"])), primary=True)
    stage.hub.time.sleep(7200)
    for moment in ("before", *moments, "again"):
        ended = stage.child(stage.run, moment if moment in moments else "") if moment != "before" else ""
        seconds = stage.child(stage.free_after)
        print(json.dumps([moment, ended, seconds, *stage.child(stage.state)]), flush=True)  # noqa: T201


def day(partner_id: int, folder: str, hours: int, seed: int) -> None:
    """Let so many hours go by with changes and troubles; print what happened as a line of JSON."""
    draw = random.Random(seed)  # noqa: S311 -- made-up changes
    stage = Stage(partner_id, folder, LAX)
    hub = stage.hub
    hub.world.index_lag = 55 * 60
    waiting, until = list(TROUBLES), 0
    draw.shuffle(waiting)
    trouble, events, renewed = "", [], 0
    for minute in range(0, hours * 60, STEP):
        hub.time.sleep(STEP * 60)
        if draw.random() < 0.3:
            truth.change(hub.world, draw)
        if minute >= until:
            if trouble == "token":
                renewed += 1
                hub.world.add_token(stage.token)
                assert stage.child(stage.renew, stage.token) == "done"
            hub.simulator.faults.clear()
            late = hub.time.now().hour >= 20
            waiting = waiting or draw.sample(TROUBLES, len(TROUBLES))
            trouble = next((one for one in waiting if one != "daily" or late), "") if trouble == "" else ""
            if trouble:
                waiting.remove(trouble)
                _make_trouble(stage, trouble)
            until = minute + draw.choice((25, 40) if trouble else (15, 30))
        ran = stage.child(stage.tick, trouble, draw.randrange(1, 120))
        if ran is None or ran:
            ended = "killed" if ran is None else ran[0]
            state, said = stage.child(stage.told) if ended not in ("committed", "nothing new") else (ended, "")
            events.append([minute, trouble, ended, state, said])
    hub.simulator.faults.clear()
    hub.world.add_token(stage.token)
    stage.child(stage.renew, stage.token)
    hub.time.sleep(7200)
    last = stage.child(stage.run)
    print(json.dumps([events, renewed, last, *stage.child(stage.state)[1:]]), flush=True)  # noqa: T201


def _make_trouble(stage: Stage, trouble: str) -> None:
    world = stage.hub.world
    if trouble == "token":
        world.tokens.clear()
        stage.token = f"renewed-token-of-forty-known-characters-{stage.hub.time.passed:.0f}"
    elif trouble not in ("kill reading", "kill writing", "database", "queue"):
        value = {"migrating": "3600", "no_scope": "crm.objects.deals.read"}.get(trouble, "")
        path = "/deals" if trouble in ("no_scope", "partial") else ""
        stage.hub.simulator.faults.append(Fault(trouble, share=LIGHT.get(trouble, 1.0), value=value, path=path))


def _dying_after(calls: int, send: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: Any, **values: Any) -> Any:
        nonlocal calls
        calls -= 1
        if calls < 0:
            kill_self()
        return send(*arguments, **values)

    return counted


@contextmanager
def _counted_queries(trouble: str, after: int) -> Iterator[None]:
    """Die at a query, or have the server end its connections, as a restart does."""
    from django.db import connection

    left = after

    def wrapped(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and trouble == "kill writing":
            kill_self()
        if left == 0 and trouble == "database":
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            execute(f"{others} AND usename = current_user AND pid <> pg_backend_pid()", [], False, context)
            sql, params, many = "SELECT pg_terminate_backend(pg_backend_pid())", [], False
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapped):
        yield


def _die_at(moment: str) -> None:
    import imports.connected
    import imports.pipeline
    from sources.hubspot.source import HubSpotReading

    places: dict[str, tuple[Any, str]] = {
        "reading clients": (HubSpotReading, "_archived"),
        "reading deals": (HubSpotReading, "_matcher"),
        "checking": (imports.connected, "read_sources"),
        "withdrawing": (imports.pipeline, "withdraw_missing"),
        "withdrawn": (imports.pipeline, "post_facts"),
        "posted": (imports.connected, "finish"),
    }
    if moment in places:
        setattr(*places[moment], kill_self)
    else:
        _die_at_commit(moment)


def _die_at_commit(moment: str) -> None:
    """Die before or after the commit of the run's import: the first one after the bookkeeping of both tables."""
    from django.db.backends.base.base import BaseDatabaseWrapper

    from sources import rows

    real_commit, real_note = BaseDatabaseWrapper._commit, rows.note_missing
    noted = 0

    def note(*arguments: Any) -> None:
        nonlocal noted
        real_note(*arguments)
        noted += 1

    def commit(connection: Any) -> None:
        if noted == 2 and moment == "before commit":
            kill_self()
        real_commit(connection)
        if noted == 2:
            kill_self()

    rows.note_missing, BaseDatabaseWrapper._commit = note, commit  # type: ignore[method-assign]
