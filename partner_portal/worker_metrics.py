"""What a worker counts, at an address of its own: tasks, how long they take, and mails. Off without WORKER_METRICS.

Connected by `partner_portal.celery`. prometheus_client is imported late, once it can see the folder that its processes share.
"""

import os
import shutil
import tempfile
import time

from celery.signals import (
    celeryd_init,
    task_postrun,
    task_prerun,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)

from partner_portal import env

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_started: dict[str, float] = {}


def listening_address() -> tuple[str, int] | None:
    """Host and port of WORKER_METRICS; None when it is not set. Raises SettingError."""
    text = env.text("WORKER_METRICS").strip()
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not port.isdecimal():
        raise env.SettingError(f"WORKER_METRICS: '{text}' is not of the form 127.0.0.1:9101.")
    return host.strip("[]") or "127.0.0.1", int(port)


@celeryd_init.connect
def _share_counts(**_: object) -> None:
    """Before the pool's processes are started: the folder in which they and this one add up."""
    if listening_address() and FOLDER not in os.environ:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="portal-metrics-")


@worker_ready.connect
def _serve(**_: object) -> None:
    if (address := listening_address()) is None:
        return
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    host, port = address
    start_http_server(port, host, registry)


@worker_process_shutdown.connect
def _forget_process(pid: int, **_: object) -> None:
    if listening_address():
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)


@worker_shutdown.connect
def _remove_folder(**_: object) -> None:
    if listening_address() and (folder := os.environ.get(FOLDER)):
        shutil.rmtree(folder, ignore_errors=True)


@task_prerun.connect
def _begin(task_id: str, **_: object) -> None:
    _started[task_id] = time.perf_counter()


@task_postrun.connect
def _count(task_id: str, state: str, sender: object, **_: object) -> None:
    started = _started.pop(task_id, None)
    if listening_address() is None or started is None:
        return
    from partner_portal.lib.metrics import TASK_SECONDS, TASKS

    name = str(getattr(sender, "name", ""))
    TASKS.labels(name, state.lower()).inc()
    TASK_SECONDS.labels(name).observe(time.perf_counter() - started)
