"""The cache backend: Redis or Valkey, whose outage costs time and no answer.

The cache only saves work, so a request that cannot reach it goes on as if nothing were stored. Rate limits counted in it do
not count meanwhile.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

SECONDS_WITHOUT_TRYING = 5.0  # after a failure: a page reads the cache many times


def _no_count(key: str, *_: object) -> int:
    raise ValueError(f"Key {key!r} not found.")  # as Django says it of a key that was evicted


def _nothing(*_: object) -> bool:
    return False


# What a command returns when nothing is stored; all others return False (`_nothing`).
WITHOUT_SERVER: Mapping[str, Callable[..., object]] = {
    "add": lambda *_: True,  # nobody has it: locks and rate limits let everybody in, or nobody could sign in
    "get": lambda _key, default=None: default,
    "get_many": lambda _keys: {},
    "incr": _no_count,
}


class OutageTolerantClient:
    """Django's Redis client, for which a server that cannot be reached is an empty cache that stores nothing."""

    unreachable_until = 0.0  # of the whole process, by the monotonic clock

    def __init__(self, servers: list[str], **options: Any) -> None:
        self._client = RedisCacheClient(servers, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        command: Callable[..., Any] = getattr(self._client, name)

        def run(*args: object) -> object:
            if time.monotonic() >= OutageTolerantClient.unreachable_until:
                try:
                    return command(*args)
                except (RedisError, OSError) as error:
                    OutageTolerantClient.unreachable_until = time.monotonic() + SECONDS_WITHOUT_TRYING
                    logger.warning("The cache cannot be reached; requests go on without it: %s", error)
            return WITHOUT_SERVER.get(name, _nothing)(*args)

        return run


class OutageTolerantCache(RedisCache):
    """`RedisCache` with the client above."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = OutageTolerantClient
