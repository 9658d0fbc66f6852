"""Worker processes, brokers and database servers of their own, for tests of what happens when one of them goes away."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import connections

from partner_portal.celery import app as celery_app
from partner_portal.local.valkey import server_program
from reports.tasks import requeue_lost_exports, run_export


def wait_for(condition, seconds=40.0):
    """The first true answer of `condition`; fails after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it never happened")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def copy_database(name, target):
    """Fill the empty database of another embedded server with one of the tests' server."""
    from partner_portal.local.postgres import ensure_running, program_folder

    def to(server):
        return ["-h", server.host, "-p", str(server.port), "-U", server.superuser]

    source = ensure_running(settings.PORTAL_VAR)
    dump = subprocess.Popen([program_folder() / "pg_dump", *to(source), name], stdout=subprocess.PIPE)
    filled = subprocess.run(
        [program_folder() / "psql", *to(target), "-q", "-v", "ON_ERROR_STOP=1", target.database],
        stdin=dump.stdout, stdout=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    dump.stdout.close()
    assert (dump.wait(), filled.returncode) == (0, 0)


class Broker:
    """A Valkey on a network port that keeps its tasks on disk, as in production, and can be killed and started again."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [server_program(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--appendonly", "yes"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_for(lambda: answers(self.port))

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def environment(broker, var=None, database=None):
    """Where a process outside of this one finds a database, files and a broker; by default those of the tests."""
    from partner_portal.local.postgres import ensure_running

    var = Path(var or settings.PORTAL_VAR)
    address = ensure_running(var)
    name = database or connections["default"].settings_dict["NAME"]
    return os.environ | {
        "DATABASE_URL": f"postgresql://{address.user}@/{name}?host={address.host}&port={address.port}",
        "PORTAL_VAR": str(var),
        "REDIS_URL": broker.url,
        "DJANGO_SETTINGS_MODULE": "partner_portal.settings",
    }


class Worker:
    """A real worker process."""

    def __init__(self, environment):
        self._environment = environment

    def __enter__(self):
        self.log = Path(self._environment["PORTAL_VAR"]) / f"worker-{uuid4().hex}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "partner_portal", "worker", "-c", "1", "-l", "INFO", "--without-gossip"],
                env=self._environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_for(lambda: b" ready." in self.log.read_bytes())
        return self

    def said(self):
        return self.log.read_bytes()

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def __exit__(self, *_error):
        if self.process.poll() is None:
            self.kill()


def send(environment, *exports):
    """What `enqueue_export` does, from a process that knows the broker; `exports` are (partner, export) ids."""
    _call(environment, *((run_export, each) for each in exports))


def knock(environment):
    """What the clock does every minute for exports."""
    _call(environment, (requeue_lost_exports, ()))


def _call(environment, *calls):
    with celery_app.connection_for_write(environment["REDIS_URL"]) as broker:
        for task, arguments in calls:
            task.apply_async(arguments, connection=broker)
