"""A clock that several processes share and that moves only when somebody waits, so that a day takes minutes."""

import fcntl
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

VARIABLE = "BENCH_CLOCK"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class SimulatedClock:
    """The seconds that have passed since START, in a file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def monotonic(self) -> float:
        """Seconds since START."""
        stored = os.pread(self._file, 8, 0)
        return struct.unpack("d", stored)[0] if stored else 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            os.pwrite(self._file, struct.pack("d", self.monotonic() + seconds), 0)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def now(self) -> datetime:
        """The moment."""
        return START + timedelta(seconds=self.monotonic())


def install() -> SimulatedClock:
    """Have this process live by the clock that the environment names. Django is set up."""
    from django.conf import settings

    from partner_portal.lib.dates import clock
    from sources.hubspot.client import HubSpotClient
    from sources.source import source_of

    own = SimulatedClock(Path(os.environ[VARIABLE]))
    vars(clock)["datetime"] = type("Simulated", (datetime,), {"now": lambda _zone=None: own.now()})

    def client(token: str, **options: object) -> HubSpotClient:
        base = settings.HUBSPOT_API_BASE
        return HubSpotClient(token, base=base, monotonic=own.monotonic, sleep=own.sleep, **options)

    vars(source_of("hubspot"))["client"] = client
    return own
