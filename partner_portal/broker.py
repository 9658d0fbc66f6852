"""The Celery broker: Redis or Valkey, the same delivery rules for both, and what a killed worker held goes back.

Tasks are acknowledged after they ran, so a task that a worker has taken stays on the server until then. Kombu alone gives
it to another worker only after the visibility timeout, which must exceed the longest task. Here every worker stores what
it has taken under a key of its own, and its connection carries its name: the server drops the connection with the
process, so the tasks of a worker that has no connection any more can go back to their queues within seconds.
"""

import logging
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from celery import Celery, bootsteps
from celery.signals import celeryd_init
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as redis_transport

logger = logging.getLogger(__name__)

EMBEDDED_SCHEME = "embedded-valkey"
# The last resort for a server that does not list its connections. Must exceed the longest task.
VISIBILITY_TIMEOUT = 45 * 60
REQUEUE_SECONDS = 10  # between two searches for tasks of workers that are gone

_WORKER = "portal-worker:"  # prefix of connection names
_TAKEN = "unacked:"  # prefix of the keys that hold what one worker has taken
_TAKEN_INDEX = "unacked_index:"
_TAKEN_BEFORE = "unacked"  # the one key of all workers in versions up to 0.1


def broker_settings(redis_url: str) -> dict[str, object]:
    """Return Celery's broker settings for a Redis or Valkey server, or for the embedded one when `redis_url` is empty."""
    return {
        "broker_url": redis_url or f"{EMBEDDED_SCHEME}://localhost",
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_TIMEOUT,
            "health_check_interval": 25,
            "queue_order_strategy": "sorted",  # which queue a free worker reads first
        },
    }


class EmbeddedChannel(redis_transport.Channel):
    """A channel to the embedded server, which is started when it does not run."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, object]:
        from django.conf import settings

        from partner_portal.local import valkey

        path = valkey.ensure_running(settings.PORTAL_VAR)
        client: Any = self.connection.client
        hostname, client.hostname = (
            client.hostname,
            f"socket://{quote(str(path))}",
        )  # how Kombu's transport is given a socket
        try:
            return super()._connparams(asynchronous)  # type: ignore[misc, no-any-return] # not in the stubs
        finally:
            client.hostname = hostname


class EmbeddedTransport(redis_transport.Transport):
    """Kombu's Redis transport on the embedded server's socket."""

    Channel = EmbeddedChannel


TRANSPORT_ALIASES[EMBEDDED_SCHEME] = f"{__name__}:EmbeddedTransport"


@celeryd_init.connect
def _name_worker(conf: Any, **_: object) -> None:
    """Give this worker's taken tasks a key, and its connections a name, of their own."""
    name = uuid4().hex
    conf.broker_transport_options = conf.broker_transport_options | {
        "client_name": _WORKER + name,
        "unacked_key": _TAKEN + name,
        "unacked_index_key": _TAKEN_INDEX + name,
    }


class RequeueAbandoned(bootsteps.StartStopStep):
    """Requeues the tasks of workers that are gone, when a worker starts and every few seconds."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: object, **kwargs: object) -> None:
        super().__init__(parent, **kwargs)
        self._entry: Any = None

    def start(self, parent: Any) -> None:
        """Begin with the worker."""
        self._requeue(parent.app)
        self._entry = parent.timer.call_repeatedly(REQUEUE_SECONDS, self._requeue, (parent.app,))

    def stop(self, parent: object) -> None:
        """End with the worker."""
        if self._entry is not None:
            self._entry.cancel()

    def _requeue(self, app: Celery) -> None:
        try:
            if count := requeue_abandoned(app):
                logger.warning("%d tasks of workers that are gone went back to their queues", count)
        except Exception as error:  # the worker's own connection reports an outage, and retries
            logger.info("No search for tasks of workers that are gone: %s", error)


def requeue_abandoned(app: Celery) -> int:
    """Put back what workers without a connection had taken and not finished; returns how many tasks."""
    count = 0
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        client = channel.client
        keys = [key.decode() for key in client.scan_iter(match=f"{_TAKEN_BEFORE}*", _type="hash")]
        # Keys first: a worker whose key is seen was connected before, so it is alive if it still is.
        connected = {entry["name"] for entry in client.client_list()}
        for key in keys:
            worker = key.removeprefix(_TAKEN)
            if key != _TAKEN_BEFORE and _WORKER + worker in connected:
                continue
            index = _TAKEN_INDEX + worker if key != _TAKEN_BEFORE else "unacked_index"
            count += client.hlen(key)
            _restore(app, key, index)
    return count


def _restore(app: Celery, key: str, index: str) -> None:
    """Have Kombu put all messages under `key` back, as it does after the visibility timeout."""
    options = {"unacked_key": key, "unacked_index_key": index, "visibility_timeout": 0}
    with app.connection_for_write(transport_options=options) as connection:
        channel: Any = connection.default_channel
        channel.qos.restore_visible(num=None)
