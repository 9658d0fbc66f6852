"""What a task's message says beside its arguments: which request it belongs to, and since when it waits."""

import time
from contextvars import Token
from typing import Protocol

from celery.signals import before_task_publish, task_postrun, task_prerun

from partner_portal.lib import log_context

REQUEST_ID = "portal_request_id"
QUEUED_AT = "portal_queued_at"  # seconds since the epoch


class _Message(Protocol):
    """What Celery knows of the message that a running task came with."""

    def get(self, name: str, /) -> object:
        """A header of the message; None when it has none of that name."""


class _Task(Protocol):
    request: _Message


_running: dict[str, Token[log_context.LogContext]] = {}


@before_task_publish.connect
def _describe(headers: dict[str, object], **_: object) -> None:
    headers[REQUEST_ID] = log_context.current().request_id
    headers[QUEUED_AT] = time.time()


@task_prerun.connect
def _begin(task_id: str, task: _Task, **_: object) -> None:
    _running[task_id] = log_context.begin(str(task.request.get(REQUEST_ID) or ""), task_id)


@task_postrun.connect
def _end(task_id: str, **_: object) -> None:
    if (token := _running.pop(task_id, None)) is not None:
        log_context.end(token)
