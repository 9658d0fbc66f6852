"""Where measurements take place: a folder of their own under `var/bench`, the product's own commands, generated partners.

Nothing here imports Django: the environment has to be set first.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread

from bench.generate import HEADERS, Profile, generate

ROOT = Path(__file__).resolve().parents[1]
DAY = date(2026, 11, 23)
PASSWORD = "measured-by-bench"  # noqa: S105 -- of invented people in a database that nobody can reach
GENERATION = 1  # moves when the generator changes what it writes, so that partners are loaded again


class FailedError(Exception):
    """A command of the product did not end well; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: seconds, and the most resident memory of its process and of its database connection, in MiB."""

    seconds: float
    process: float
    database: float


@dataclass(frozen=True, slots=True)
class Place:
    """A PORTAL_VAR, its embedded server with the durability that every installation has."""

    var: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process of this installation."""
        unset = {"DATABASE_URL", "REDIS_URL", "PORTAL_EMBEDDED_DURABLE", "PORTAL_DATABASE_ROLE", "STATIC_ROOT"}
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        return inherited | {
            "PORTAL_VAR": str(self.var),
            "PORTAL_TODAY": DAY.isoformat(),
            "DJANGO_SETTINGS_MODULE": "partner_portal.settings",
            "LOG_LEVEL": "WARNING",
        }

    def manage(self, *arguments: str, given: str = "") -> Cost:
        """Run a command of the product. Raises FailedError."""
        command = [sys.executable, "manage.py", *arguments]
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        over = Event()
        peaks: dict[str, float] = {"database": 0.0}
        watch = Thread(target=self._watch_database, args=(over, peaks), daemon=True)
        watch.start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(given)
        process.stdin.close()
        said = process.stdout.read()
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        over.set()
        watch.join()
        if process.returncode:
            raise FailedError(f"{' '.join(arguments[:2])} ended with {process.returncode}:\n{said[-2000:]}")
        return Cost(seconds, usage.ru_maxrss / 1024, peaks["database"])

    def prepare(self) -> None:
        """The database, and the static files that pages name; these only where they have changed, since compressing takes long."""
        self.var.mkdir(parents=True, exist_ok=True)
        self.manage("migrate", "-v0")
        stamp = self.var / "static.sha256"
        static = sha256(b"".join(path.read_bytes() for path in sorted((ROOT / "static").rglob("*")) if path.is_file()))
        if not stamp.exists() or stamp.read_text() != static.hexdigest():
            self.manage("collectstatic", "--no-input", "-v0")
            stamp.write_text(static.hexdigest())

    def partner(self, slug: str) -> None:
        """A partner with an admin, slug@bench.example."""
        self.manage("create_partner", slug, "--name", slug.title(), "--currency", "USD")
        self.manage(
            "create_member",
            f"{slug}@bench.example",
            "--partner",
            slug,
            "--role",
            "admin",
            "--password-stdin",
            given=PASSWORD + "\n",
        )

    def imported(self, slug: str, folder: Path) -> Cost:
        """Import every file of the folder as one batch."""
        files = [str(path) for kind in HEADERS if (path := folder / f"{kind}.csv").exists()]
        return self.manage("import_data", slug, *files)

    def with_partners(self, profiles: Mapping[str, Profile], say: Callable[[str], None]) -> None:
        """Import these partners; what an earlier run imported with the same profiles is used again."""
        content = json.dumps(
            [GENERATION, DAY.isoformat(), {slug: asdict(profile) for slug, profile in profiles.items()}]
        )
        stamp = self.var / "partners.json"
        if stamp.exists() and stamp.read_text() == content:
            self.prepare()
            return
        if self.var.exists():
            self.clear()
        self.prepare()
        for slug, profile in profiles.items():
            folder = self.var / "files" / slug
            rows = generate(folder, profile, DAY)
            say(f"importing {sum(rows.values()):,} rows for the pages of “{slug}”")
            self.partner(slug)
            self.imported(slug, folder)
        self.settle()
        stamp.write_text(content)

    def storage(self, table: str) -> tuple[int, int]:
        """Bytes of a table with its indexes, and of all other tables."""
        import psycopg

        from partner_portal.local.postgres import ensure_running

        at = ensure_running(self.var)
        query = """
            SELECT pg_total_relation_size(%(table)s::regclass), sum(pg_total_relation_size(relid))
              FROM pg_stat_user_tables WHERE relid <> %(table)s::regclass
        """
        with psycopg.connect(host=at.host, port=at.port, user=at.superuser, dbname=at.database) as connection:
            own, others = connection.execute(query, {"table": table}).fetchone() or (0, 1)
        return int(own), int(others)

    def settle(self) -> None:
        """What autovacuum does within minutes: statistics, and the map of pages that are visible to all."""
        import psycopg

        from partner_portal.local.postgres import ensure_running

        at = ensure_running(self.var)
        with psycopg.connect(
            host=at.host, port=at.port, user=at.superuser, dbname=at.database, autocommit=True
        ) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def clear(self) -> None:
        """Remove everything, once the server has stopped."""
        import shutil

        from partner_portal.local.postgres import process_of, release

        release(self.var)
        for _ in range(200):
            if process_of(self.var / "postgres") is None:
                break
            time.sleep(0.1)
        shutil.rmtree(self.var, ignore_errors=True)

    def _watch_database(self, over: Event, peaks: dict[str, float]) -> None:
        """Sample the memory that the server's busiest connection has to itself, until `over` is set."""
        import psutil

        from partner_portal.local.postgres import process_of

        while not over.wait(0.25):
            with suppress(psutil.Error, OSError):
                server = process_of(self.var / "postgres")
                for connection in server.children() if server else ():
                    peaks["database"] = max(peaks["database"], connection.memory_full_info().uss / 2**20)
