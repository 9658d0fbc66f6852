"""Messages in folders: none is lost when a worker is killed, none is seen half-written. Real worker processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection

from partner_portal.file_broker import SCHEME

APP = """
import time
from pathlib import Path
from celery import Celery
import partner_portal.file_broker

here = Path(__file__).parent
app = Celery("jobs", broker="portal-files://localhost")
app.conf.update(
    broker_transport_options={"folder": str(here / "broker"), "polling_interval": 0.05},
    task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1, task_ignore_result=True,
    worker_enable_remote_control=False,
)

@app.task
def note(word, seconds=0):
    with (here / "begun").open("a") as file:
        file.write(word + "\\n")
    time.sleep(seconds)
    with (here / "done").open("a") as file:
        file.write(word + "\\n")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "jobs.py").write_text(APP)
    return tmp_path


@pytest.fixture
def environment(project: Path) -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    return os.environ | {"PYTHONPATH": f"{project}{os.pathsep}{root}"}


class Worker:
    """A worker process and its pool, in a process group of their own."""

    def __init__(self, project: Path, environment: dict[str, str]) -> None:
        self.log = (project / "worker.log").open("a")
        command = [sys.executable, "-m", "celery", "-A", "jobs", "worker", "-c", "1", "-l", "INFO"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        self.process = subprocess.Popen(
            command, cwd=project, env=environment, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(20)
        self.log.close()
        return code


@pytest.fixture
def start(project: Path, environment: dict[str, str]) -> Iterator:
    workers: list[Worker] = []

    def begin() -> Worker:
        workers.append(Worker(project, environment))
        return workers[-1]

    yield begin
    for worker in workers:
        if worker.process.poll() is None:
            worker.kill()


def send(project: Path, environment: dict[str, str], word: str, seconds: float = 0) -> None:
    code = f"import jobs; jobs.note.delay({word!r}, {seconds})"
    subprocess.run([sys.executable, "-c", code], cwd=project, env=environment, check=True)


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def wait_for(path: Path, expected: list[str], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while lines(path) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert lines(path) == expected


def connection(folder: Path) -> Connection:
    return Connection(f"{SCHEME}://", transport_options={"folder": str(folder), "polling_interval": 0.01})


@pytest.mark.slow
def test_a_message_waits_for_a_worker_and_is_gone_when_done(project: Path, environment: dict[str, str], start) -> None:
    send(project, environment, "one")
    send(project, environment, "two")
    worker = start()
    wait_for(project / "done", ["one", "two"])
    assert worker.stop() == 0
    assert list((project / "broker").rglob("*.json")) == []
    assert list((project / "broker" / "taken").iterdir()) == []


@pytest.mark.slow
def test_a_killed_workers_message_is_worked_on_again(project: Path, environment: dict[str, str], start) -> None:
    send(project, environment, "long", 2)
    worker = start()
    wait_for(project / "begun", ["long"])
    worker.kill()
    assert lines(project / "done") == []
    start()
    wait_for(project / "done", ["long"])
    assert lines(project / "begun") == ["long", "long"]


def test_a_second_worker_leaves_the_messages_of_a_living_one_alone(tmp_path: Path) -> None:
    with connection(tmp_path) as one, connection(tmp_path) as two:
        first, second = one.SimpleQueue("celery"), two.SimpleQueue("celery")
        first.put("a")
        message = first.get(timeout=1)
        with pytest.raises(second.Empty):
            second.get(block=False)
        message.ack()
        assert list(tmp_path.rglob("*.json")) == []


def test_what_was_taken_and_not_acknowledged_goes_back_in_its_old_place(tmp_path: Path) -> None:
    with connection(tmp_path) as one:
        queue = one.SimpleQueue("celery")
        for word in ("a", "b", "c"):
            queue.put(word)
        assert queue.get(timeout=1).payload == "a"
        one.release()
    with connection(tmp_path) as two:
        queue = two.SimpleQueue("celery")
        found = []
        for _ in range(3):
            message = queue.get(timeout=1)
            found.append(message.payload)
            message.ack()
    assert sorted(found) == ["a", "b", "c"]


def test_a_reader_never_sees_half_a_message(tmp_path: Path) -> None:
    long = "x" * 200_000

    def write() -> None:
        with connection(tmp_path) as sender:
            queue = sender.SimpleQueue("celery")
            for _ in range(50):
                queue.put(long)

    writer = threading.Thread(target=write)
    writer.start()
    with connection(tmp_path) as receiver:
        queue = receiver.SimpleQueue("celery")
        for _ in range(50):
            message = queue.get(timeout=10)
            assert message.payload == long
            message.ack()
    writer.join()


def test_two_folders_do_not_meet(tmp_path: Path) -> None:
    with connection(tmp_path / "one") as one, connection(tmp_path / "two") as two:
        one.SimpleQueue("celery").put("a")
        other = two.SimpleQueue("celery")
        with pytest.raises(other.Empty):
            other.get(block=False)
