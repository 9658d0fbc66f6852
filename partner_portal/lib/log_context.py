"""On whose behalf this thread works: the ids that every log line carries, never names or tokens."""

import re
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from uuid import uuid4

HEADER = "X-Request-ID"
_USABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


@dataclass(frozen=True, slots=True)
class LogContext:
    """Ids of what is being done; empty or None where there is none."""

    #: Of the request, or of the request that enqueued the task.
    request_id: str = ""
    #: Of the task that a worker runs.
    task_id: str = ""
    partner_id: int | None = None
    user_id: int | None = None


_current: ContextVar[LogContext] = ContextVar("log_context", default=LogContext())  # noqa: B039 -- frozen


def current() -> LogContext:
    """The ids that apply now."""
    return _current.get()


def begin(request_id: str = "", task_id: str = "") -> Token[LogContext]:
    """Start a request or a task, of nobody yet; give the result to `end`."""
    return _current.set(LogContext(request_id, task_id))


def end(token: Token[LogContext]) -> None:
    """Return to what applied before `begin`."""
    _current.reset(token)


def note_tenant(partner_id: int | None, user_id: int | None) -> None:
    """Whose rows the database shows from now on."""
    _current.set(replace(_current.get(), partner_id=partner_id, user_id=user_id))


def usable_id(text: str) -> str:
    """`text` where it can serve as the id of a request, else a new one."""
    return text if _USABLE.fullmatch(text) else uuid4().hex
