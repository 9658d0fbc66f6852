"""One sentence in plain English that says how the points of an entry came about (`docs/points.md` 4).

Pure. Numbers are printed in full, so that the sentence can be checked by hand.
"""

from datetime import date
from decimal import Decimal

from ledger.records import Entry


def why(entry: Entry, *, with_money: bool = True) -> str:
    """The sentence of an entry, such as `EUR 880.00 / 88 per US$100 x 5 (sourced) x 1 = 50`.

    Without money, the amounts are named but not told: `MRR in units of US$100 x 5 (sourced) x 1 = 50`.
    """
    if entry.track == "managed":
        return _managed(entry, with_money)
    if entry.cause == "earned":
        return _computation(entry, entry.points, with_money)
    if entry.cause == "downgraded":
        of_amount = f" of {money(entry.amount or Decimal(0), entry.currency)}" if with_money else ""
        return (
            f"Downgrade {entry.by_deal_id}{of_amount} took "
            f"{number((entry.share or Decimal(0)) * 100)} % of its product line: {number(-entry.points)} of the "
            f"{number(entry.before)} points that deal {entry.deal_id} had left."
        )
    if entry.cause == "expired":
        return f"{_all_of_lot(entry)} expired {_months_after(entry)}."
    if entry.cause == "churned":
        what = entry.cancelled_line or "the whole client"
        return f"{_all_of_lot(entry)} were lost when {what} was cancelled on {day(entry.on)}."
    return f"{number(entry.points)} points of deal {entry.deal_id}: {entry.cause}."


def working(
    amount: Decimal,
    currency: str,
    per_unit: Decimal,
    rate: Decimal,
    track: str,
    factor: Decimal,
    points: Decimal,
    partners: int | None = None,
) -> str:
    """The computation of sold or managed points in one line; `partners` only for managed points."""
    shared = "" if partners is None else f" / {_partners(partners)}"
    return (
        f"{money(amount, currency)} / {number(per_unit)} per US$100 x {number(rate)} ({track}) x {number(factor)}"
        f"{shared} = {number(points)}"
    )


def _partners(count: int) -> str:
    return f"{count} managing {'partner' if count == 1 else 'partners'}"


def number(value: Decimal) -> str:
    """A number in full, without trailing zeros, thousands set apart: `1,234.5`, `50`, `62.5`."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal, currency: str) -> str:
    """An amount with its currency and at least two decimals: `EUR 880.00`."""
    exponent = amount.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{currency} {amount:,.{places}f}"


def day(value: date) -> str:
    """A day in words: `1 Aug 2025`."""
    return f"{value.day} {value:%b %Y}"


def _computation(entry: Entry, points: Decimal, with_money: bool) -> str:
    if entry.amount is None or entry.per_unit is None or entry.rate is None or entry.factor is None:
        return f"{number(points)} points in force from several services at once."
    if not with_money:
        shared = "" if entry.partners is None else f" / {_partners(entry.partners)}"
        return (
            f"MRR in units of US$100 x {number(entry.rate)} ({entry.track}) x {number(entry.factor)}{shared} "
            f"= {number(points)}"
        )
    return working(
        entry.amount, entry.currency, entry.per_unit, entry.rate, entry.track, entry.factor, points, entry.partners
    )


def _managed(entry: Entry, with_money: bool) -> str:
    before, after = number(entry.before), number(entry.after)
    if entry.cause == "earned":
        return _computation(entry, entry.after, with_money)
    if entry.cause == "churned":
        if entry.after == 0:
            return f"From {before} to 0: the whole client was cancelled on {day(entry.on)}."
        return f"From {before} to {after}, with the whole client cancelled that day: {_computation(entry, entry.after, with_money)}"
    if entry.after == 0:
        return f"From {before} to 0: no service is in force from {day(entry.on)} on."
    return f"From {before} to {after}: {_computation(entry, entry.after, with_money)}"


def _all_of_lot(entry: Entry) -> str:
    earned = entry.before if entry.lot_points is None else entry.lot_points
    if entry.before == earned:
        return f"All {number(earned)} points of deal {entry.deal_id}"
    return f"All that remained of the {number(earned)} points of deal {entry.deal_id}, {number(entry.before)},"


def _months_after(entry: Entry) -> str:
    if entry.earned_on is None:
        return f"on {day(entry.on)}"
    months = (entry.on.year - entry.earned_on.year) * 12 + entry.on.month - entry.earned_on.month
    return f"{months} months after {day(entry.earned_on)}"
