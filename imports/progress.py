"""Progress of a batch, in the cache: what happens inside its one transaction is visible to nobody else."""

import time
from dataclasses import dataclass

from django.core.cache import cache

_SECONDS_CACHED = 3600
_SECONDS_BETWEEN = 0.3


@dataclass(frozen=True, slots=True)
class Progress:
    """Phase of a batch, and how much of it is done."""

    phase: str
    done: int
    total: int  # 0 when it is not known


def progress_of(batch_id: int) -> Progress | None:
    """The progress reported last; None for none."""
    reported = cache.get(_key(batch_id))
    return Progress(*reported) if reported else None


def forget(batch_id: int) -> None:
    """Remove the progress of a batch that is finished."""
    cache.delete(_key(batch_id))


class ProgressReporter:
    """Takes phase, done and total, and stores them at every change of phase and else a few times a second."""

    def __init__(self, batch_id: int) -> None:
        self._key = _key(batch_id)
        self._phase = ""
        self._at = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if phase != self._phase or moment - self._at >= _SECONDS_BETWEEN:
            cache.set(self._key, (phase, done, total), _SECONDS_CACHED)
            self._phase, self._at = phase, moment


def _key(batch_id: int) -> str:
    return f"import-progress:{batch_id}"
