"""Sentences for the reasons why a client brings no points (`tiers.no_points_reasons`), in the reader's language."""

from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partner_portal.formats.days import day_text
from partner_portal.formats.numbers import exact_number
from partner_portal.lib.sentences import listed
from tiers.no_points_reasons import NoPointsReason, Why

MOST_NAMED = 3  # deals that a sentence names; more are counted
LEAST_POINTS = Decimal("0.0001")  # points have 4 decimals
TEXTS = {
    Why.EXPIRED: gettext_lazy("The points of deal %(deal)s, won on %(earned)s, expired on %(on)s."),
    Why.DOWNGRADED: gettext_lazy("Downgrade %(by)s of %(on)s took all that was left of deal %(deal)s."),
    Why.LINE_CANCELLED: gettext_lazy(
        "“%(line)s” was cancelled on %(on)s, which took the %(points)s points of deal %(deal)s."
    ),
    Why.CANCELLED: gettext_lazy(
        "The whole client was cancelled on %(on)s, which took the %(points)s points of deal %(deal)s."
    ),
    Why.NOTHING_SOLD: gettext_lazy("Nothing was sold to this client: there is no deal of it."),
    Why.SERVICES_CANCELLED: gettext_lazy("The whole client was cancelled on %(on)s, which ended its managed points."),
    Why.SERVICES_ENDED: gettext_lazy("Not managed since %(on)s, when the last service ended."),
    Why.SERVICE_TOO_SMALL: gettext_lazy("The service in force is too small for %(least)s points."),
    Why.SERVICE_LATER: gettext_lazy("The next service starts on %(on)s."),
    Why.NEVER_MANAGED: gettext_lazy("We never managed this client: there is no service of it."),
}
OF_DEALS = {  # for one deal, and for several
    Why.DEALS_TOO_SMALL: (
        gettext_lazy("%(deals)s is too small for %(least)s points."),
        gettext_lazy("%(deals)s are too small for %(least)s points."),
    ),
    Why.NO_ORIGIN: (
        gettext_lazy("%(deals)s is of origin “none”: neither sourced nor assisted by us."),
        gettext_lazy("%(deals)s are of origin “none”: neither sourced nor assisted by us."),
    ),
    Why.WON_LATER: (
        gettext_lazy("%(deals)s is won only from %(first)s on."),
        gettext_lazy("%(deals)s are won only from %(first)s on."),
    ),
    Why.OPEN: (
        gettext_lazy("%(deals)s is still open: points come on the day a deal is won."),
        gettext_lazy("%(deals)s are still open: points come on the day a deal is won."),
    ),
    Why.LOST: (gettext_lazy("%(deals)s was lost."), gettext_lazy("%(deals)s were lost.")),
}


def no_points_text(reason: NoPointsReason) -> str:
    """The sentence of a reason: `Deals D1 and D2 were lost.`"""
    text = OF_DEALS[reason.why][len(reason.deals) > 1] if reason.why in OF_DEALS else TEXTS[reason.why]
    on = day_text(reason.on) if reason.on else ""
    return str(text) % {
        "deals": _deals(reason.deals),
        "deal": "".join(reason.deals[:1]),
        "earned": day_text(reason.earned_on) if reason.earned_on else "",
        "on": on,
        "first": on,
        "line": reason.cancelled_line,
        "points": exact_number(reason.points),
        "by": reason.by_deal_id,
        "least": exact_number(LEAST_POINTS),
    }


def _deals(ids: Sequence[str]) -> str:
    """The deals by id, or their number if there are more than MOST_NAMED."""
    if len(ids) == 1:
        return _("Deal %(id)s") % {"id": ids[0]}
    if len(ids) > MOST_NAMED:
        return _("%(count)s deals") % {"count": len(ids)}
    return _("Deals %(ids)s") % {"ids": listed(ids)}
