"""One sentence that says how the points of an entry came about (`docs/points.md` 4).

Pure; English unless another wording is given. Numbers are printed in full, so that the sentence can be checked by hand.
"""

from decimal import Decimal

from ledger.records import Entry
from partner_portal.lib.dates.months import month_count
from partner_portal.lib.wording import ENGLISH, Wording
from program.terms import Cause, Origin, Track


def why(entry: Entry, *, with_money: bool = True, wording: Wording = ENGLISH) -> str:
    """The sentence of an entry, such as `EUR 880.00 / 88 per US$100 x 5 (sourced) x 1 = 50`.

    Without money, the amounts are named but not told: `MRR in units of US$100 x 5 (sourced) x 1 = 50`.
    """
    if entry.track == Track.MANAGED:
        return _managed(entry, with_money, wording)
    if entry.cause == Cause.EARNED:
        return _computation(entry, entry.points, with_money, wording)
    if entry.cause == Cause.DOWNGRADED:
        return _downgraded(entry, with_money, wording)
    if entry.cause == Cause.EXPIRED:
        return _expired(entry, wording)
    if entry.cause == Cause.CHURNED:
        return _lost(entry, wording)
    return f"{wording.number(entry.points)} points of deal {entry.deal_id}: {entry.cause}."


def working(
    amount: Decimal,
    currency: str,
    per_unit: Decimal,
    rate: Decimal,
    track: Track | Origin,
    factor: Decimal,
    points: Decimal,
    partners: int | None = None,
    wording: Wording = ENGLISH,
) -> str:
    """The computation of sold or managed points in one line; `partners` only for managed points."""
    unit = per_us_100(amount, currency, per_unit, wording)
    return f"{unit} x {_rest(rate, track, factor, partners, points, wording)}"


def per_us_100(amount: Decimal, currency: str, per_unit: Decimal, wording: Wording = ENGLISH) -> str:
    """The amount in units of US$100 by the currency table: `EUR 880.00 / 88 per US$100`."""
    us_100 = wording.gettext("per US$100")
    return f"{wording.money(amount, currency)} / {wording.number(per_unit)} {us_100}"


def managing_partners(count: int, wording: Wording = ENGLISH) -> str:
    """By how many partners managed points are divided: `2 managing partners`."""
    return wording.ngettext("%(count)s managing partner", "%(count)s managing partners", count) % {"count": count}


def _rest(
    rate: Decimal, track: Track | Origin, factor: Decimal, partners: int | None, points: Decimal, wording: Wording
) -> str:
    shared = "" if partners is None else f" / {managing_partners(partners, wording)}"
    return f"{wording.number(rate)} ({track}) x {wording.number(factor)}{shared} = {wording.number(points)}"


def _computation(entry: Entry, points: Decimal, with_money: bool, wording: Wording) -> str:
    if entry.amount is None or entry.per_unit is None or entry.rate is None or entry.factor is None:
        text = wording.gettext("%(points)s points in force from several services at once.")
        return text % {"points": wording.number(points)}
    if not with_money:
        rest = _rest(entry.rate, entry.track, entry.factor, entry.partners, points, wording)
        unit = wording.gettext("MRR in units of US$100")
        return f"{unit} x {rest}"
    return working(
        entry.amount, entry.currency, entry.per_unit, entry.rate, entry.track, entry.factor, points, entry.partners,
        wording,
    )  # fmt: skip


def _downgraded(entry: Entry, with_money: bool, wording: Wording) -> str:
    text = (
        wording.gettext(
            "Downgrade %(by)s of %(amount)s took %(share)s %% of its product line: "
            "%(lost)s of the %(before)s points that deal %(deal)s had left."
        )
        if with_money
        else wording.gettext(
            "Downgrade %(by)s took %(share)s %% of its product line: "
            "%(lost)s of the %(before)s points that deal %(deal)s had left."
        )
    )
    return text % {
        "by": entry.by_deal_id,
        "amount": wording.money(entry.amount or Decimal(0), entry.currency),
        "share": wording.number((entry.share or Decimal(0)) * 100),
        "lost": wording.number(-entry.points),
        "before": wording.number(entry.before),
        "deal": entry.deal_id or "",
    }


def _expired(entry: Entry, wording: Wording) -> str:
    values = _lot_values(entry, wording)
    if entry.earned_on is None:
        text = (
            wording.gettext("All %(earned)s points of deal %(deal)s expired on %(on)s.")
            if _whole(entry)
            else wording.gettext(
                "All that remained of the %(earned)s points of deal %(deal)s, %(left)s, expired on %(on)s."
            )
        )
        return text % values
    months = month_count(entry.earned_on, entry.on)
    text = (
        wording.gettext("All %(earned)s points of deal %(deal)s expired %(months)s months after %(start)s.")
        if _whole(entry)
        else wording.gettext(
            "All that remained of the %(earned)s points of deal %(deal)s, %(left)s, "
            "expired %(months)s months after %(start)s."
        )
    )
    return text % (values | {"months": str(months), "start": wording.day(entry.earned_on)})


def _lost(entry: Entry, wording: Wording) -> str:
    text = (
        wording.gettext("All %(earned)s points of deal %(deal)s were lost when %(what)s was cancelled on %(on)s.")
        if _whole(entry)
        else wording.gettext(
            "All that remained of the %(earned)s points of deal %(deal)s, %(left)s, "
            "were lost when %(what)s was cancelled on %(on)s."
        )
    )
    what = entry.cancelled_line or wording.gettext("the whole client")
    return text % (_lot_values(entry, wording) | {"what": what})


def _earned(entry: Entry) -> Decimal:
    return entry.before if entry.lot_points is None else entry.lot_points


def _whole(entry: Entry) -> bool:
    """Whether nothing of the lot had gone before."""
    return entry.before == _earned(entry)


def _lot_values(entry: Entry, wording: Wording) -> dict[str, str]:
    return {
        "earned": wording.number(_earned(entry)),
        "left": wording.number(entry.before),
        "deal": entry.deal_id or "",
        "on": wording.day(entry.on),
    }


def _managed(entry: Entry, with_money: bool, wording: Wording) -> str:
    computed = _computation(entry, entry.after, with_money, wording) if entry.after else ""
    values = {
        "before": wording.number(entry.before),
        "after": wording.number(entry.after),
        "on": wording.day(entry.on),
        "computed": computed,
    }
    if entry.cause == Cause.EARNED:
        return _computation(entry, entry.after, with_money, wording)
    if entry.after == 0:
        text = (
            wording.gettext("From %(before)s to 0: the whole client was cancelled on %(on)s.")
            if entry.cause == Cause.CHURNED
            else wording.gettext("From %(before)s to 0: no service is in force from %(on)s on.")
        )
        return text % values
    if entry.cause == Cause.CHURNED:
        return (
            wording.gettext("From %(before)s to %(after)s, with the whole client cancelled that day: %(computed)s")
            % values
        )
    return wording.gettext("From %(before)s to %(after)s: %(computed)s") % values
