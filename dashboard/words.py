"""Sentences of the front page: what its figures say, in the reader's language. Plain text; templates put it on the page."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.contrib.humanize.templatetags.humanize import apnumber
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from ledger.queries import Changes
from partner_portal.lib.rounding import half_even
from partner_portal.templatetags.figures import MONEY, RATIOS, day_text, decimals, metric_label, tier_name, whole
from tiers.queries import Projected, Standing
from tiers.rules import REVIEW_KEPT, Outlook, OutlookReading, RequirementGap, TierGap

POINTS = {
    "total_points": gettext_noop("%s points"),
    "sold_points": gettext_noop("%s sold points"),
    "sourced_points": gettext_noop("%s sourced points"),
    "managed_points": gettext_noop("%s managed points"),
}
COSTLIEST = {
    "expired": gettext_noop("Expired points cost most."),
    "downgraded": gettext_noop("Downgrades cost most."),
    "churned": gettext_noop("Cancellations cost most."),
    "reduced": gettext_noop("Services that became smaller cost most."),
    "ended": gettext_noop("Services that ended cost most."),
}


def missing(gap: RequirementGap) -> str:
    """What a requirement still needs: `76 points`, `12 sourced points`, `3.2 % of GRR`; amounts are not named."""
    if gap.missing is None:
        return _("data on %s") % metric_label(gap.metric)
    return quantity(gap.metric, gap.missing)


def quantity(metric: str, value: Decimal) -> str:
    """So much of a tier metric, with what is counted."""
    if metric in POINTS:
        return _(POINTS[metric]) % whole(value)
    if metric in RATIOS:
        name = "C$R" if metric == "csr" else "GRR"
        return _("%(percent)s %% of %(name)s") % {"percent": decimals(value * 100, 1), "name": name}
    if metric == "certified_people":
        return ngettext("%s certified person", "%s certified people", int(value)) % whole(value)
    if metric in MONEY:
        return _("some %s") % metric_label(metric)
    return _("%(number)s of %(name)s") % {"number": decimals(value, 1), "name": metric_label(metric)}


def short_of(gap: TierGap) -> str:
    """What keeps a tier from being met: the binding requirement, or the certification; "" when it is met."""
    if gap.binding is not None:
        return missing(gap.binding)
    return "" if gap.certified else _("the certification")


def opening(standing: Standing) -> tuple[str, str]:
    """The first sentence of the page and the rest of it: the next review, today's gap, and what the day would bring."""
    outlook = standing.outlook
    if standing.rule_set is None:
        return _("No rule set is in force today."), _("Points are counted; tiers cannot be given.")
    first = ""
    if outlook is not None and standing.days_to_review is not None:
        days = standing.days_to_review
        first = ngettext("%(days)s day to the review on %(on)s.", "%(days)s days to the review on %(on)s.", days) % {
            "days": days,
            "on": date_format(outlook.review.on, "j F Y"),
        }
    return first, " ".join(filter(None, [_today(standing), _on_the_day(outlook) if outlook else ""]))


def _today(standing: Standing) -> str:
    credited = next((gap for gap in standing.targets if gap.tier == standing.credited), None)
    if credited is not None:
        short = short_of(credited)
        if short:
            return _("Today you are %(short)s short of %(tier)s.") % {"short": short, "tier": credited.tier}
        return _("Today’s figures meet %(tier)s.") % {"tier": credited.tier}
    if standing.next_tier is not None:
        short = short_of(standing.next_tier)
        return _("No tier is credited; you are %(short)s short of %(tier)s.") % {
            "short": short,
            "tier": standing.next_tier.tier,
        }
    return ""


def _on_the_day(outlook: Outlook) -> str:
    last = outlook.readings[-1]
    short = short_of(last.gap) if last.gap is not None else ""
    effect = review_effect(outlook)
    if short:
        return _(
            "If nothing else happens you will be %(short)s short on the day, and the credited tier %(effect)s."
        ) % {
            "short": short,
            "effect": effect,
        }
    return _("If nothing else happens the credited tier %(effect)s.") % {"effect": effect}


def review_effect(outlook: Outlook) -> str:
    """What the review does, after "the credited tier": `falls to Platinum`, `stays Diamond`."""
    before, after = outlook.before.tier, outlook.after
    if before == after:
        return _("stays %(tier)s") % {"tier": tier_name(after)}
    if outlook.review_row is not None and outlook.review_row.before != outlook.review_row.after:
        return _("falls to %(tier)s") % {"tier": tier_name(after)}
    return _("rises to %(tier)s") % {"tier": tier_name(after)}


def review_reason(outlook: Outlook) -> str:
    """Why the review would do so, from the readings."""
    tier, row = outlook.before.tier, outlook.review_row
    if tier is None or row is None:
        return _("There is nothing to review: a tier is credited on the day its requirements are met.")
    last = outlook.readings[-1]
    past = [reading for reading in outlook.readings if not reading.to_come]
    met = [reading for reading in outlook.readings if reading.met]
    if row.kind == REVIEW_KEPT and not met:
        return _("%(tier)s has been credited since %(since)s, too short to fall.") % {
            "tier": tier,
            "since": day_text(outlook.before.since) if outlook.before.since else "",
        }
    if last.gap is not None and not last.gap.certified:
        return _("No certification would be valid on the day.")
    if met:
        days = get_text_list([date_format(reading.on, "j F") for reading in met], _("and"))
        return _("%(tier)s is met in the reading of %(days)s.") % {"tier": tier, "days": days}
    left = len(outlook.readings) - len(past)
    none = _("No reading in this window has met %(tier)s") % {"tier": tier} if past else _("The readings are to come")
    return ngettext(
        "%(none)s; the one left would keep it.", "%(none)s; one of the %(left)s left would keep it.", left
    ) % {"none": none, "left": apnumber(left)}


def reading_note(reading: OutlookReading) -> str:
    """How a reading stands to the credited tier, short: `24 short`, `met`, `not certified`."""
    if reading.gap is None:
        return ""
    binding = reading.gap.binding
    if binding is None:
        return _("met") if reading.gap.certified else _("not certified")
    if binding.missing is None:
        return _("no data")
    if binding.metric == "total_points":
        return _("%s short") % whole(binding.missing)
    return _("%s short") % quantity(binding.metric, binding.missing)


def distance(gap: TierGap) -> tuple[str, str]:
    """How far a target is: the sentence that counts, and what makes it so."""
    binding = gap.binding
    if binding is None and gap.certified:
        rest = _("It is credited by invitation only.") if gap.by_invitation else ""
        return _("%(tier)s is met on every requirement.") % {"tier": gap.tier}, rest
    if binding is None:
        return _("%(tier)s lacks only the certification.") % {"tier": gap.tier}, ""
    label = metric_label(binding.metric)
    if binding.missing is None:
        first = _("%(tier)s cannot be met: there is no data on %(label)s.") % {"tier": gap.tier, "label": label}
        rest = ""
    else:
        first = _("%(tier)s is %(missing)s away.") % {"tier": gap.tier, "missing": missing(binding)}
        part = decimals(binding.missing / binding.need * 100, 1) if binding.need else "0"
        rest = _("%(label)s is the binding requirement: %(part)s %% of it is missing.") % {"label": label, "part": part}
    met = [metric_label(each.metric) for each in gap.requirements if each.met]
    enough = _("Already met: %s.") % get_text_list([label.lower() for label in met], _("and")) if met else ""
    return first, " ".join(filter(None, [rest, enough]))


def steps_apart(performance: str | None, credited: str | None, names: Sequence[str]) -> str:
    """How the performance tier stands to the credited one."""
    places = [names.index(name) if name in names else -1 for name in (performance, credited)]
    apart = places[0] - places[1]
    if apart == 0:
        return _("The same as the credited tier.")
    if apart > 0:
        return _("Above the credited tier, which needs an invitation to follow.")
    return ngettext("One step below the credited tier.", "%(number)s steps below the credited tier.", -apart) % {
        "number": str(apnumber(-apart)).capitalize()
    }


def ladder(points: Sequence[tuple[str, Decimal]], total: Decimal, ticks: Sequence[tuple[str, Decimal]]) -> str:
    """The ladder in words, for those who do not see it."""
    parts = ", ".join(f"{whole(value)} {label}" for label, value in points)
    marks = ", ".join(_("%(tier)s from %(need)s") % {"tier": tier, "need": whole(need)} for tier, need in ticks)
    sentence = _("%(total)s points: %(parts)s.") % {"total": whole(total), "parts": parts}
    return f"{sentence} {marks}." if marks else sentence


def net_change(changes: Changes) -> tuple[str, str, str]:
    """What a range did to the total: the words before the number, the number, and the words after it."""
    before, after = changes.opening.total, changes.closing.total
    ends = {"before": whole(before), "opened": date_format(changes.period.day_before, "j M"), "after": whole(after)}
    ends["closed"] = date_format(changes.period.last, "j M")
    span = _("from %(before)s at the end of %(opened)s to %(after)s on %(closed)s.") % ends
    losses: dict[str, Decimal] = {}
    for by_cause in changes.causes.values():
        for cause, value in by_cause.items():
            if value < 0:
                losses[cause] = losses.get(cause, Decimal(0)) - value
    most = max(losses, key=lambda cause: losses[cause], default="")
    cost = _(COSTLIEST[most]) if most else _("Nothing was lost.")
    if half_even(after - before, 0) == 0:
        return _("Total points stayed at"), whole(after), f". {cost}"
    verb = _("Total points rose by") if after > before else _("Total points fell by")
    return verb, whole(abs(after - before)), f": {span} {cost}"


def on_review(ahead: Projected, credited: TierGap | None) -> str:
    """What the review day would find, and what the credited tier would lack then."""
    day = {"on": day_text(ahead.day), "total": whole(ahead.points.total), "sourced": whole(ahead.points.sourced)}
    first = _("On %(on)s the total would be %(total)s and sourced %(sourced)s.") % day
    binding = credited.binding if credited else None
    if credited is None or binding is None or binding.missing is None:
        return first
    lacks = _("%(tier)s needs %(need)s: %(missing)s more.") % {
        "tier": credited.tier,
        "need": quantity(binding.metric, binding.need),
        "missing": whole(binding.missing) if binding.metric in POINTS else missing(binding),
    }
    return f"{first} {lacks}"


def first_fall(tier: str | None, month: date, fails: RequirementGap | None) -> str:
    """When performance would fall, and over which requirement."""
    words = {"tier": tier_name(tier), "month": date_format(month, "F Y")}
    if fails is None:
        return _("Performance would fall to %(tier)s in %(month)s.") % words
    words["need"] = quantity(fails.metric, fails.need)
    return _("Performance would fall to %(tier)s in %(month)s, with less than %(need)s.") % words
