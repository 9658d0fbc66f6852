"""Progress of a run, in the cache: the run itself is stored when it ends."""

import time

from django.core.cache import cache

_SECONDS_CACHED = 900
_SECONDS_BETWEEN = 0.3


class RunProgress:
    """Takes phase or table, done and total, and stores them at every change and else a few times a second."""

    def __init__(self, connection_id: int) -> None:
        self._key = _key(connection_id)
        self._phase = ""
        self._at = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if phase != self._phase or moment - self._at >= _SECONDS_BETWEEN:
            self._phase, self._at = phase, moment
            cache.set(self._key, (phase, done, total), _SECONDS_CACHED)

    def forget(self) -> None:
        """Remove what was stored."""
        cache.delete(self._key)


def progress_of(connection_id: int) -> tuple[str, int, int] | None:
    """Phase or table, done and total (0: unknown) of the run that is going on; None for none."""
    stored: tuple[str, int, int] | None = cache.get(_key(connection_id))
    return stored


def _key(connection_id: int) -> str:
    return f"source-run:{connection_id}"
