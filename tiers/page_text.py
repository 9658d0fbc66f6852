"""Sentences of the tier page: what its figures mean, in the reader's language."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partner_portal.formats.days import day_text, month_name
from partner_portal.formats.numbers import whole
from partner_portal.lib.sentences import listed
from program.labels import metric_label, tier_name
from program.terms import Metric
from tiers.gap_text import lacking, short_of
from tiers.over_time import OverTime
from tiers.reason_text import reason_text
from tiers.tier_page import TierPage


@dataclass(frozen=True, slots=True)
class PageText:
    """The sentences of the tier page; "" where there is nothing to say."""

    #: Beside the performance tier: the distance to the next one.
    performance: str
    #: Beside the next review: what it does if nothing changes.
    review: str
    #: Between which tiers the total lies.
    total: str
    #: What is needed for the credited tier to stay.
    stay: str
    #: What the tier above performance needs.
    next: str


def page_text(page: TierPage) -> PageText:
    """The sentences of the tier page."""
    return PageText(_performance(page), _review(page), _total(page), _stay_text(page), _next(page))


def series_text(series: OverTime) -> str:
    """Describe the series: its highest total, its last one, and where it ends if nothing else happens."""
    now, peak = series.now, series.peak
    values = {
        "peak": whole(peak.points.total),
        "when": day_text(peak.day),
        "now": whole(now.points.total),
        "day": day_text(now.day),
    }
    if peak.day == now.day:
        text = _("With %(now)s points on %(day)s, the total is at its highest of the range.") % values
    else:
        text = _("The total went from a high of %(peak)s on %(when)s to %(now)s on %(day)s.") % values
    if series.end is None:
        return text
    ending = (
        _("If nothing else happens, %(points)s are left on %(end)s, all of them managed.")
        if not series.end.points.sold
        else _("If nothing else happens, %(points)s are left on %(end)s.")
    )
    text += " " + ending % {"points": whole(series.end.points.total), "end": day_text(series.end.day)}
    if series.next_drop is not None:
        text += " " + _("The tier by performance is %(tier)s by %(when)s.") % {
            "tier": tier_name(series.next_drop.performance),
            "when": day_text(series.next_drop.day),
        }
    return text


def _performance(page: TierPage) -> str:
    next_tier = page.standing.next_tier
    if page.standing.rule_set is None:
        return _("No rule set is in force on this day")
    certification = page.standing.certified.name
    if not page.standing.certified.held:
        nobody = _("Nobody held a valid %s certification") if page.past else _("Nobody holds a valid %s certification")
        return nobody % certification
    if next_tier is None:
        return _("The highest tier there is")
    return short_of(next_tier, certification)


def _review(page: TierPage) -> str:
    outlook = page.standing.outlook
    if outlook is None:
        return _("The programme has no reviews.")
    left = sum(reading.to_come for reading in outlook.readings)
    if page.past:
        readings = ngettext("One reading was left.", "%(left)s readings were left.", left) % {"left": left}
    else:
        readings = ngettext("One reading left.", "%(left)s readings left.", left) % {"left": left}
    if outlook.before.tier is None and outlook.after is None:
        if page.past:
            return _("Untiered: there was nothing to review.")
        return _("Untiered: there is nothing to review.")
    if outlook.after == outlook.before.tier:
        text = (
            _("If nothing changed: would stay %(tier)s. %(readings)s")
            if page.past
            else _("If nothing changes: stays %(tier)s. %(readings)s")
        )
    else:
        text = (
            _("If nothing changed: would become %(tier)s. %(readings)s")
            if page.past
            else _("If nothing changes: becomes %(tier)s. %(readings)s")
        )
    return text % {"tier": tier_name(outlook.after), "readings": readings}


def _total(page: TierPage) -> str:
    total = page.standing.points.total
    needs = [
        (row.need, gap.tier)
        for gap in page.standing.targets
        for row in gap.requirements
        if row.metric == Metric.TOTAL_POINTS
    ]
    below = [(need, tier) for need, tier in needs if need <= total]
    above = [(need, tier) for need, tier in needs if need > total]
    if below and above:
        text = _("That lies between %(low)s (%(a)s) and %(high)s (%(b)s).") % {
            "low": below[-1][1],
            "a": whole(below[-1][0]),
            "high": above[0][1],
            "b": whole(above[0][0]),
        }
    elif above:
        text = _("That is below %(tier)s (%(need)s).") % {"tier": above[0][1], "need": whole(above[0][0])}
    elif below:
        text = _("That is past every tier.")
    else:
        text = ""
    return text


def _stay_text(page: TierPage) -> str:
    stay, outlook = page.stay, page.standing.outlook
    if stay is None or outlook is None:
        return ""
    if stay.met:
        months = listed([month_name(reading.on) for reading in stay.met])
        text = (
            _("%(tier)s was to stay at the next review: met in %(months)s.")
            if page.past
            else _("%(tier)s stays at the next review: met in %(months)s.")
        )
        return text % {"tier": stay.tier, "months": months}
    if stay.stays or stay.closest is None or stay.closest.gap is None:
        return reason_text(outlook.review_row.reason) if outlook.review_row else ""
    text = (
        _(
            "To keep %(tier)s, one reading had to meet it. The closest was %(day)s: %(what)s missing if nothing else happened."
        )
        if page.past
        else _(
            "To keep %(tier)s, one reading must meet it. The closest is %(day)s: %(what)s missing if nothing else happens."
        )
    )
    return text % {
        "tier": stay.tier,
        "day": day_text(stay.closest.on),
        "what": lacking(stay.closest.gap, page.standing.certified.name),
    }


def _next(page: TierPage) -> str:
    gap = page.standing.next_tier
    if gap is None:
        return ""
    short = short_of(gap, page.standing.certified.name)
    if gap.binding is None:
        return f"{short}."
    return _("%(what)s. Furthest to go: %(metric)s.") % {"what": short, "metric": metric_label(gap.binding.metric)}
