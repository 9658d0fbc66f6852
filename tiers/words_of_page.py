"""The sentences of the tier page: what its figures say, before any drawing."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from partner_portal.lib.language import of_reader
from partner_portal.templatetags.figures import metric_label, tier_name, whole
from tiers.over_time import OverTime
from tiers.rules import RequirementGap, TierGap
from tiers.tier_page import KeepTier, TierPage
from tiers.words import reworded


@dataclass(frozen=True, slots=True)
class Said:
    """performance: beside the performance tier; review: beside the next review; total: above the bars; keep: what keeps the
    credited tier; next: what the tier above performance needs."""

    performance: str
    review: str
    total: str
    keep: str
    next: str


def said(page: TierPage) -> Said:
    """The page in sentences."""
    return Said(_performance(page), _review(page), _total(page), _keep(page.keep, page), _next(page))


def series_said(series: OverTime) -> str:
    """What the series says: from its highest to now, and where it ends if nothing else happens."""
    now, peak = series.now, series.peak
    values = {
        "peak": whole(peak.points.total),
        "when": _day(peak.day),
        "now": whole(now.points.total),
        "day": _day(now.day),
    }
    if peak.day == now.day:
        text = _("With %(now)s points on %(day)s, the total is at its highest of the range.") % values
    else:
        text = _("The total went from a high of %(peak)s on %(when)s to %(now)s on %(day)s.") % values
    if series.end is None:
        return str(text)
    ending = (
        _("If nothing else happens, %(points)s are left on %(end)s, all of them managed.")
        if (not series.end.points.sold)
        else _("If nothing else happens, %(points)s are left on %(end)s.")
    )
    text += " " + ending % {"points": whole(series.end.points.total), "end": _day(series.end.day)}
    if series.next_drop is not None:
        text += " " + _("The tier by performance is %(tier)s by %(when)s.") % {
            "tier": tier_name(series.next_drop.performance),
            "when": _day(series.next_drop.day),
        }
    return str(text)


def _performance(page: TierPage) -> str:
    next_tier = page.standing.next_tier
    if page.standing.rule_set is None:
        return _("No rule set is in force on this day")
    if not page.standing.certified.held:
        return _("Nobody holds a valid %s certification") % page.standing.certified.name
    if next_tier is None:
        return _("The highest tier there is")
    return _missing_words(next_tier)


def _missing_words(gap: TierGap) -> str:
    missing = [row for row in gap.requirements if not row.met]
    if not missing:
        return _("%s is met") % gap.tier
    return _("Short of %(tier)s by %(what)s") % {"tier": gap.tier, "what": _and(_short(row) for row in missing)}


def _short(row: RequirementGap) -> str:
    if row.missing is None:
        return _("%s, of which there is no data") % metric_label(row.metric)
    name = str(metric_label(row.metric))
    if row.metric.endswith("_points"):
        return f"{whole(_up(row.missing))} {name[0].lower()}{name[1:]}"
    return name


def _up(value: Decimal) -> Decimal:
    """Whole points that are missing, rounded up: 24.0001 missing needs 25."""
    return value.to_integral_value(rounding="ROUND_CEILING")


def _review(page: TierPage) -> str:
    outlook = page.standing.outlook
    if outlook is None:
        return _("The programme has no reviews.")
    left = sum(reading.to_come for reading in outlook.readings)
    readings = _("One reading left.") if left == 1 else _("%s readings left.") % left
    if outlook.before.tier is None and outlook.after is None:
        return _("Untiered: there is nothing to review.")
    if outlook.after == outlook.before.tier:
        return _("If nothing changes: stays %(tier)s. %(readings)s") % {
            "tier": tier_name(outlook.after),
            "readings": readings,
        }
    return _("If nothing changes: becomes %(tier)s. %(readings)s") % {
        "tier": tier_name(outlook.after),
        "readings": readings,
    }


def _total(page: TierPage) -> str:
    total = page.standing.points.total
    needs = [
        (row.need, gap.tier)
        for gap in page.standing.targets
        for row in gap.requirements
        if row.metric == "total_points"
    ]
    below = [(need, tier) for need, tier in needs if need <= total]
    above = [(need, tier) for need, tier in needs if need > total]
    sum_words = _(
        "Sourced %(sourced)s and assisted %(assisted)s are %(sold)s sold points; with %(managed)s managed the total is %(total)s."
    ) % {
        "sourced": whole(page.standing.points.sourced),
        "assisted": whole(page.standing.points.assisted),
        "sold": whole(page.standing.points.sold),
        "managed": whole(page.standing.points.managed),
        "total": whole(total),
    }
    if below and above:
        place = _("That lies between %(low)s (%(a)s) and %(high)s (%(b)s).") % {
            "low": below[-1][1],
            "a": whole(below[-1][0]),
            "high": above[0][1],
            "b": whole(above[0][0]),
        }
    elif above:
        place = _("That is below %(tier)s (%(need)s).") % {"tier": above[0][1], "need": whole(above[0][0])}
    elif below:
        place = _("That is past every tier.")
    else:
        place = ""
    return f"{sum_words} {place}".strip()


def _keep(keep: KeepTier | None, page: TierPage) -> str:
    outlook = page.standing.outlook
    if keep is None or outlook is None:
        return ""
    if keep.met:
        months = _and(date_format(reading.on, "F") for reading in keep.met)
        return _("%(tier)s stays at the next review: met in %(months)s.") % {"tier": keep.tier, "months": months}
    if keep.kept:
        return reworded(outlook.reason, of_reader())
    if keep.closest is None or keep.closest.gap is None:
        return reworded(outlook.reason, of_reader())
    return _(
        "To keep %(tier)s, one reading must meet it. The closest is %(day)s: %(what)s missing if nothing else happens."
    ) % {
        "tier": keep.tier,
        "day": _day(keep.closest.on),
        "what": _and(_short(row) for row in keep.closest.gap.requirements if not row.met) or _("the certification is"),
    }


def _next(page: TierPage) -> str:
    gap = page.standing.next_tier
    if gap is None or gap.binding is None:
        return ""
    return _("%(what)s. Binding: %(metric)s.") % {
        "what": _missing_words(gap),
        "metric": metric_label(gap.binding.metric),
    }


def _and(parts: object) -> str:
    found = list(parts)  # type: ignore[call-overload]
    if len(found) < 2:
        return "".join(found)
    return _("%(first)s and %(last)s") % {"first": ", ".join(found[:-1]), "last": found[-1]}


def _day(value: date) -> str:
    return date_format(value, "j M Y")
