"""Tasks on the embedded Valkey when workers, server or both are killed: none is lost, none is done twice. Real processes."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from redis import Redis

from partner_portal.local import postgres, valkey

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]

ROOT = Path(__file__).resolve().parents[2]
APP = """
import time
from pathlib import Path
from celery import Celery
from partner_portal.broker import RequeueAbandoned, broker_settings
from partner_portal.celery import configuration

here = Path(__file__).parent
app = Celery("jobs")
app.add_defaults(lambda: configuration() | {"beat_schedule": {}})
app.steps["worker"].add(RequeueAbandoned)

def note(name, word):
    with (here / name).open("a") as file:
        file.write(word + "\\n")

@app.task
def work(word, hold=False):
    note("begun", word)
    while hold and not (here / f"let-go-{word}").exists():
        time.sleep(0.05)
    note("done", word)
"""

# Sends what it reads, each task from a process of its own that has no connection yet, and answers with that one's status.
SENDER = """
import os, sys
import jobs

for line in sys.stdin:
    word, hold = line.split()
    child = os.fork()
    if child == 0:
        jobs.work.delay(word, hold == "True")
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Place:
    """A folder with an application, an embedded server and workers of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self.sender: subprocess.Popen[str] | None = None
        (folder / "jobs.py").write_text(APP)
        database = postgres.ensure_running(settings.PORTAL_VAR)
        self.environment = os.environ | {
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            "PORTAL_VAR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "partner_portal.settings",
            # Only connected to: Celery has Django check its settings.
            "DATABASE_URL": f"postgresql://{database.user}@/{database.database}?host={database.host}",
        }

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "jobs",
            "worker",
            "-c",
            "1",
            "--without-gossip",
            "--without-mingle",
        ]
        with (self.folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.workers.append(worker)
        return worker

    def kill_worker(self) -> None:
        worker = self.workers[-1]
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def kill_pool(self) -> None:
        for child in psutil.Process(self.workers[-1].pid).children():
            child.kill()

    def kill_server(self) -> None:
        process = valkey.process_of(self.folder / "var" / "valkey")
        assert process is not None
        process.kill()

    def send(self, word: str, *, hold: bool = False) -> None:
        """Send a task; one on hold goes on until it is let go."""
        if self.sender is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self.sender = subprocess.Popen(
                [sys.executable, "-c", SENDER], cwd=self.folder, env=self.environment, **pipes
            )
        assert self.sender.stdin
        assert self.sender.stdout
        self.sender.stdin.write(f"{word} {hold}\n")
        self.sender.stdin.flush()
        assert self.sender.stdout.readline() == "0\n"

    def let_go(self, word: str) -> None:
        (self.folder / f"let-go-{word}").touch()

    def words(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().split() if path.exists() else []

    def wait_for(self, name: str, expected: list[str], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while self.words(name) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.words(name) == expected, (self.folder / "worker.log").read_text()[-3000:]

    def wait_for_done(self, expected: list[str]) -> None:
        """Wait until the tasks are done and acknowledged: one killed in between is rightly done again."""
        self.wait_for("done", expected)
        deadline = time.monotonic() + 10
        with Redis(unix_socket_path=str(self.folder / "var" / "valkey" / "run" / "valkey.sock")) as server:
            while server.exists("unacked"):
                assert time.monotonic() < deadline, "a task that is done was not acknowledged"
                time.sleep(0.05)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="portal-broker-"))
    folder.chmod(0o711)  # the server may run as another user
    place = Place(folder)
    valkey.ensure_running(folder / "var")
    yield place
    if place.sender:
        place.sender.communicate()
    for worker in place.workers:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    valkey.release(folder / "var")
    deadline = time.monotonic() + 10  # killed processes may still be ending; then the watchdog stops the server
    while valkey.process_of(folder / "var" / "valkey") is not None:
        assert time.monotonic() < deadline, "the server outlived its users"
        time.sleep(0.1)
    shutil.rmtree(folder)


def test_killed_within_a_task_nothing_is_lost_and_nothing_done_twice(place: Place) -> None:
    """Pool process, server, and whole worker: each while it has a task. The sweep kills at other points too."""
    place.start_worker()
    place.send("e", hold=True)
    place.wait_for("begun", ["e"])
    place.kill_pool()
    place.let_go("e")
    place.wait_for_done(["e"])
    place.send("g", hold=True)
    place.wait_for("begun", ["e", "e", "g"])
    place.kill_server()
    place.wait_for("begun", ["e", "e", "g", "g"])
    place.let_go("g")
    place.wait_for_done(["e", "g"])
    place.send("f", hold=True)
    place.wait_for("begun", ["e", "e", "g", "g", "f"])
    place.kill_worker()
    place.let_go("f")
    place.start_worker()
    place.wait_for_done(["e", "g", "f"])
    assert place.words("done") == ["e", "g", "f"]


@pytest.mark.sweep
def test_killed_at_eight_points_nothing_is_lost_and_nothing_done_twice(place: Place) -> None:
    # 1. The server while tasks wait and no worker runs: they are in its file.
    place.send("a")
    place.kill_server()
    # 2. The server before a task is sent: the sender starts it.
    place.send("b")
    place.start_worker()
    place.wait_for_done(["a", "b"])
    # 3. The worker while it waits.
    place.kill_worker()
    place.send("c")
    place.start_worker()
    place.wait_for_done(["a", "b", "c"])
    # 4. The server while the worker waits.
    place.kill_server()
    place.send("d")
    place.wait_for_done(["a", "b", "c", "d"])
    # 5. The pool process within a task: its worker requeues the task.
    place.send("e", hold=True)
    place.wait_for("begun", ["a", "b", "c", "d", "e"])
    place.kill_pool()
    place.let_go("e")
    place.wait_for_done(["a", "b", "c", "d", "e"])
    # 6. The whole worker within a task: another worker sees that its connection is gone.
    place.send("f", hold=True)
    place.wait_for("begun", ["a", "b", "c", "d", "e", "e", "f"])
    place.kill_worker()
    place.let_go("f")
    place.start_worker()
    place.wait_for_done(["a", "b", "c", "d", "e", "f"])
    # 7. The server within a task: the worker gives the task up and takes it again.
    place.send("g", hold=True)
    place.wait_for("begun", ["a", "b", "c", "d", "e", "e", "f", "f", "g"])
    place.kill_server()
    place.wait_for("begun", ["a", "b", "c", "d", "e", "e", "f", "f", "g", "g"])
    place.let_go("g")
    place.wait_for_done(["a", "b", "c", "d", "e", "f", "g"])
    # 8. Both within a task.
    begun = place.words("begun")
    place.send("h", hold=True)
    place.wait_for("begun", [*begun, "h"])
    place.kill_server()
    place.kill_worker()
    place.let_go("h")
    place.start_worker()
    place.wait_for_done(["a", "b", "c", "d", "e", "f", "g", "h"])
    time.sleep(2)
    assert place.words("done") == ["a", "b", "c", "d", "e", "f", "g", "h"]
    # Nothing is wrong any more: a worker that is asked to end does.
    place.workers[-1].terminate()
    assert place.workers[-1].wait(20) == 0


@pytest.mark.sweep
def test_a_living_workers_task_is_left_alone(place: Place) -> None:
    place.send("long", hold=True)
    place.start_worker()
    place.wait_for("begun", ["long"])
    code = "import jobs; from partner_portal.broker import requeue_abandoned; print(requeue_abandoned(jobs.app))"
    run = [sys.executable, "-c", code]
    result = subprocess.run(run, cwd=place.folder, env=place.environment, check=True, capture_output=True, text=True)
    assert result.stdout == "0\n"
    place.let_go("long")
    place.wait_for_done(["long"])
    assert place.words("begun") == ["long"]
