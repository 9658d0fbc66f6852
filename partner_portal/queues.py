"""What waits in the queues, for operators: how much, and since when."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from redis import Redis

from partner_portal.celery import CLOCK_QUEUE, QUEUE, app
from partner_portal.task_context import QUEUED_AT

QUEUES = (QUEUE, CLOCK_QUEUE)


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue of the broker."""

    name: str
    #: Messages that no worker has taken.
    waiting: int
    #: Age of the oldest of them in seconds; 0 for an empty queue, or when the message does not tell.
    oldest_seconds: float


@contextmanager
def broker_client() -> Iterator[Redis]:
    """The server that holds the queues. Raises kombu's OperationalError, or redis' errors, when it cannot be reached."""
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
        yield cast("Redis", getattr(broker.default_channel, "client", None))


def queue_states(client: Redis) -> list[QueueState]:
    """All queues, in the order in which workers read them."""
    states = []
    for name in QUEUES:
        waiting = client.llen(name)
        oldest = client.lindex(name, -1) if waiting else None  # taken from the right, so the oldest is there
        states.append(QueueState(name, waiting, _age(cast("bytes | None", oldest))))
    return states


def _age(message: bytes | None) -> float:
    queued_at = json.loads(message).get("headers", {}).get(QUEUED_AT) if message else None
    return max(time.time() - queued_at, 0.0) if queued_at else 0.0
