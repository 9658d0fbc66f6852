"""Reading a large HubSpot account at the pace of every installation, from a simulator in a process of its own.

python -m bench.hubspot CLIENTS DEALS CHANGED     serves such an account, as `measure` does for itself
"""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from bench.measurement import Measurement
from bench.place import ROOT, Place

CLIENTS, DEALS, CHANGED = 1_200, 30_000, 12_500
CALLS = 12 + 300 + 32 + 15  # pages of clients and of deals, associations, and the rest
SECONDS = 90.0
MEMORY = 64.0  # MiB more than before
SEARCHES = 63
TOKEN = "measured-by-bench"  # noqa: S105 -- opens made-up data on this machine
LATENCY = 0.005  # seconds


def measure(place: Place, *, quick: bool) -> Iterator[Measurement]:
    """Read everything, then what changed in one moment."""
    import django

    os.environ.update(place.environment)
    django.setup()
    size = (CLIENTS // 10, DEALS // 10, CHANGED // 10) if quick else (CLIENTS, DEALS, CHANGED)
    command = [sys.executable, "-m", "bench.hubspot", *map(str, size)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            address, moment = (process.stdout.readline() if process.stdout else "").split()
            yield from _read(place, address, datetime.fromisoformat(moment), size)
        finally:
            process.terminate()


def _read(place: Place, address: str, moment: datetime, size: tuple[int, int, int]) -> Iterator[Measurement]:
    from sources.hubspot.client import HubSpotClient
    from sources.hubspot.source import HubSpotSource
    from sources.source import Access, Settings, Window

    settings = Settings(take={"deals": "all"})
    source = HubSpotSource(lambda token, **options: HubSpotClient(token, base=address, **options))
    clients, deals = source.tables(settings)
    place.var.mkdir(parents=True, exist_ok=True)
    before = _memory()
    with source.reading(Access("bench", token=TOKEN), settings, {}) as reading:
        start = time.monotonic()
        rows = 0
        most = before
        for table in (clients, deals):
            with _File(place.var / f"{table.name}.csv", table.header) as file:
                rows += reading.read(table, None, (), file, lambda *_step: None).rows
            most = max(most, file.most)
        seconds, calls = time.monotonic() - start, reading.calls
        with _File(place.var / "changed.csv", deals.header) as file:
            changed = reading.read(deals, Window(moment), (), file, lambda *_step: None).rows
    what = f"{size[0]:,} clients, {size[1]:,} deals"
    yield Measurement("hubspot", f"{what}: rows", rows, "", size[0] + size[1], at_least=True)
    yield Measurement("hubspot", f"{what}: calls", calls, "", CALLS + 1)
    yield Measurement("hubspot", f"{what}: read", seconds, "s", SECONDS, note="at no more than 5 calls a second")
    yield Measurement("hubspot", f"{what}: memory", most - before, "MiB", MEMORY)
    yield Measurement("hubspot", "changed in one moment", changed, "", size[2], at_least=True)
    # Every page but the last one is full; deals also have their associations, a call a thousand, and there is the schema.
    extra = reading.calls - calls
    yield Measurement("hubspot", "changed in one moment: calls", extra, "", SEARCHES + 20)


class _File:
    """A run's file; notes how much memory the process has while it is written."""

    def __init__(self, path: Path, header: tuple[str, ...]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._file, header)
        self._writer.writeheader()
        self._rows = 0
        self.most = 0.0

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def row(self, values: Mapping[str, str | None]) -> None:
        self._writer.writerow(values)
        self._rows += 1
        if self._rows % 500 == 0:
            self.most = max(self.most, _memory())


def _memory() -> float:
    """Resident memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _serve(clients: int, deals: int, changed: int) -> None:
    from sources.simulator.api import Simulator
    from sources.simulator.faults import Fault
    from sources.simulator.samples import fill
    from sources.simulator.server import SimulatorServer
    from sources.simulator.world import World

    world = World()
    world.add_token(TOKEN)
    fill(world, clients, deals, same_moment=changed)
    moment = next(iter(world.rows["deals"].values())).updated
    simulator = Simulator(world)
    simulator.faults.append(Fault("slow", value=str(LATENCY)))
    server = SimulatorServer(simulator)
    sys.stdout.write(f"{server.address} {moment.isoformat()}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    _serve(*map(int, sys.argv[1:4]))
