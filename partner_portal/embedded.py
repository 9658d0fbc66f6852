"""PostgreSQL 18 under PORTAL_VAR for development, tests and small installs.

Started when a process needs it, stopped when nobody uses it any more: whoever uses the server holds a shared lock on
`postgres/users.lock`, which the kernel drops with the process however that ends. The last to leave stops the server;
when the last was killed, a small keeper process does so a second later.

Layout: `PORTAL_VAR/postgres/{data,run,*.lock}` and `PORTAL_VAR/log/postgres.log`. The keeper runs this file alone, so
nothing of ours is imported at the top.
"""

import atexit
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATABASE = "portal"
OWNER = "portal_owner"
RUNTIME_USER = "portal_app"
SUPERUSER = "postgres"
PORT = 5432  # part of the socket's file name only: the server listens on no network address

_STOP_SECONDS = 60


class EmbeddedPostgresError(Exception):
    """The embedded server cannot run; the message is one line that says why and what to do."""


@dataclass(frozen=True)
class Address:
    """How to reach the server: a socket folder, and the roles, none of which needs a password there."""

    host: str
    port: int = PORT
    database: str = DATABASE
    owner: str = OWNER
    user: str = RUNTIME_USER
    superuser: str = SUPERUSER


_in_use: dict[Path, int] = {}  # folder -> descriptor that holds this process's shared lock


def ensure_running(var: Path) -> Address:
    """Start the server under `var` unless it runs, and count this process as its user until it ends.

    Creates database and roles the first time. Cheap when the server is up, so it may be called before every connection.
    With `PORTAL_EMBEDDED_DURABLE=no` at the start, commits do not wait for the disk (for tests and measurements).
    Raises EmbeddedPostgresError.
    """
    home = var.resolve() / "postgres"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home / "start.lock"):
            if home not in _in_use:
                _in_use[home] = _shared(home / "users.lock")
                if len(_in_use) == 1:
                    atexit.register(_release_all)
            address = address_of(home)
            if address is None:
                from partner_portal.embedded_server import start

                address = start(home)
            _ensure_keeper(home)
            return address
    except OSError as error:
        from partner_portal.embedded_server import in_words

        name = errno.errorcode.get(error.errno or 0, "")
        raise EmbeddedPostgresError(in_words(home, f"[{name}] {error}")) from error


def release(var: Path) -> None:
    """Stop counting this process as a user, and stop the server when it was the last one."""
    home = var.resolve() / "postgres"
    descriptor = _in_use.pop(home, None)
    if descriptor is None:
        return
    with suppress(OSError), _locked(home / "start.lock"):  # the folder may be gone by now
        os.close(descriptor)
        if _stop_if_unused(home):
            _end_keeper(home)


def _release_all() -> None:
    for home in list(_in_use):
        release(home.parent)


# --- locks -------------------------------------------------------------------------------------------------------


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold `path` alone; waits."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _shared(path: Path) -> int:
    """Hold `path` together with others until the descriptor, which forks inherit, is closed. Needs the start lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _try_alone(path: Path) -> int | None:
    """Hold `path` alone if nobody else holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


# --- is it there? ------------------------------------------------------------------------------------------------


def _pid_file(home: Path) -> list[str]:
    """Lines of `postmaster.pid`: process, data folder, start, port, socket folder, address, shared memory, status."""
    try:
        return [line.strip() for line in (home / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []


def address_of(home: Path) -> Address | None:
    """The address of a server that accepts connections, else None."""
    lines = _pid_file(home)
    if len(lines) < 8 or lines[7] != "ready":
        return None
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        try:
            probe.connect(f"{lines[4]}/.s.PGSQL.{PORT}")
        except OSError:
            return None
    return Address(host=lines[4])


def process_of(home: Path) -> Any | None:
    """The running server process of this data folder. A process id left by a crash and given to another is not it."""
    lines = _pid_file(home)
    if not lines:
        return None
    import psutil

    try:
        process = psutil.Process(int(lines[0]))
        return process if Path(process.cwd()) == (home / "data").resolve() else None
    except (ValueError, psutil.Error):
        return None


# --- stopping ----------------------------------------------------------------------------------------------------


def _stop_if_unused(home: Path) -> bool:
    """Stop the server unless a process still holds the users' lock; True when it had no users. Needs the start lock."""
    alone = _try_alone(home / "users.lock")
    if alone is None:
        return False
    try:
        if (process := process_of(home)) is not None:
            process.send_signal(signal.SIGINT)  # "fast": connections are ended, everything is written
        deadline = time.monotonic() + _STOP_SECONDS
        while process_of(home) is not None and time.monotonic() < deadline:  # past that it goes on by itself
            time.sleep(0.02)
    finally:
        os.close(alone)
    return True


def _ensure_keeper(home: Path) -> None:
    """Have one keeper process for this folder. Needs the start lock."""
    free = _try_alone(home / "keeper.lock")
    if free is None:
        return
    # The keeper is given the locked file, so that there is no moment with two of them.
    os.set_inheritable(free, True)
    keeper = subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", str(Path(__file__).resolve()), str(home), str(free)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
        pass_fds=[free],
    )
    os.ftruncate(free, 0)
    os.pwrite(free, str(keeper.pid).encode(), 0)
    os.close(free)
    keeper.returncode = 0  # it outlives this process; nobody waits for it


def _end_keeper(home: Path) -> None:
    """End the keeper of a server that has just been stopped. Needs the start lock."""
    for _ in range(50):
        free = _try_alone(home / "keeper.lock")
        if free is not None:
            os.close(free)
            return
        with suppress(ValueError, ProcessLookupError):  # the lock is held, so the number in the file is the keeper's
            os.kill(int((home / "keeper.lock").read_text(encoding="ascii")), signal.SIGTERM)
        time.sleep(0.02)


def _keep(home: Path, lock: int) -> None:
    """Stop the server once all its users are gone without having stopped it, then end."""
    while True:
        time.sleep(1)
        try:
            with _locked(home / "start.lock"):
                if _stop_if_unused(home):
                    os.close(lock)  # while nobody can start: the next start must see that there is no keeper
                    return
        except FileNotFoundError:
            return  # the folder was removed


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]))
