"""How web processes run; the address comes from the command line. Gunicorn itself reads WEB_CONCURRENCY for `workers`."""

import gc
import os
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = int(os.environ.get("WEB_THREADS") or 8)  # more than REQUESTS_AT_ONCE, so that one person never has them all
worker_class = "partner_portal.web_server.Worker"  # gthread
logger_class = "partner_portal.web_server.MaskingLogger"
limit_request_line = 8190  # bytes; a tier plan is an address
preload_app = True  # imported once, shared by all: starts faster and needs less memory
timeout = 60  # seconds without a sign of life
graceful_timeout = 30  # seconds for requests under way when it is told to stop
max_requests = 10_000  # then a worker is replaced, so that nothing grows for ever
max_requests_jitter = 1_000
control_socket_disable = True  # it would be one for all installations of this user
if Path("/dev/shm").is_dir():  # noqa: S108 - the workers' heartbeat; memory, so that a busy disk does not stop it
    worker_tmp_dir = "/dev/shm"  # noqa: S108

if os.environ.get("METRICS_TOKEN") or "METRICS_TOKEN_FILE" in os.environ:  # the folder in which processes add up
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="portal-metrics-"))


class _Ended(Protocol):
    pid: int


def child_exit(server: object, worker: _Ended) -> None:
    """Forget what a process that ended said of itself; its counts stay."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(server: object) -> None:
    """Remove the folder of the counts."""
    if folder := os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None):
        shutil.rmtree(folder, ignore_errors=True)


def when_ready(server: Any) -> None:
    """Before workers are forked: import the pages too, and take all of it out of the garbage collector's sight.

    None of it is ever garbage. Workers that do not walk it share its memory, and no request waits for the walk.
    """
    from django.conf import settings

    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()
