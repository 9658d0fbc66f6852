"""A hot standby of an embedded server, made with `pg_basebackup` from the programs of the same wheel.

Nothing here imports Django: the environment has to be set first.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from partner_portal.local import postgres
from partner_portal.local.host import log_tail, run_program, server_identity

SECONDS = 60.0  # within which a server starts, or a standby catches up


class StandbyError(Exception):
    """A program of the server failed; the message is what it said."""


def allow_standbys(var: Path) -> None:
    """Have the embedded server of `var` write a log that standbys can follow. This process must be its only user."""
    at = postgres.ensure_running(var)
    with psycopg.connect(host=at.host, user=at.superuser, dbname=at.database, autocommit=True) as database:
        database.execute("ALTER SYSTEM SET wal_level = 'replica'")
        database.execute("ALTER SYSTEM SET max_wal_senders = 4")
        database.execute("ALTER SYSTEM SET wal_keep_size = '512MB'")
    postgres.release(var)
    postgres.ensure_running(var)


class Standby:
    """A standby in a folder of its own, which must be empty; it is stopped by `stop`."""

    def __init__(self, var: Path, folder: Path) -> None:
        self.var, self.folder = var, folder
        self.data, self.log = folder / "data", folder / "log"
        self._programs = postgres.program_folder()
        self._user = server_identity(var / postgres.SERVER.name)

    @property
    def host(self) -> str:
        """The folder of its socket."""
        return str(self.folder)

    @property
    def url(self) -> str:
        """What DATABASE_REPLICA_URL names it by."""
        return f"postgresql://{postgres.RUNTIME_USER}@:{postgres.PORT}/{postgres.DATABASE}?host={self.host}"

    def make(self) -> None:
        """Copy the primary and follow it."""
        at = postgres.ensure_running(self.var)
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            os.chown(self.folder, *self._user)
        self._run(
            "pg_basebackup", "-h", at.host, "-U", at.superuser, "-D", self.data, "-R", "-X", "stream", "-c", "fast"
        )
        with (self.data / "portal.conf").open("a", encoding="utf-8") as conf:
            conf.write(f"unix_socket_directories = '{self.host}'\nhot_standby_feedback = on\n")
        self.start()

    def start(self) -> None:
        """Start it, also after a kill."""
        for stale in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self._run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", str(int(SECONDS)), "start")
                return
            except StandbyError:  # backends of a server that was killed take a moment to give up its memory
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def ask(self, statement: str) -> object:
        """The first column of the first row, as its superuser."""
        with psycopg.connect(
            host=self.host, user=postgres.SUPERUSER, dbname=postgres.DATABASE, autocommit=True
        ) as database:
            row = database.execute(statement).fetchone()
        return row[0] if row else None

    def catch_up(self) -> None:
        """Wait until it has replayed all that the primary has written."""
        at = postgres.ensure_running(self.var)
        with psycopg.connect(host=at.host, user=at.superuser, dbname=at.database, autocommit=True) as database:
            row = database.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        assert row
        deadline = time.monotonic() + SECONDS
        while not self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{row[0]}'"):
            if time.monotonic() > deadline:
                raise StandbyError(log_tail(self.log))
            time.sleep(0.02)

    def kill(self) -> None:
        """End it with kill -9, as the loss of its machine would."""
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.data / "postmaster.pid").read_text(encoding="ascii").split()[0]), signal.SIGKILL)

    def stop(self) -> None:
        """Stop it; nothing happens where it does not run."""
        with suppress(StandbyError):
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str | Path) -> None:
        result = run_program([self._programs / program, *arguments], self._user, timeout=SECONDS * 2)
        if result.returncode:
            said = log_tail(self.log) if self.log.exists() else ""
            raise StandbyError(f"{program}: {result.stdout}{said}")
