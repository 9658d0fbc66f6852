"""Sentences that explain how the points of an entry were computed (`docs/points.md` 4).

Numbers are printed in full, so that a reader can check the sentence by hand.
"""

from decimal import Decimal

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ledger.records import Computation, Entry
from partner_portal.formats.days import day_text
from partner_portal.formats.numbers import exact_money, exact_number
from partner_portal.lib.dates.months import month_count
from program.terms import Cause, Origin, Track

# The sentences; `ledger.why_sql` fills in the same ones.
SEVERAL = _("%(points)s points in force from several services at once.")
PER_US_100 = _("per US$100")
UNITS = _("MRR in units of US$100")
WHOLE_CLIENT = _("the whole client")
DOWNGRADED = _(
    "Downgrade %(by)s of %(amount)s took %(share)s%% of its product line: "
    "%(lost)s of the %(before)s points that deal %(deal)s had left."
)
DOWNGRADED_WITHOUT_MONEY = _(
    "Downgrade %(by)s took %(share)s%% of its product line: "
    "%(lost)s of the %(before)s points that deal %(deal)s had left."
)
EXPIRED_WHOLE = _("All %(earned)s points of deal %(deal)s expired %(months)s months after %(start)s.")
EXPIRED_REST = _(
    "All that remained of the %(earned)s points of deal %(deal)s, %(left)s, expired %(months)s months after %(start)s."
)
EXPIRED_WHOLE_ON = _("All %(earned)s points of deal %(deal)s expired on %(on)s.")
EXPIRED_REST_ON = _("All that remained of the %(earned)s points of deal %(deal)s, %(left)s, expired on %(on)s.")
LOST_WHOLE = _("All %(earned)s points of deal %(deal)s were lost when %(what)s was cancelled on %(on)s.")
LOST_REST = _(
    "All that remained of the %(earned)s points of deal %(deal)s, %(left)s, "
    "were lost when %(what)s was cancelled on %(on)s."
)
MANAGED_CHURNED = _("From %(before)s to 0: the whole client was cancelled on %(on)s.")
MANAGED_ENDED = _("From %(before)s to 0: no service is in force from %(on)s on.")
MANAGED_CHURNED_SAME_DAY = _("From %(before)s to %(after)s, with the whole client cancelled that day: %(computed)s")
MANAGED = _("From %(before)s to %(after)s: %(computed)s")
TAKES_BACK = _("Correction, takes back: %s")


def why(entry: Entry, *, with_money: bool = True) -> str:
    """The sentence of an entry, such as `EUR 880.00 / 88 per US$100 x 5 (sourced) x 1 = 50`.

    with_money: False leaves amounts out: `MRR in units of US$100 x 5 (sourced) x 1 = 50`.
    """
    if entry.track == Track.MANAGED:
        return _managed(entry, with_money)
    if entry.cause == Cause.EARNED:
        return _computation(entry, entry.points, with_money)
    if entry.cause == Cause.DOWNGRADED:
        return _downgraded(entry, with_money)
    if entry.cause == Cause.EXPIRED:
        return _expired(entry)
    if entry.cause == Cause.CHURNED:
        return _lost(entry)
    return f"{exact_number(entry.points)} points of deal {entry.deal_id}: {entry.cause}."


def working(computation: Computation) -> str:
    """The computation of sold or managed points in one line, as in `why`."""
    unit = per_us_100(computation.amount, computation.currency, computation.per_unit)
    rest = _rest(computation.rate, computation.track, computation.factor, computation.partners, computation.points)
    return f"{unit} x {rest}"


def per_us_100(amount: Decimal, currency: str, per_unit: Decimal) -> str:
    """The amount in units of US$100 by the currency table: `EUR 880.00 / 88 per US$100`."""
    return f"{exact_money(amount, currency)} / {exact_number(per_unit)} {PER_US_100}"


def managing_partners(count: int) -> str:
    """The number of partners that managed points are divided by: `2 managing partners`."""
    return ngettext("%(count)s managing partner", "%(count)s managing partners", count) % {"count": count}


def _rest(rate: Decimal, track: Track | Origin, factor: Decimal, partners: int | None, points: Decimal) -> str:
    shared = "" if partners is None else f" / {managing_partners(partners)}"
    return f"{exact_number(rate)} ({track}) x {exact_number(factor)}{shared} = {exact_number(points)}"


def _computation(entry: Entry, points: Decimal, with_money: bool) -> str:
    if entry.amount is None or entry.per_unit is None or entry.rate is None or entry.factor is None:
        return str(SEVERAL) % {"points": exact_number(points)}
    unit = per_us_100(entry.amount, entry.currency, entry.per_unit) if with_money else UNITS
    return f"{unit} x {_rest(entry.rate, entry.track, entry.factor, entry.partners, points)}"


def _downgraded(entry: Entry, with_money: bool) -> str:
    text = str(DOWNGRADED if with_money else DOWNGRADED_WITHOUT_MONEY)
    return text % {
        "by": entry.by_deal_id,
        "amount": exact_money(entry.amount or Decimal(0), entry.currency),
        "share": exact_number((entry.share or Decimal(0)) * 100),
        "lost": exact_number(-entry.points),
        "before": exact_number(entry.before),
        "deal": entry.deal_id or "",
    }


def _expired(entry: Entry) -> str:
    values = _lot_values(entry)
    if entry.earned_on is None:
        return str(EXPIRED_WHOLE_ON if _whole(entry) else EXPIRED_REST_ON) % values
    months = month_count(entry.earned_on, entry.on)
    text = str(EXPIRED_WHOLE if _whole(entry) else EXPIRED_REST)
    return text % (values | {"months": str(months), "start": day_text(entry.earned_on)})


def _lost(entry: Entry) -> str:
    text = str(LOST_WHOLE if _whole(entry) else LOST_REST)
    return text % (_lot_values(entry) | {"what": entry.cancelled_line or str(WHOLE_CLIENT)})


def _earned(entry: Entry) -> Decimal:
    return entry.before if entry.lot_points is None else entry.lot_points


def _whole(entry: Entry) -> bool:
    """Whether the lot had lost nothing before."""
    return entry.before == _earned(entry)


def _lot_values(entry: Entry) -> dict[str, str]:
    return {
        "earned": exact_number(_earned(entry)),
        "left": exact_number(entry.before),
        "deal": entry.deal_id or "",
        "on": day_text(entry.on),
    }


def _managed(entry: Entry, with_money: bool) -> str:
    computed = _computation(entry, entry.after, with_money) if entry.after else ""
    values = {
        "before": exact_number(entry.before),
        "after": exact_number(entry.after),
        "on": day_text(entry.on),
        "computed": computed,
    }
    if entry.cause == Cause.EARNED:
        return _computation(entry, entry.after, with_money)
    if entry.after == 0:
        return str(MANAGED_CHURNED if entry.cause == Cause.CHURNED else MANAGED_ENDED) % values
    return str(MANAGED_CHURNED_SAME_DAY if entry.cause == Cause.CHURNED else MANAGED) % values
