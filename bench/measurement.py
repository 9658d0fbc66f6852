"""What a measurement is, and the table that they are printed as."""

from collections.abc import Iterable
from dataclasses import dataclass


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
