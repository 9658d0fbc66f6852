"""The reasons of tier changes in plain English; `tiers.rules` decides, this page only says it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from partner_portal.lib.rounding import half_even

METRIC_NAMES = {
    "total_points": "total",
    "sold_points": "sold",
    "sourced_points": "sourced",
    "managed_points": "managed",
    "csr": "C$R",
    "grr": "GRR",
    "certified_people": "certified people",
    "tool_usage_mean": "mean tool usage",
    "tool_usage_median": "median tool usage",
    "sold_mrr_12m": "12-month sold MRR",
    "managed_mrr": "managed MRR",
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def rise(
    met: Sequence[tuple[str, Decimal | None, Decimal]], *, newly_certified: str | None, not_invited: str | None
) -> str:
    """Why the tier rose: the requirements (metric, have, need) that were met on the day."""
    shown = [f"{METRIC_NAMES[metric]} {_value(metric, have)} of {_value(metric, need)}" for metric, have, need in met]
    text = (
        f"Rise. {_capital(_listed(shown))} {'was' if len(shown) == 1 else 'were'} met on the day." if shown else "Rise."
    )
    if newly_certified is not None:
        text += f" A {newly_certified} certification became valid."
    if not_invited is not None:
        text += f" {not_invited} is by invitation."
    return text


def held(tier: str, since: date, months: int) -> str:
    """Why a review did not touch a tier that was credited shortly before."""
    return f"Review. Kept: {tier} has been credited since {_day(since)}, less than {months} months."


def lapsed(certification: str) -> str:
    """Why a review took every tier away."""
    return f"Review. No {certification} certification was valid on the day."


def kept(tier: str, met: Sequence[date], readings: int) -> str:
    """Why a review kept the tier: the readings that met it."""
    if len(met) == readings:
        return f"Review. Kept: all {_count(readings)} readings met {tier}."
    return f"Review. Kept, met in {_listed([f'{day:%B}' for day in met])}."


def fall(tier: str, best: str | None, window_start: date, readings: int) -> str:
    """Why a review lowered the tier: no reading met it."""
    rest = f"the best was {best}" if best is not None else "none met any tier"
    return f"Review. None of the {_count(readings)} readings since {_day(window_start)} met {tier}; {rest}."


def untiered() -> str:
    """Why a review has nothing to say."""
    return "Untiered: there is nothing to review. A tier is credited on the day its requirements are met."


def _value(metric: str, value: Decimal | None) -> str:
    if value is None:
        return "no data"
    if metric in ("csr", "grr"):
        return f"{half_even(value * 100, 1):f} %"
    if metric.startswith("tool_usage"):
        return f"{half_even(value, 1):,f}"
    if metric.endswith(("mrr", "mrr_12m")):
        return f"US$ {half_even(value, 0):,f}"
    return f"{half_even(value, 0):,f}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _count(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"
