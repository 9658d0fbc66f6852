"""`make demo` as a person meets it: real processes on a free port, killed in every way that happens."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from partner_portal.local import demo, postgres
from partner_portal.local.postgres import process_of
from tests.integration.reports.processes import copy_database

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "manage.py", "demo"]
# A start without the simulated HubSpot and its connection.
NO_SIMULATOR = {"HUBSPOT_API_BASE": "http://127.0.0.1:9"}


@pytest.fixture
def var() -> Iterator[Path]:
    """A PORTAL_VAR of its own; whatever a failed test left running in it is ended."""
    folder = Path(tempfile.mkdtemp(prefix="portal-demo-"))
    yield folder
    for process in processes_of(folder):
        with suppress(psutil.Error):
            process.kill()
    time.sleep(0.2)
    shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(var: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", "SITE_URL"}}
    return kept | {"PORTAL_VAR": str(var), "PORTAL_EMBEDDED_DURABLE": "no"} | more


def processes_of(var: Path) -> list[psutil.Process]:
    """Living processes with this PORTAL_VAR in their environment, command line or working folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            traces = [*process.cmdline(), process.cwd(), process.environ().get("PORTAL_VAR", "")]
            if any(str(var) in trace for trace in traces):
                found.append(process)
    return found


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


class Demo:
    """A running `manage.py demo` and what it has printed."""

    def __init__(self, var: Path, port: int, **more: str) -> None:
        self.port = port
        self.output = var / "output.txt"
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [*DEMO, "--port", str(port)], cwd=PROJECT, env=environment(var, **more), stdout=file, stderr=file
            )

    def wait_ready(self, seconds: float) -> float:
        """Seconds until it said that it is ready."""
        begin = time.monotonic()
        assert wait_until(lambda: "Ctrl-C" in self.said or self.process.poll() is not None, seconds), self.said
        assert self.process.poll() is None, self.said
        return time.monotonic() - begin

    @property
    def said(self) -> str:
        return self.output.read_text()

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            return connection.getresponse().status
        finally:
            connection.close()


def run_demo(var: Path, port: int, **more: str) -> subprocess.CompletedProcess[str]:
    """A demo that is expected to end by itself."""
    command = [*DEMO, "--port", str(port)]
    return subprocess.run(
        command, cwd=PROJECT, env=environment(var, **more), capture_output=True, text=True, timeout=120
    )


def _runs_alone(running: Demo, var: Path) -> None:
    """It answers, says where and what it started, and a second one is refused."""
    assert running.get("/health/live") == 200
    assert running.get("/health/ready") == 200
    assert f"http://localhost:{running.port}/" in running.said
    assert "admin@northwind.example" in running.said
    for part in ("database", "data", "web", "worker", "beat"):
        assert sum(line.startswith(f"{part} ") for line in running.said.splitlines()) == 1, running.said

    second = run_demo(var, free_port())
    assert second.returncode == 1
    assert second.stderr == (
        f"A demo already runs in {var} (process {running.process.pid}, http://localhost:{running.port}/): "
        "stop it first, or set PORTAL_VAR to another folder.\n"
    )
    assert running.get("/health/live") == 200


def _stops(running: Demo, var: Path) -> None:
    running.process.terminate()
    assert running.process.wait(60) == 0
    assert running.said.endswith("Stopped; the data is kept\n")
    assert processes_of(var) == []


def test_it_starts_runs_alone_and_stops(var: Path, template_database: str) -> None:
    """On a server of its own with the data of an earlier start: this run has migrated and loaded them once (tests/conftest.py).
    The sweep begins with an empty folder."""
    copy_database(template_database, postgres.ensure_running(var))
    postgres.release(var)
    assert processes_of(var) == []
    demo = Demo(var, free_port(), **NO_SIMULATOR)
    demo.wait_ready(180)
    assert "Loaded" not in demo.said
    _runs_alone(demo, var)
    _stops(demo, var)


@pytest.mark.sweep
def test_it_starts_survives_and_stops(var: Path) -> None:
    """With the simulated HubSpot and its connection; then killed with its database, and by the end of its worker."""
    first = Demo(var, free_port())
    first.wait_ready(180)
    _runs_alone(first, var)

    # It is killed together with its database: nothing of it stays, and the locks it left are nobody's.
    server = process_of(var / "postgres")
    first.process.kill()
    server.kill()
    first.process.wait()
    assert wait_until(lambda: not processes_of(var), 60), processes_of(var)

    # One of the children dies: the rest is stopped, and it is said which and where to look.
    third = Demo(var, free_port(), **NO_SIMULATOR)
    third.wait_ready(90)
    assert "Loaded" not in third.said
    worker = next(p for p in psutil.Process(third.process.pid).children() if "worker" in p.cmdline())
    worker.kill()
    assert third.process.wait(60) == 1
    assert "worker ended by itself (signal 9), so everything was stopped" in third.said
    assert str(var / "log" / "worker.log") in third.said
    assert "Traceback" not in third.said
    assert processes_of(var) == []

    fourth = Demo(var, free_port(), **NO_SIMULATOR)
    fourth.wait_ready(90)
    assert fourth.get("/health/ready") == 200
    _stops(fourth, var)


@pytest.mark.sweep
def test_ctrl_c_while_it_is_still_starting(var: Path) -> None:
    started = Demo(var, free_port())
    assert wait_until(lambda: (var / "postgres" / "data" / "postmaster.pid").exists(), 30)
    started.process.send_signal(signal.SIGINT)
    assert started.process.wait(40) == 0, started.said
    assert "Traceback" not in started.said
    assert processes_of(var) == []


def test_a_port_in_use(var: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run_demo(var, port)
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {port} cannot be used (Address already in use): "
        "stop what uses it, or choose another with make demo PORT=8001.\n"
    )
    assert processes_of(var) == []


@pytest.mark.parametrize("port", [0, 99999])
def test_a_port_that_cannot_be(port: int) -> None:
    """Said as a port in use is."""
    with pytest.raises(demo.DemoError, match=rf"^Port {port} cannot be used \([^\n]+$"):
        demo._check_port(port)


NO_DATABASE_URL = "mysql://localhost/portal", 2, "DATABASE_URL: expected postgresql://user:password@host:port/name."
NOBODY_THERE = (
    "postgresql://portal_app@127.0.0.1:{port}/portal", 3, "The database cannot be used (connection failed",
)  # fmt: skip


@pytest.mark.parametrize(
    ("command", "url", "code", "words"),
    [
        ("demo", *NO_DATABASE_URL),
        pytest.param("demo", *NOBODY_THERE, marks=pytest.mark.sweep),
        ("figures northwind", *NOBODY_THERE),
    ],
)
def test_a_wrong_database_url_is_one_line(var: Path, command: str, url: str, code: int, words: str) -> None:
    address = url.format(port=free_port())
    arguments = f"{command} --port {free_port()}" if command == "demo" else command
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments.split()],
        cwd=PROJECT,
        env=environment(var, DATABASE_URL=address),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(words), done.stderr
    assert "DATABASE_URL" in done.stderr
    assert done.stderr.count("\n") == 1
    assert processes_of(var) == []


@pytest.mark.sweep
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_is_one_line(var: Path) -> None:
    disk = var / "small"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=45m", "none", disk], capture_output=True).returncode:
        pytest.skip("mount is not allowed here")
    try:
        done = run_demo(disk, free_port())
        assert done.returncode != 0
        assert "full" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert wait_until(lambda: not processes_of(disk), 10)
    finally:
        subprocess.run(["umount", disk], check=True)
