"""A day of a live connection with everything that goes wrong: real worker, queue and database, all of them killed at times.

The clock is simulated (`bench.simulated_clock`), and what beat sends every minute is sent every five. The vendor's faults
come from the simulator. In the end the facts have to be those of the account, and every failure has to have been on the page.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from html import unescape
from typing import Any

from bench.measurement import Measurement
from bench.place import ROOT, Place
from bench.simulated_clock import VARIABLE, SimulatedClock, install

SEEDS = (2, 3)
HOURS, STEP = 24, 5  # hours of the day, minutes of a step
STRUCK = ("worker", "database", "queue")  # what is killed, with kill -9
FAULTS = {
    "rate_limit": 0.2, "rate_limit_silent": 0.1, "bad_gateway": 0.3, "cut": 0.3, "slow": 0.3, "locked": 0.3, "html": 1.0,
    "partial": 1.0, "migrating": 1.0, "daily": 1.0, "no_scope": 1.0,
}  # fmt: skip
VALUES = {"migrating": "3600", "no_scope": "crm.objects.deals.read", "slow": "0.2"}
PATHS = {"no_scope": "/deals", "partial": "/deals"}
LAX = {"withdrawn_percent": 100, "changed_percent": 100, "points_percent": 100_000}
IDLE_SECONDS = 40.0  # a task that waits longer for its next try is left behind, as by a portal that is down
GOOD = ("committed", "nothing new")


def measure(place: Place, say: Callable[[str], None], *, quick: bool) -> Iterator[Measurement]:
    """Live through a day for each seed."""
    for seed in (1,) if quick else SEEDS:
        command = [sys.executable, "-m", "bench.live_day", str(place.var), str(seed), str(2 if quick else HOURS)]
        process = subprocess.run(
            command, cwd=ROOT, env=place.environment, stdout=subprocess.PIPE, text=True, check=True
        )
        result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
        say(f"  live-day, seed {seed}: {result['runs']}, {result['struck']} killed")
        what, runs = f"{2 if quick else HOURS} hours, seed {seed}", sum(result["runs"].values())
        struck = ", ".join(f"{name} {count}" for name, count in result["struck"].items())
        yield Measurement("live-day", f"{what}: runs", runs, "", note=f"{runs - result['good']} did not end well")
        yield Measurement("live-day", f"{what}: kill -9", sum(result["struck"].values()), "", note=struck)
        yield Measurement("live-day", f"{what}: new tokens", result["renewed"], "")
        yield Measurement("live-day", f"{what}: rows that differ from the account", result["differ"], "", 1)
        yield Measurement("live-day", f"{what}: faults of the ledger", result["ledger"], "", 1)
        yield Measurement("live-day", f"{what}: points off the reference", result["points"], "", 0.01)
        yield Measurement("live-day", f"{what}: files with a token", len(result["leaks"]), "", 1,
                          note=", ".join(result["leaks"]) or result["searched"])  # fmt: skip
        yield Measurement("live-day", f"{what}: failures without a word", len(result["untold"]), "", 1,
                          note=str(result["untold"])[:200] if result["untold"] else "")  # fmt: skip


class Day:
    """A connected partner, its account, and the processes that serve it."""

    def __init__(self, place: Place, seed: int) -> None:
        from tests.simulated_hubspot import TOKEN

        self.place, self.draw, self.token = place, random.Random(seed), TOKEN
        self.clock = SimulatedClock(place.var / "clock")
        self.struck: Counter[str] = Counter()
        self.runs: Counter[str] = Counter()
        self.untold: list[tuple[float, str, str]] = []
        self.tokens = [TOKEN]
        self.renewed = self._last_run = 0

    def live(self, hours: int) -> dict[str, Any]:
        """Let the hours go by. What happened, and what is left of it."""
        from sources.simulator.api import Simulator
        from sources.simulator.samples import fill
        from sources.simulator.server import served
        from sources.simulator.world import World

        self.world = World(self.clock.now)
        self.world.add_token(self.token)
        fill(self.world, clients=4, deals=40)
        for row in list(self.world.rows["deals"].values()):
            if row.properties.get("closedate"):  # recent enough to count
                self.world.change("deals", row.id, closedate="2026-06-01T10:30:00.000Z")
        self.clock.sleep(7200)
        self.simulator = Simulator(self.world)
        with served(self.simulator) as address:
            os.environ.update(self._environment(address))
            import django

            django.setup()
            install()
            self._connect()
            with self._worker():
                self._steps(hours)
                return self._end()

    def _environment(self, address: str) -> dict[str, str]:
        return self.place.environment | {
            "HUBSPOT_API_BASE": address,
            "CREDENTIALS_KEYS": "k" * 40,
            VARIABLE: str(self.place.var / "clock"),
            "PORTAL_TODAY": "",
            "ALLOWED_HOSTS": "testserver",
            "LOG_LEVEL": "CRITICAL",
        }

    @contextmanager
    def _worker(self) -> Iterator[None]:
        self._start_worker()
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _start_worker(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "bench.live_worker", "worker", "--concurrency", "1"]
        command += ["--loglevel", "CRITICAL", "--without-gossip", "--without-mingle"]
        log = (self.place.var / "worker.log").open("ab")
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        log.close()

    def _connect(self) -> None:
        from accounts.models import Partner, User
        from accounts.scope import partner_scope, system_scope
        from imports.pipeline import silent
        from sources import services
        from sources.runs import run_connection
        from tests.integration.sources.conftest import ANSWERS

        self.partner = Partner.objects.get(slug="live")
        self.user = User.objects.get(email="live@bench.example")
        account, schema = services.try_access(self.partner, "hubspot", token=self.token, place="")
        answers = ANSWERS | {"guards": LAX, "every_minutes": 15}
        with partner_scope(self.partner):
            self.connection_id = services.make(
                scope=system_scope(self.partner), vendor="hubspot", account=account, schema=schema, token=self.token,
                answers=answers,
            ).pk  # fmt: skip
        run = run_connection(
            partner=self.partner, connection_id=self.connection_id, by_itself=False, commit_first=True, step=silent
        )
        assert run
        assert run.state == "committed", run.why
        self._last_run = run.pk

    def _steps(self, hours: int) -> None:
        from tests.integration.sources.truth import change

        self.world.index_lag = 55 * 60
        waiting: list[str] = []
        trouble, until = "", 15
        for minute in range(0, hours * 60, STEP):
            self.clock.sleep(STEP * 60)
            if self.draw.random() < 0.3:
                change(self.world, self.draw)
            if minute >= until:
                self._mend(trouble)
                names = [*FAULTS, *STRUCK, *STRUCK, "token"]
                waiting = waiting or self.draw.sample(names, len(names))
                late = self.clock.now().hour >= 20  # the quota comes back at midnight
                trouble = "" if trouble else next((one for one in waiting if one != "daily" or late), "")
                if trouble:
                    waiting.remove(trouble)
                    self._break(trouble)
                until = minute + self.draw.choice((25, 40) if trouble else (15, 30))
            self._tick(trouble)

    def _break(self, trouble: str) -> None:
        from sources.simulator.faults import Fault

        if trouble == "token":
            self.world.tokens.clear()
            self.token = f"renewed-token-of-forty-known-characters-{self.clock.monotonic():.0f}"
            self.tokens.append(self.token)
        elif trouble in FAULTS:
            self.simulator.faults.append(
                Fault(trouble, share=FAULTS[trouble], value=VALUES.get(trouble, ""), path=PATHS.get(trouble, ""))
            )

    def _mend(self, trouble: str) -> None:
        self.simulator.faults.clear()
        if trouble == "token":
            self._renew()

    def _renew(self) -> None:
        """Enter a new token, as an admin does."""
        from accounts.scope import owner_scope, partner_scope
        from sources import calls, tasks
        from sources.call_states import CallKind
        from sources.models import Connection, VendorCall

        self.world.add_token(self.token)
        self.renewed += 1
        with partner_scope(self.partner, self.user):
            call = calls.request_call(
                scope=owner_scope(self.partner, self.user), kind=CallKind.TOKEN, vendor="hubspot", token=self.token,
                connection=Connection.objects.get(pk=self.connection_id),
            )  # fmt: skip
        tasks.call_vendor.delay(self.partner.pk, call.pk)
        self._wait_until_idle()
        with partner_scope(self.partner):
            assert VendorCall.objects.get(pk=call.pk).state == "done"

    def _tick(self, trouble: str) -> None:
        """What beat does, with a kill in the middle when it is time for one; then what the page says about it."""
        from sources import tasks

        due = trouble in STRUCK and self._again(self._is_due)
        before = len(self.simulator.traffic.calls)
        self._again(tasks.run_due_connections.delay)
        if due:
            self._wait_for_moment(before)
            self._strike(trouble)
        self._wait_until_idle()
        self._again(self._note_runs)

    def _is_due(self) -> bool:
        from accounts.scope import partner_scope
        from sources.services import due_connections

        with partner_scope(self.partner):
            return due_connections().exists()

    def _wait_for_moment(self, before: int) -> None:
        """Until some requests were made or, every other time, until the reading is over and the import has begun."""
        reading, first = self.draw.random() < 0.5, time.monotonic()
        wanted = before + self.draw.randrange(1, 8)
        seen, last = before, first
        while time.monotonic() < first + 10:
            made = len(self.simulator.traffic.calls)
            if made != seen:
                seen, last = made, time.monotonic()
            if reading and made >= wanted:
                return
            if made > before and time.monotonic() > last + 0.05:
                time.sleep(self.draw.random() * 0.4)
                return
            time.sleep(0.005)

    def _strike(self, what: str) -> None:
        from partner_portal.local import postgres, valkey

        self.struck[what] += 1
        if what == "worker":
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._start_worker()
            return
        server = (
            postgres.process_of(self.place.var / "postgres")
            if what == "database"
            else valkey.process_of(self.place.var / "valkey")
        )
        if server:
            server.kill()
            server.wait(10)
        # Whoever needs it next starts it again.

    def _again[T](self, do: Callable[[], T]) -> T:
        """Do something for which database and queue are needed, as soon as they are back."""
        from django.db import DatabaseError, InterfaceError, connection
        from kombu.exceptions import OperationalError as BrokerError
        from redis.exceptions import RedisError

        for _try in range(60):
            with suppress(DatabaseError, InterfaceError, BrokerError, RedisError):
                return do()
            connection.close()
            time.sleep(0.5)
        return do()

    def _wait_until_idle(self) -> None:
        """Until nothing is in the queue or at a worker, or for a while."""
        import redis

        from partner_portal.local import valkey

        def busy() -> bool:
            queue = redis.Redis(unix_socket_path=str(valkey.ensure_running(self.place.var)))
            return bool(list(queue.scan_iter("unacked:*")) or queue.llen("celery") or queue.llen("clock"))

        first, idle = time.monotonic(), 0
        while time.monotonic() < first + IDLE_SECONDS and idle < 2:
            idle = 0 if self._again(busy) else idle + 1
            time.sleep(0.02)

    def _note_runs(self) -> None:
        from accounts.scope import partner_scope, system_scope
        from sources import queries
        from sources.models import Connection, Run

        with partner_scope(self.partner):
            runs = list(Run.objects.filter(pk__gt=self._last_run).order_by("pk"))
            connection = Connection.objects.get(pk=self.connection_id)
            is_running = bool(queries.running([connection]))
            texts = [queries.why_text(system_scope(self.partner), connection, run) for run in runs]
        if not runs or is_running:  # a task that waits for its next try
            return
        said = self._page()
        for run, text in zip(runs, texts, strict=True):
            why = "The run was interrupted." if run.state == "running" else text
            self.runs[run.state] += 1
            if run.state not in GOOD and (not why or why not in said):
                self.untold.append((self.clock.monotonic(), run.state, why))
        self._last_run = runs[-1].pk

    def _page(self) -> str:
        from django.test import Client

        web = Client()
        web.force_login(self.user, backend="accounts.backends.ConfirmedAddressBackend")
        return unescape(web.get(f"/connections/{self.connection_id}/").content.decode())

    def _end(self) -> dict[str, Any]:
        """Have everything read once more, and compare."""
        from accounts.models import Partner
        from accounts.scope import partner_scope, system_scope
        from ledger.queries import points_on
        from ledger.verification import discrepancies
        from sources import tasks
        from tests.integration.sources import truth

        self._mend("token")
        self.clock.sleep(7200)
        self._again(lambda: tasks.sync.delay(self.partner.pk, self.connection_id, None, True))
        self._wait_until_idle()
        self._again(self._note_runs)
        self.partner = Partner.objects.get(pk=self.partner.pk)
        facts = truth.facts(self, self.partner.time_zone)
        with partner_scope(self.partner):
            scope = system_scope(self.partner)
            expected = truth.points(facts, scope.today.isoformat())
            return {
                "runs": dict(self.runs), "good": sum(self.runs[state] for state in GOOD), "struck": dict(self.struck),
                "renewed": self.renewed, "untold": self.untold, **self._leaks(),
                "differ": len(truth.differences(truth.stored(self.partner), facts)),
                "ledger": len(list(discrepancies(scope))),
                "points": float(abs(points_on(scope, scope.today).total - expected)),
            }  # fmt: skip

    def _leaks(self) -> dict[str, Any]:
        """Files of the installation with a token in clear: dump, database, queue and cache, logs, stored files."""
        import redis

        from partner_portal.local import postgres, valkey

        at, var = postgres.ensure_running(self.place.var), self.place.var
        to = [f"--host={at.host}", f"--port={at.port}", f"--username={at.superuser}", at.database]
        dump = subprocess.run([postgres.program_folder() / "pg_dump", *to], check=True, capture_output=True).stdout
        (var / "dump.sql").write_bytes(dump)
        read: dict[bytes, Callable[[Any, bytes], Any]] = {
            b"string": redis.Redis.get, b"hash": redis.Redis.hgetall, b"set": redis.Redis.smembers,
            b"list": lambda server, key: server.lrange(key, 0, -1), b"zset": lambda server, key: server.zrange(key, 0, -1),
        }  # fmt: skip
        for number in (0, 1):  # queue and cache
            server = redis.Redis(unix_socket_path=str(valkey.ensure_running(var)), db=number)
            content = {key: read[server.type(key)](server, key) for key in server.scan_iter()}
            (var / f"valkey-{number}").write_text(repr(content), encoding="utf-8")
        files = [path for path in var.rglob("*") if path.is_file()]
        leaks = [
            str(path.relative_to(var))
            for path in files
            if any(token.encode() in path.read_bytes() for token in self.tokens)
        ]
        size = sum(path.stat().st_size for path in files) / 2**20
        return {
            "leaks": leaks,
            "searched": f"{len(files):,} files, {size:,.0f} MiB, a dump of {len(dump) / 2**20:.1f} MiB",
        }


def _live(var: str, seed: int, hours: int) -> None:
    from pathlib import Path

    from partner_portal.local import valkey

    place = Place(Path(var))
    place.clear()
    place.prepare()
    place.partner("live")
    print(json.dumps(Day(place, seed).live(hours)))  # noqa: T201
    queue = valkey.process_of(place.var / "valkey")
    valkey.release(place.var)  # before its folder goes
    if queue:
        queue.wait(10)
    place.clear()


if __name__ == "__main__":
    _live(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
