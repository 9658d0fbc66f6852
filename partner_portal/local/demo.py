"""`make demo`: database, sample data, web, worker and beat on this machine, started and stopped together.

Each child gets a process group of its own, so that Ctrl-C reaches this process alone and it can end them in order. On
Linux the kernel ends the children when this process is killed.
"""

import ctypes
import fcntl
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management import call_command
from django.db import connections
from whitenoise.storage import CompressedManifestStaticFilesStorage

from partner_portal.local import postgres, valkey
from partner_portal.postgres.role import as_owner

LOG_INS = ("admin", "manager", "finance", "member")
PASSWORD = "partner-portal-demo"  # noqa: S105 - printed for everyone who runs the demo; it listens on loopback only

HUBSPOT_PORT_OFFSET = 100  # of the simulated HubSpot, from the portal's port

_MANAGE = (sys.executable, "manage.py")
_START_SECONDS = 60
_END_SECONDS = 10  # for a child to end by itself; then it gets the signal again, and then it is killed
_LOG_BYTES = 10_000_000
_PR_SET_PDEATHSIG = 1

Report = Callable[[str], None]


class DemoError(Exception):
    """The demo cannot start or go on; the message says why and what to do."""


@dataclass
class Child:
    """One of the processes and its log."""

    name: str
    command: list[str]
    #: Makes it end once what it is doing is done.
    end: signal.Signals = signal.SIGTERM
    #: Makes it end immediately.
    end_now: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)
    begins: int = field(init=False, default=0)

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return Path(settings.PORTAL_VAR) / "log" / f"{self.name}.log"

    @property
    def ended(self) -> int | None:
        """Its exit code once it has ended, negative for a signal."""
        return self.process.poll() if self.process else None

    def start(self, environment: dict[str, str]) -> None:
        """Start it with its output at the end of its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.rename(self.log.with_suffix(".1.log"))
        with self.log.open("ab") as output:
            self.begins = output.tell()
            self.process = subprocess.Popen(  # noqa: S603
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=settings.BASE_DIR,
                env=environment,
                start_new_session=True,
                preexec_fn=partial(_end_with_parent, self.end_now, os.getpid()),
            )

    def output(self) -> str:
        """What it has written since its start."""
        with self.log.open("rb") as file:
            file.seek(self.begins)
            return file.read().decode("utf-8", "replace")

    def send_signal(self, which: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(which)

    def end_group(self) -> None:
        """End by force what is left of it: itself, or a pool process whose parent was killed."""
        if self.process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def run(port: int, report: Report, *, stop_with_parent: bool = False) -> None:
    """Start everything, report its address, and wait for a signal or the end of a child; then stop everything.

    Raises DemoError.
    """
    requests = _StopRequests()
    if stop_with_parent:
        _end_with_parent(signal.SIGTERM, os.getppid())
    with suppress(_Stop), _only_one(port):
        _check_port(port)
        environment = _environment(port)
        simulated = "HUBSPOT_API_BASE" not in os.environ
        children = _children(port)
        if simulated:
            hubspot = _free_port(port + HUBSPOT_PORT_OFFSET)
            environment["HUBSPOT_API_BASE"] = f"http://127.0.0.1:{hubspot}"
            children.append(Child("hubspot", [*_MANAGE, "hubspot_simulator", "--port", str(hubspot), *_facts()]))
        connecting = Child("connection", [*_MANAGE, "connect_demo"])
        try:
            _prepare(report)
            for child in children:
                child.start(environment)
            requests.starting = False
            _wait_for(children, port, report, requests)
            if not requests.to_stop:
                report(_welcome(port, environment["HUBSPOT_API_BASE"] if simulated else ""))
                if simulated:
                    connecting.start(environment)  # meanwhile everything else can be looked at
            while not requests.to_stop:
                _check_alive(children)
                _reset_when_asked(report)
                time.sleep(0.2)
        finally:
            requests.starting = False
            report("Stopping")
            _stop([connecting, *children], requests)
            connections.close_all()
            for server in (valkey, postgres):
                server.release(settings.PORTAL_VAR)
    report("Stopped; the data is kept")


class _Stop(BaseException):
    """A signal came while the demo was still starting."""


class _StopRequests:
    """Counts the signals that ask for the end; while starting, the first one ends the start."""

    def __init__(self) -> None:
        self.times = 0
        self.starting = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup asks to be left alone
                signal.signal(number, self._note)

    @property
    def to_stop(self) -> bool:
        return self.times > 0

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.times += 1
        if self.starting:
            self.starting = False
            raise _Stop


def _end_with_parent(which: signal.Signals, parent: int) -> None:
    """Have the kernel signal this process when its parent ends, however that ends. Linux only; nothing elsewhere."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(which))
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), which)


@contextmanager
def _only_one(port: int) -> Iterator[None]:
    """Hold this PORTAL_VAR's demo lock; the kernel drops it when the process ends."""
    settings.PORTAL_VAR.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.PORTAL_VAR / "demo.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who, _, where = os.pread(descriptor, 100, 0).decode().partition(" ")
            raise DemoError(
                f"A demo already runs in {settings.PORTAL_VAR} (process {who}, http://localhost:{where}/): "
                "stop it first, or set PORTAL_VAR to another folder."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {port}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if port == 0:
                raise OverflowError("no free port is chosen")
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise DemoError(
                f"Port {port} cannot be used ({getattr(error, 'strerror', None) or error}): "
                "stop what uses it, or choose another with make demo PORT=8001."
            ) from error


class _UncompressedStorage(CompressedManifestStaticFilesStorage):
    """Hashed static files without compressed copies: making these takes 18 s of CPU, and loopback does not need them."""

    def compress_files(self, _paths: object) -> Iterator[tuple[str, str]]:
        return iter(())


def _collect_static_files() -> None:
    """Collect the static files, unless they are those of the last start."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    seen = _static_files()
    if stamp.exists() and stamp.read_text(encoding="ascii") == seen:
        return
    command = collectstatic.Command()
    command.storage = _UncompressedStorage()
    call_command(command, interactive=False, clear=True, verbosity=0)
    stamp.write_text(seen, encoding="ascii")


def _prepare(report: Report) -> None:
    """Bring static files, database and sample data up to date; all of it does nothing the second time."""
    _collect_static_files()
    connections.close_all()
    with as_owner():
        call_command("migrate", interactive=False, verbosity=0)
        connections.close_all()
    where = (
        f"PostgreSQL in {settings.PORTAL_VAR}" if settings.PORTAL_EMBEDDED_DATABASE else "PostgreSQL of DATABASE_URL"
    )
    report(f"database  ready: {where}")
    call_command("load_demo")
    connections.close_all()
    report("data      ready: the sample partners")


def _reset_when_asked(report: Report) -> None:
    """Load the sample partners anew when the button in their settings was pressed: web and worker may not delete a ledger."""
    if settings.RESET_DEMO_FILE.exists():
        report("data      is being reset")
        settings.RESET_DEMO_FILE.unlink()
        call_command("reset_demo", yes=True)
        connections.close_all()
        report("data      ready: the sample partners, as at the first start")


def _static_files() -> str:
    """A fingerprint of all static files: names, sizes, times."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = os.stat(storage.path(name))
            seen.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def _environment(port: int) -> dict[str, str]:
    """The environment of the children: this process's, with the folder and the address set."""
    environment = {name: value for name, value in os.environ.items() if name != "PORTAL_DATABASE_ROLE"}
    environment.setdefault("SITE_URL", f"http://localhost:{port}")
    return environment | {"PORTAL_VAR": str(settings.PORTAL_VAR), "PORTAL_DEMO": "yes", "PYTHONUNBUFFERED": "1"}


def _facts() -> list[str]:
    """What the simulated HubSpot serves."""
    return ["--facts", str(settings.BASE_DIR / "demo" / "westwind")]


def _free_port(wished: int) -> int:
    """This port, or any free one where it is taken."""
    for port in (wished, 0):
        with socket.socket() as probe, suppress(OSError, OverflowError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise DemoError("No port is free.")


def _children(port: int) -> list[Child]:
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "-A", "partner_portal"]
    quiet = ["--without-gossip", "--without-mingle"]
    bind = ["--bind", f"127.0.0.1:{port}", "--graceful-timeout", "5"]
    return [
        Child("web", [*python, "gunicorn", *bind, "partner_portal.wsgi"], end_now=signal.SIGQUIT),
        Child(
            "worker", [*celery, "worker", "--concurrency", "2", "--loglevel", "INFO", *quiet], end_now=signal.SIGQUIT
        ),
        Child("beat", [*celery, "beat", "--loglevel", "INFO", "--pidfile", ""]),
    ]


def _wait_for(children: list[Child], port: int, report: Report, requests: _StopRequests) -> None:
    """Until each child is ready, a line for each. Raises DemoError when one ends, or takes too long."""
    ready: dict[str, Callable[[Child], bool]] = {
        "web": lambda _child: _answers(port),
        "worker": lambda child: " ready." in child.output(),
        "beat": lambda child: "beat: Starting" in child.output(),
        "hubspot": lambda child: " ready: " in child.output(),
    }
    waiting = list(children)
    deadline = time.monotonic() + _START_SECONDS
    while waiting and not requests.to_stop:
        _check_alive(children)
        for child in [child for child in waiting if ready[child.name](child)]:
            waiting.remove(child)
            report(f"{child.name:<8}  ready: log in {child.log}")
        if time.monotonic() > deadline:
            raise DemoError(f"{waiting[0].name} did not get ready; see {waiting[0].log}.")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health/live", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def _check_alive(children: list[Child]) -> None:
    """Raises DemoError with the last lines of the log of a child that has ended."""
    for child in children:
        if (code := child.ended) is not None:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            last = "\n".join(f"  {line}" for line in child.output().strip().splitlines()[-8:])
            raise DemoError(
                f"{child.name} ended by itself ({how}), so everything was stopped. {child.log} ends:\n{last}"
            )


def _stop(children: list[Child], requests: _StopRequests) -> None:
    """End all children: by `end`, by `end_now`, then by force. One more Ctrl-C goes to the next step."""
    for step in ("end", "end_now"):
        patience = max(requests.times, 1)
        for child in children:
            child.send_signal(getattr(child, step))
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline and requests.times <= patience:
            if all(child.process is None or child.ended is not None for child in children):
                break
            time.sleep(0.05)
    for child in children:
        child.end_group()


def _welcome(port: int, hubspot: str) -> str:
    names = ", ".join(f"{name}@northwind.example" for name in LOG_INS)
    live = (
        f"A partner that is connected to a simulated HubSpot follows: admin@westwind.example.\n"
        f"Change its deals on {hubspot}/ and choose Sync now.\n"
        if hubspot
        else ""
    )
    return (
        f"\nOpen http://localhost:{port}/\n"
        f"Log in as {names},\n"
        f"or admin@southwind.example of another partner. Password of all: {PASSWORD}\n"
        f"{live}"
        "Ctrl-C stops everything.\n"
    )
