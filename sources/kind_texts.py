"""Sentences about further kinds and proposals, in the reader's language."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from partner_portal.formats.days import day_text
from partner_portal.formats.numbers import decimal_text
from sources.source import CAME_BACK, MAY_BE_EARLIER, STARTS_TODAY


def about(kind: str) -> str:
    """What a kind brings, and how it is kept up to date."""
    return {
        "mrr_history": _(
            "What each client pays a month, at the end of the month: as the last full sync of the month saw it, and for "
            "the time before you switch it on as HubSpot’s history has it. A month without a sync stays without data."
        ),
        "renewals": _(
            "The day on which each client renews, with the MRR before and after. HubSpot knows one renewal of a client, not "
            "one of each product. When the day moves on, the earlier renewal counts as renewed."
        ),
        "services": _(
            "When you managed which MRR of a client, from HubSpot’s history. Each stretch of the same amount is proposed as "
            "a service, and becomes one only when you confirm it."
        ),
        "cancellations": _(
            "Days on which a client’s MRR became 0, or a product had no edition any more. Each is proposed as a "
            "cancellation, and becomes one only when you confirm it."
        ),
    }.get(kind, "")


def effect_on_points(kind: str) -> str:
    """What a kind means for points."""
    return {
        "mrr_history": _("No points depend on it. It gives your retention (C$R and GRR)."),
        "renewals": _(
            "No points depend on it. It shows which points are at stake: those of a product only if the renewal names it."
        ),
        "services": _("Services earn managed points from their first day on, so it can change the past."),
        "cancellations": _("A cancellation takes points away from its day on, so it can change the past."),
    }.get(kind, "")


def note_text(note: str, detail: str) -> str:
    """What to know about a proposal; "" for nothing."""
    return {
        STARTS_TODAY: _("HubSpot has no history of it, so it starts on the day on which it was first seen."),
        MAY_BE_EARLIER: _("HubSpot’s history does not go back further, so it may have started earlier."),
        CAME_BACK: _("It was there again on %(day)s.") % {"day": _day(detail)},
    }.get(note, "")


def proposal_text(kind: str, cells: Mapping[str, str]) -> str:
    """A proposal in words. cells: by our columns."""
    if kind == "services":
        blanks = {"mrr": _amount(cells["mrr"]), "currency": cells["currency"], "start": _day(cells["started_on"])}
        if not cells["ended_on"]:
            return _("%(mrr)s %(currency)s a month since %(start)s") % blanks
        blanks |= {"end": _day(cells["ended_on"])}
        return _("%(mrr)s %(currency)s a month from %(start)s until %(end)s") % blanks
    blanks = {"day": _day(cells["cancelled_on"]), "line": cells["product_line"]}
    return (_("%(line)s cancelled on %(day)s") if blanks["line"] else _("Everything cancelled on %(day)s")) % blanks


def _amount(text: str) -> str:
    """An amount as people write it; the vendor's text when it is no number."""
    try:
        return decimal_text(Decimal(text), 2)
    except InvalidOperation:
        return text


def _day(text: str) -> str:
    return day_text(date.fromisoformat(text)) if text else ""
