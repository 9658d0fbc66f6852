"""Progress of a worker's job, in the cache: what happens inside the job's own transaction is visible to nobody else.

The other way round, the cache tells the worker that somebody cancelled the job: its row is no use, since the worker's
transaction may hold what changes it.
"""

import time
from dataclasses import dataclass
from typing import Literal

from django.core.cache import cache

_SECONDS_CACHED = 900
_SECONDS_BETWEEN = 0.3
_SECONDS_BEFORE_ESTIMATE = 2.0


class CancelledError(Exception):
    """Somebody cancelled the job while it ran."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Phase of a job, and how much of it is done."""

    phase: str
    done: int
    total: int  #: 0 when it is not known
    seconds_left: int | None = None  #: of the phase; None while that cannot be estimated


class JobProgress:
    """Progress of one job. Whoever does the job calls it with phase, done and total; others read `latest`.

    A call stores the progress at every change of phase, and else a few times a second. It raises CancelledError once
    somebody has requested a stop.
    """

    def __init__(self, kind: Literal["import", "sync", "preview"], pk: int) -> None:
        self._key, self._stop_key = f"{kind}-progress:{pk}", f"{kind}-cancelled:{pk}"
        self._phase = ""
        self._at = 0.0
        self._began = 0.0
        self._done_before = 0

    def __call__(self, phase: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if phase == self._phase and moment - self._at < _SECONDS_BETWEEN:
            return
        if cache.get(self._stop_key):
            raise CancelledError
        if phase != self._phase:
            self._began, self._done_before = moment, done
        self._phase, self._at = phase, moment
        cache.set(self._key, (phase, done, total, self._seconds_left(moment, done, total)), _SECONDS_CACHED)

    def _seconds_left(self, moment: float, done: int, total: int) -> int | None:
        """Seconds until the phase is done at its speed so far."""
        passed, advanced = moment - self._began, done - self._done_before
        if passed < _SECONDS_BEFORE_ESTIMATE or advanced <= 0 or total <= done:
            return None
        return round(passed / advanced * (total - done))

    @property
    def latest(self) -> Progress | None:
        """The progress stored last; None for none."""
        stored = cache.get(self._key)
        return Progress(*stored) if stored else None

    def forget(self) -> None:
        """Remove what is stored: the job has ended."""
        cache.delete_many([self._key, self._stop_key])

    def request_stop(self) -> None:
        """Have the worker that does the job stop at its next call."""
        cache.set(self._stop_key, True, _SECONDS_CACHED)
