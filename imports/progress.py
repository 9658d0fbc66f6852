"""How far the work on a batch has come. Kept in the cache: the work itself is one transaction, in which nobody sees anything."""

import time
from dataclasses import dataclass

from django.core.cache import cache

_SECONDS_KEPT = 3600
_SECONDS_BETWEEN = 0.3


@dataclass(frozen=True, slots=True)
class Progress:
    """The phase, and how much of it is done; `total` is 0 where that cannot be said."""

    phase: str
    done: int
    total: int


def progress_of(batch_id: int) -> Progress | None:
    """What was last told, or None."""
    told = cache.get(_key(batch_id))
    return Progress(*told) if told else None


def forget(batch_id: int) -> None:
    """The work is over."""
    cache.delete(_key(batch_id))


class ProgressReporter:
    """Call it with phase, done and total: it is passed on a few times a second, and at every change of phase."""

    def __init__(self, batch_id: int) -> None:
        self._key = _key(batch_id)
        self._phase = ""
        self._at = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if phase != self._phase or moment - self._at >= _SECONDS_BETWEEN:
            cache.set(self._key, (phase, done, total), _SECONDS_KEPT)
            self._phase, self._at = phase, moment


def _key(batch_id: int) -> str:
    return f"import-progress:{batch_id}"
