"""Sentences of the front page: what its figures mean, in the reader's language, as plain text."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.contrib.humanize.templatetags.humanize import apnumber
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from ledger.queries import Changes
from partner_portal.formats.days import day_text, long_day_text, month_text, short_day_text
from partner_portal.formats.numbers import decimal_text, plain_number, whole
from partner_portal.lib.rounding import ceiling
from partner_portal.lib.sentences import listed
from partner_portal.lib.shown_places import adding_places, enough_places
from program.labels import metric_label, tier_name
from program.terms import Cause, Metric, ReviewResult
from tiers.gap_text import MOST_NAMED, lacking, lacks, many_missing, missing_text, need_text, short_of
from tiers.queries import Projected, TierStanding
from tiers.rules import OutlookReading, RequirementGap, ReviewOutlook, TierGap

COSTLIEST = {
    Cause.EXPIRED: gettext_noop("Most of the loss is points that expired."),
    Cause.DOWNGRADED: gettext_noop("Most of the loss comes from downgrades."),
    Cause.CHURNED: gettext_noop("Most of the loss comes from cancellations."),
    Cause.REDUCED: gettext_noop("Most of the loss comes from services that became smaller."),
    Cause.ENDED: gettext_noop("Most of the loss comes from services that ended."),
}


def opening(standing: TierStanding, *, past: bool = False) -> tuple[str, str]:
    """The headline and the sentences after it: the next review, the gap of the day, and the result of the review.

    past: the day is not today, so the sentences are in the past tense.
    """
    outlook = standing.outlook
    on = long_day_text(standing.day)
    if standing.rule_set is None:
        first = _("No rule set was in force on %(on)s.") % {"on": on} if past else _("No rule set is in force today.")
        return first, _("Points are counted; tiers cannot be given.")
    first = ""
    if outlook is not None and standing.days_to_review is not None:
        text = (
            ngettext(
                "On %(day)s the review of %(on)s was %(days)s day ahead.",
                "On %(day)s the review of %(on)s was %(days)s days ahead.",
                standing.days_to_review,
            )
            if past
            else ngettext(
                "%(days)s day to the review on %(on)s.",
                "%(days)s days to the review on %(on)s.",
                standing.days_to_review,
            )
        )
        review = long_day_text(outlook.review.on)
        first = text % {"days": standing.days_to_review, "on": review, "day": on}
    that_day = on if past else ""
    now = _gap_now(standing, that_day)
    then = _on_the_day(outlook, standing.certified.name, past=past) if outlook else ""
    return first, " ".join(filter(None, [now, then]))


def _gap_now(standing: TierStanding, past_day: str) -> str:
    gap = next((gap for gap in standing.targets if gap.tier == standing.credited), None)
    if gap is not None:
        return _credited_now(gap, standing.certified.name, past_day)
    gap = standing.next_tier
    if gap is None:
        return ""
    short = lacking(gap, standing.certified.name)
    text = (
        _("On %(day)s no tier was credited; you were %(short)s short of %(tier)s.")
        if past_day
        else _("No tier is credited; you are %(short)s short of %(tier)s.")
    )
    return text % {"short": short, "tier": gap.tier, "day": past_day}


def _credited_now(gap: TierGap, certification: str, past_day: str) -> str:
    short = lacking(gap, certification)
    if not short:
        text = _("The figures of %(day)s met %(tier)s.") if past_day else _("Today’s figures meet %(tier)s.")
    elif past_day:
        text = _("On %(day)s you were %(short)s short of %(tier)s.")
    else:
        text = _("Today you are %(short)s short of %(tier)s.")
    return text % {"short": short, "tier": gap.tier, "day": past_day}


def _on_the_day(outlook: ReviewOutlook, certification: str, *, past: bool) -> str:
    last = outlook.readings[-1]
    short = lacking(last.gap, certification) if last.gap is not None else ""
    effect = review_effect(outlook, past=past)
    if short and past:
        text = _(
            "If nothing else happened you would be %(short)s short on the review day, and the credited tier %(effect)s."
        )
    elif short:
        text = _("If nothing else happens you will be %(short)s short on the day, and the credited tier %(effect)s.")
    elif past:
        text = _("If nothing else happened the credited tier %(effect)s.")
    else:
        text = _("If nothing else happens the credited tier %(effect)s.")
    return text % {"short": short, "effect": effect}


def review_effect(outlook: ReviewOutlook, *, past: bool = False) -> str:
    """The predicate of "the credited tier": `falls to Platinum`, `stays Diamond`; `would fall to Platinum` if past."""
    before, after = outlook.before.tier, outlook.after
    if before == after:
        text = _("would stay %(tier)s") if past else _("stays %(tier)s")
    elif outlook.review_row is not None and outlook.review_row.before != outlook.review_row.after:
        text = _("would fall to %(tier)s") if past else _("falls to %(tier)s")
    else:
        text = _("would rise to %(tier)s") if past else _("rises to %(tier)s")
    return text % {"tier": tier_name(after)}


def review_reason(outlook: ReviewOutlook, *, past: bool = False) -> str:
    """The reason for the result of the review, from its readings."""
    tier, row = outlook.before.tier, outlook.review_row
    if tier is None or row is None:
        if past:
            return _("There was nothing to review: a tier is credited on the day its requirements are met.")
        return _("There is nothing to review: a tier is credited on the day its requirements are met.")
    met = [reading for reading in outlook.readings if reading.met]
    if row.kind == ReviewResult.KEPT and not met:
        text = (
            _("%(tier)s had been credited since %(since)s, too short to fall.")
            if past
            else _("%(tier)s has been credited since %(since)s, too short to fall.")
        )
        return text % {"tier": tier, "since": day_text(outlook.before.since) if outlook.before.since else ""}
    last = outlook.readings[-1]
    if last.gap is not None and not last.gap.certified:
        return _("No certification would be valid on the day.")
    if met:
        days = get_text_list([date_format(reading.on, "j F") for reading in met], _("and"))
        text = (
            _("%(tier)s was met in the reading of %(days)s.")
            if past and not any(reading.to_come for reading in met)
            else _("%(tier)s is met in the reading of %(days)s.")
        )
        return text % {"tier": tier, "days": days}
    return _no_reading(outlook, tier, past=past)


def _no_reading(outlook: ReviewOutlook, tier: str, *, past: bool) -> str:
    left = sum(reading.to_come for reading in outlook.readings)
    if left == len(outlook.readings):
        none = _("The readings were to come") if past else _("The readings are to come")
    elif past:
        none = _("No reading in the window had met %(tier)s") % {"tier": tier}
    else:
        none = _("No reading in this window has met %(tier)s") % {"tier": tier}
    text = (
        ngettext(
            "%(none)s; the one left would have kept it.", "%(none)s; one of the %(left)s left would have kept it.", left
        )
        if past
        else ngettext(
            "%(none)s; the one left would keep it.", "%(none)s; one of the %(left)s left would keep it.", left
        )
    )
    return text % {"none": none, "left": apnumber(left)}


def reading_note(reading: OutlookReading) -> str:
    """A short note on a reading and the credited tier: `24 short`, `met`, `not certified`."""
    if reading.gap is None:
        return ""
    binding = reading.gap.binding
    if binding is None:
        return _("met") if reading.gap.certified else _("not certified")
    if binding.missing is None:
        return _("no data")
    if binding.metric == Metric.TOTAL_POINTS:
        return _("%s short") % whole(ceiling(binding.missing, 0))
    return _("%s short") % missing_text(binding)


def distance(gap: TierGap, certification: str = "", *, past: bool = False) -> tuple[str, str]:
    """The gap to a target: a sentence that names what it lacks, and one about the binding requirement."""
    binding = gap.binding
    if binding is None and gap.certified:
        rest = _("It is credited by invitation only.") if gap.by_invitation else ""
        text = _("%(tier)s was met on every requirement.") if past else _("%(tier)s is met on every requirement.")
        return text % {"tier": gap.tier}, rest
    missing = lacks(gap, certification)
    if binding is None:
        text = _("%(tier)s lacked only %(missing)s.") if past else _("%(tier)s lacks only %(missing)s.")
        return text % {"tier": gap.tier, "missing": missing[0]}, ""
    label = metric_label(binding.metric)
    if len(missing) > MOST_NAMED:
        first = f"{many_missing(gap.tier, len(missing))}."
    else:
        text = _("%(tier)s was %(missing)s away.") if past else _("%(tier)s is %(missing)s away.")
        first = text % {"tier": gap.tier, "missing": listed(missing)}
    if binding.missing is None:
        text = (
            _("%(tier)s could not be met: there was no data on %(label)s.")
            if past
            else _("%(tier)s cannot be met: there is no data on %(label)s.")
        )
        rest = text % {"tier": gap.tier, "label": label}
        if len(missing) == 1:
            first, rest = rest, ""
    else:
        part = binding.missing / binding.need * 100 if binding.need else Decimal(0)
        percent = decimal_text(part, enough_places(part, 1))
        text = (
            _("%(label)s held you back: %(part)s%% was missing.")
            if past
            else _("%(label)s holds you back: %(part)s%% to go.")
        )
        rest = text % {"label": label, "part": percent}
    met = [metric_label(row.metric).lower() for row in gap.requirements if row.met]
    enough = _("Already met: %s.") % get_text_list(met, _("and")) if met else ""
    return first, " ".join(filter(None, [rest, enough]))


def steps_apart(performance: str | None, credited: str | None, names: Sequence[str]) -> str:
    """The distance of the performance tier from the credited one: `Two steps below the credited tier.`"""
    places = [names.index(name) if name in names else -1 for name in (performance, credited)]
    apart = places[0] - places[1]
    if apart == 0:
        return _("The same as the credited tier.")
    if apart > 0:
        return _("Above the credited tier, which needs an invitation to follow.")
    return ngettext("One step below the credited tier.", "%(number)s steps below the credited tier.", -apart) % {
        "number": str(apnumber(-apart)).capitalize()
    }


def ladder(
    points: Sequence[tuple[str, Decimal]], total: Decimal, ticks: Sequence[tuple[str, Decimal]], places: int = 0
) -> str:
    """The text alternative of the ladder. places: the decimals with which its parts add up."""
    parts = ", ".join(f"{decimal_text(value, places)} {label}" for label, value in points)
    marks = ", ".join(_("%(tier)s from %(need)s") % {"tier": tier, "need": plain_number(need)} for tier, need in ticks)
    sentence = _("%(total)s points: %(parts)s.") % {"total": decimal_text(total, places), "parts": parts}
    return f"{sentence} {marks}." if marks else sentence


def net_change(changes: Changes) -> tuple[str, str, str]:
    """The change of the total in a range, as the text before the number, the number, and the text after it."""
    before, after = changes.opening.total, changes.closing.total
    places = adding_places(after, (before, after - before))
    ends = {
        "before": decimal_text(before, places),
        "opened": short_day_text(changes.period.day_before),
        "after": decimal_text(after, places),
        "closed": short_day_text(changes.period.last),
    }
    span = _("from %(before)s at the end of %(opened)s to %(after)s on %(closed)s.") % ends
    losses: dict[Cause, Decimal] = {}
    for by_cause in changes.causes.values():
        for cause, value in by_cause.items():
            if value < 0:
                losses[cause] = losses.get(cause, Decimal(0)) - value
    most = max(losses, key=lambda cause: losses[cause], default=None)
    cost = _(COSTLIEST[most]) if most else _("Nothing was lost.")
    if after == before:
        return _("Total points stayed at"), ends["after"], f". {cost}"
    verb = _("Total points rose by") if after > before else _("Total points fell by")
    return verb, decimal_text(abs(after - before), places), f": {span} {cost}"


def on_review(ahead: Projected, credited: TierGap | None, certification: str = "") -> str:
    """The points on the review day, and what the credited tier would lack then."""
    day = {"on": day_text(ahead.day), "total": whole(ahead.points.total), "sourced": whole(ahead.points.sourced)}
    if credited is None or not lacks(credited, certification):
        return _("On %(on)s the total would be %(total)s and sourced %(sourced)s.") % day
    return _("On %(on)s the total would be %(total)s and sourced %(sourced)s: %(short)s.") % {
        **day,
        "short": short_of(credited, certification),
    }


def first_fall(tier: str | None, month: date, fails: RequirementGap | None) -> str:
    """When performance would fall, and because of which requirement (None: not known)."""
    values = {"tier": tier_name(tier), "month": month_text(month)}
    if fails is None:
        return _("Performance would fall to %(tier)s in %(month)s.") % values
    values["need"] = need_text(fails)
    return _("Performance would fall to %(tier)s in %(month)s, with less than %(need)s.") % values
