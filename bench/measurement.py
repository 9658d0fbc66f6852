"""What a measurement is, the table that they are printed as, and the ratios that the repository expects."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

EXPECTED = Path(__file__).with_name(
    "expected.json"
)  # ratios travel between machines, seconds do not: only those are recorded
WORSE = 4 / 3  # than expected: fails


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value beside the bar that it has to meet, if there is one.

    name: what `--only` picks it by; several measurements may share it. bar: the value that must not be passed; with
    `at_least` the value that must be reached. note: what one needs to know to read it.
    """

    name: str
    what: str
    value: float
    unit: str
    bar: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None without one."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value < self.bar

    @property
    def key(self) -> str:
        """What its expected value is recorded under."""
        return f"{self.name}: {self.what}"


def expected() -> dict[str, float]:
    """The recorded ratios, by `Measurement.key`."""
    recorded: dict[str, float] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return recorded


def record(measurements: Iterable[Measurement]) -> None:
    """Record the ratios among them as what is expected from now on."""
    ratios = {row.key: round(row.value, 3) for row in measurements if row.unit == "x"}
    EXPECTED.write_text(json.dumps(dict(sorted((expected() | ratios).items())), indent=1) + "\n", encoding="utf-8")


def failures(measurements: Iterable[Measurement], recorded: Mapping[str, float]) -> Iterator[str]:
    """Sentences about ratios a third worse than recorded, and bars that are not met.

    A bar that the recorded ratio did not meet either is open, and no failure until the ratio gets worse.
    """
    for row in measurements:
        before = recorded.get(row.key) if row.unit == "x" else None
        if before is not None and (row.value * WORSE < before if row.at_least else row.value > before * WORSE):
            yield f"{row.key}: {row.value:.2f} x is a third worse than {before:.2f} x"
        elif row.met is False and (before is None or replace(row, value=before).met):
            yield f"{row.key}: the bar is not met"


HEAD = ("name", "what", "value", "bar", "", "note")


def table(measurements: Iterable[Measurement]) -> str:
    """One line a measurement, columns aligned."""
    rows = [HEAD]
    for measurement in measurements:
        sign = "at least" if measurement.at_least else "under"
        rows.append(
            (
                measurement.name,
                measurement.what,
                _number(measurement.value, measurement.unit),
                "" if measurement.bar is None else f"{sign} {_number(measurement.bar, measurement.unit)}",
                {True: "met", False: "NOT MET", None: ""}[measurement.met],
                measurement.note,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _number(value: float, unit: str) -> str:
    places = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{places}f} {unit}".strip()
