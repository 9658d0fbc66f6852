"""Statistics of the calls to a simulator: their number, pace and concurrency."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was answered."""

    at: float  #: seconds of the world's clock
    method: str
    path: str
    status: int

    @property
    def search(self) -> bool:
        """Whether it was a search, which has a limit of its own."""
        return self.path.endswith("/search")


class Traffic:
    """Calls in the order of their answers."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a call as one that is being answered."""
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1

    def clear(self) -> None:
        """Reset the statistics."""
        self.calls.clear()
        self.most_at_once = 0

    def recent(self, now: float, seconds: float, *, search: bool = False) -> int:
        """Calls, or searches, of the last seconds."""
        count = 0
        for call in reversed(self.calls):
            if call.at <= now - seconds:
                break
            count += call.search or not search
        return count

    def most_within(self, seconds: float, *, search: bool = False) -> int:
        """The most calls, or searches, in any time of this length."""
        times = sorted(call.at for call in self.calls if call.search or not search)
        most = first = 0
        for last, time in enumerate(times):
            while time - times[first] >= seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def by_status(self) -> Counter[int]:
        """Number of answers by status."""
        return Counter(call.status for call in self.calls)
