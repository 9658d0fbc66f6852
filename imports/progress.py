"""Progress of a batch, in the cache: what happens inside its one transaction is visible to nobody else.

The other way round, the cache tells the worker that somebody cancelled the batch: its row is no use, since the worker's
transaction may hold what changes it.
"""

import time
from dataclasses import dataclass

from django.core.cache import cache

_SECONDS_CACHED = 3600
_SECONDS_BETWEEN = 0.3
_SECONDS_BEFORE_ESTIMATE = 2.0


class CancelledError(Exception):
    """Somebody cancelled the batch while it was processed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Phase of a batch, and how much of it is done."""

    phase: str
    done: int
    total: int  #: 0 when it is not known
    seconds_left: int | None = None  #: of the phase; None while that cannot be estimated


def progress_of(batch_id: int) -> Progress | None:
    """The progress reported last; None for none."""
    reported = cache.get(_key(batch_id))
    return Progress(*reported) if reported else None


def forget(batch_id: int) -> None:
    """Remove the progress of a batch that is finished."""
    cache.delete_many([_key(batch_id), _cancel_key(batch_id)])


def request_stop(batch_id: int) -> None:
    """Have the worker that processes the batch stop at its next report."""
    cache.set(_cancel_key(batch_id), True, _SECONDS_CACHED)


class ProgressReporter:
    """Takes phase, done and total, and stores them at every change of phase and else a few times a second.

    Raises CancelledError once somebody has asked to stop.
    """

    def __init__(self, batch_id: int) -> None:
        self._batch_id = batch_id
        self._phase = ""
        self._at = 0.0
        self._began = 0.0
        self._done_before = 0

    def __call__(self, phase: str, done: int, total: int) -> None:
        moment = time.monotonic()
        if phase == self._phase and moment - self._at < _SECONDS_BETWEEN:
            return
        if cache.get(_cancel_key(self._batch_id)):
            raise CancelledError
        if phase != self._phase:
            self._began, self._done_before = moment, done
        self._phase, self._at = phase, moment
        cache.set(_key(self._batch_id), (phase, done, total, self._seconds_left(moment, done, total)), _SECONDS_CACHED)

    def _seconds_left(self, moment: float, done: int, total: int) -> int | None:
        """Seconds until the phase is done at its speed so far."""
        passed, advanced = moment - self._began, done - self._done_before
        if passed < _SECONDS_BEFORE_ESTIMATE or advanced <= 0 or total <= done:
            return None
        return round(passed / advanced * (total - done))


def _key(batch_id: int) -> str:
    return f"import-progress:{batch_id}"


def _cancel_key(batch_id: int) -> str:
    return f"import-cancelled:{batch_id}"
