"""The life of a server that several processes of this machine share: started on demand, stopped after its last user.

Every user of a server holds a shared lock on `users.lock`, which the kernel drops with the process however that ends.
The last user to leave stops the server; when the last one was killed, a small watchdog process stops it a second later.

Layout: `PORTAL_VAR/<name>/{data,run,*.lock}` and `PORTAL_VAR/log/<name>.log`. The watchdog runs this file alone, so
nothing of the project is imported at the top.
"""

import atexit
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import psutil

_STOP_SECONDS = 60


class EmbeddedServerError(Exception):
    """An embedded server cannot run; the message is one line that says why and what to do."""


class SharedServer[Address](ABC):
    """One kind of embedded server: how to start it, and how to recognise a running one."""

    #: Folder under PORTAL_VAR and stem of the log file.
    name: ClassVar[str]
    #: File below the server's folder whose first line is the process id.
    pid_file: ClassVar[str]
    #: Signal that makes the server write everything and end.
    stop_signal: ClassVar[signal.Signals]

    def __init__(self) -> None:
        self._in_use: dict[Path, int] = {}  # folder -> descriptor that holds this process's shared lock

    @abstractmethod
    def start(self, home: Path) -> Address:
        """Start the server, creating its data folder when there is none. Called under the start lock."""

    @abstractmethod
    def address_of(self, home: Path) -> Address | None:
        """Return the address of a server that accepts connections, else None."""

    @abstractmethod
    def failure_text(self, home: Path, output: str) -> str:
        """Return one line for what the server's programs, or the system, reported."""

    def ensure_running(self, var: Path) -> Address:
        """Start the server under `var` unless it runs, and count this process as its user until it ends.

        Cheap when the server is up, so it may be called before every connection. With `PORTAL_EMBEDDED_DURABLE=no` at
        the start, writes do not wait for the disk (for tests and measurements). Raises EmbeddedServerError.
        """
        home = var.resolve() / self.name
        try:
            home.mkdir(parents=True, exist_ok=True)
            with _locked(home / "start.lock"):
                if home not in self._in_use:
                    self._in_use[home] = _shared(home / "users.lock")
                    if len(self._in_use) == 1:
                        atexit.register(self._release_all)
                address = self.address_of(home)
                if address is None:
                    address = self.start(home)
                self._ensure_watchdog(home)
                return address
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, "")
            raise EmbeddedServerError(self.failure_text(home, f"[{code}] {error}")) from error

    def release(self, var: Path) -> None:
        """Stop counting this process as a user, and stop the server when it was the last one."""
        home = var.resolve() / self.name
        descriptor = self._in_use.pop(home, None)
        if descriptor is None:
            return
        with suppress(OSError), _locked(home / "start.lock"):  # the folder may be gone by now
            os.close(descriptor)
            if _stop_if_unused(home, self.pid_file, self.stop_signal):
                _end_watchdog(home)

    def process_of(self, home: Path) -> "psutil.Process | None":
        """Return the running server process of this data folder."""
        return _process_of(home, self.pid_file)

    def _release_all(self) -> None:
        for home in list(self._in_use):
            self.release(home.parent)

    def _ensure_watchdog(self, home: Path) -> None:
        """Have one watchdog process for this folder. Needs the start lock."""
        free = _try_alone(home / "watchdog.lock")
        if free is None:
            return
        # The watchdog is given the locked file, so that there is no moment with two of them.
        os.set_inheritable(free, True)
        script = [sys.executable, "-I", str(Path(__file__).resolve())]
        watchdog = subprocess.Popen(  # noqa: S603
            [*script, str(home), str(free), self.pid_file, str(int(self.stop_signal))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            pass_fds=[free],
        )
        os.ftruncate(free, 0)
        os.pwrite(free, str(watchdog.pid).encode(), 0)
        os.close(free)
        watchdog.returncode = 0  # it outlives this process; nobody waits for it


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


# --- processes ---------------------------------------------------------------------------------------------------


def _process_of(home: Path, pid_file: str) -> "psutil.Process | None":
    """The process that the pid file names, if it works in this data folder: a stale id given to another is not it."""
    try:
        lines = (home / pid_file).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    import psutil

    try:
        process = psutil.Process(int(lines[0]))
        return process if Path(process.cwd()) == (home / "data").resolve() else None
    except (ValueError, IndexError, psutil.Error):
        return None


def _stop_if_unused(home: Path, pid_file: str, stop_signal: int) -> bool:
    """Stop the server unless a process still holds the users' lock; True when it had no users. Needs the start lock."""
    alone = _try_alone(home / "users.lock")
    if alone is None:
        return False
    try:
        if (process := _process_of(home, pid_file)) is not None:
            process.send_signal(stop_signal)
        deadline = time.monotonic() + _STOP_SECONDS
        while _process_of(home, pid_file) is not None and time.monotonic() < deadline:  # past that it goes on by itself
            time.sleep(0.02)
    finally:
        os.close(alone)
    return True


def _end_watchdog(home: Path) -> None:
    """End the watchdog of a server that has just been stopped. Needs the start lock."""
    for _ in range(50):
        free = _try_alone(home / "watchdog.lock")
        if free is not None:
            os.close(free)
            return
        with suppress(ValueError, ProcessLookupError):  # the lock is held, so the number in the file is the watchdog's
            os.kill(int((home / "watchdog.lock").read_text(encoding="ascii")), signal.SIGTERM)
        time.sleep(0.02)


def _watch(home: Path, lock: int, pid_file: str, stop_signal: int) -> None:
    """Stop the server once all its users are gone without having stopped it, then end."""
    while True:
        time.sleep(1)
        try:
            with _locked(home / "start.lock"):
                if _stop_if_unused(home, pid_file, stop_signal):
                    os.close(lock)  # while nobody can start: the next start must see that there is no watchdog
                    return
        except FileNotFoundError:
            return  # the folder was removed


if __name__ == "__main__":
    _watch(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
