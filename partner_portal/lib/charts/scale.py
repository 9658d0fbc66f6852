"""The vertical axis of a chart: round ticks, whole ones for counts, and none above 100 % for ratios."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from partner_portal.lib.charts.chart import Axis, Tick

ZERO = Decimal(0)
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Scale:
    """What an axis counts, and how its ticks are written."""

    #: Writes a value with that many decimals.
    write: Callable[[Decimal, int], str]
    #: Whether only whole numbers mean something.
    whole: bool = False
    #: Whether values are ratios, so that 1 is the most and a step of 0.01 has no decimals.
    ratio: bool = False
    #: Whether the axis starts at 0 even when all values are far above it.
    from_zero: bool = True


def axis(values: Iterable[Decimal], scale: Scale, most: int = 5) -> Axis:
    """An axis that holds all the values with about `most` ticks. Values must not be empty."""
    known = list(values)
    low, high = min(known), max(known)
    if scale.from_zero:
        low, high = min(low, ZERO), max(high, ZERO)
    if low == high:  # a single value: the axis shows a little around it
        spread = abs(high) / 10 or ONE
        low, high = (low, high + spread) if scale.from_zero else (low - spread, high + spread)
    if scale.ratio and max(known) <= 1:
        high = min(high, ONE)
    step = round_step((high - low) / most, whole=scale.whole)
    first = (low / step).to_integral_value(ROUND_FLOOR) * step
    last = (high / step).to_integral_value(ROUND_CEILING) * step
    if scale.ratio and max(known) <= 1:
        last = min(last, ONE)
    ticks, at = [], first
    while at <= last:
        ticks.append(at)
        at += step
    exponent = step.normalize().as_tuple().exponent
    places = max(0, -(exponent if isinstance(exponent, int) else 0) - (2 if scale.ratio else 0))
    return Axis(float(first), float(last), tuple(Tick(float(at), scale.write(at, places)) for at in ticks))


def round_step(least: Decimal, *, whole: bool = False) -> Decimal:
    """The smallest of 1, 2 and 5 times a power of ten that is at least `least`, which is above 0; whole: and at least 1."""
    power = Decimal(1).scaleb(least.adjusted())
    step = next(times * power for times in map(Decimal, (1, 2, 5, 10)) if times * power >= least)
    return max(step, ONE) if whole else step
