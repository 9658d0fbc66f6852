"""Sentences for the reasons of tier changes (`tiers.reasons`), in the reader's language."""

from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from partner_portal.formats.days import day_text, month_name
from partner_portal.formats.numbers import dollar_text, percent_text, rounded_number
from partner_portal.lib.rounding import half_even
from partner_portal.lib.sentences import listed
from program.labels import METRIC_TEXTS
from program.terms import Metric, Unit
from tiers.reasons import Fell, Held, Kept, Lapsed, MetRequirement, Reason, Rose

_NUMBERS = (
    gettext_lazy("no"), gettext_lazy("one"), gettext_lazy("two"), gettext_lazy("three"), gettext_lazy("four"),
    gettext_lazy("five"), gettext_lazy("six"), gettext_lazy("seven"), gettext_lazy("eight"), gettext_lazy("nine"),
    gettext_lazy("ten"), gettext_lazy("eleven"), gettext_lazy("twelve"),
)  # fmt: skip


def reason_text(reason: Reason) -> str:
    """The sentence of a reason: `Review. Kept: all six readings met Gold.`"""
    match reason:
        case Rose():
            return _rose(reason)
        case Held(tier, since, months):
            text = _("Review. Kept: %(tier)s has been credited since %(since)s, less than %(months)s months.")
            return text % {"tier": tier, "since": day_text(since), "months": months}
        case Lapsed(certification):
            return _("Review. No %(certification)s certification was valid on the day.") % {
                "certification": certification
            }
        case Kept(tier, met, readings) if len(met) == readings:
            text = _("Review. Kept: all %(count)s readings met %(tier)s.")
            return text % {"count": _count(readings), "tier": tier}
        case Kept(met=met):
            return _("Review. Kept, met in %(months)s.") % {"months": listed([month_name(day) for day in met])}
        case Fell(tier, best, since, readings):
            text = (
                _("Review. None of the %(count)s readings since %(since)s met %(tier)s; the best was %(best)s.")
                if best is not None
                else _("Review. None of the %(count)s readings since %(since)s met %(tier)s; none met any tier.")
            )
            return text % {"count": _count(readings), "since": day_text(since), "tier": tier, "best": best}


def _rose(reason: Rose) -> str:
    parts = [_("Rise.")]
    if reason.met:
        met = listed([_requirement(row) for row in reason.met])
        text = ngettext("%(met)s was met on the day.", "%(met)s were met on the day.", len(reason.met))
        parts.append(text % {"met": met[:1].upper() + met[1:]})
    if reason.newly_certified is not None:
        text = _("A %(certification)s certification became valid.")
        parts.append(text % {"certification": reason.newly_certified})
    if reason.not_invited is not None:
        parts.append(_("%(tier)s is by invitation.") % {"tier": reason.not_invited})
    return " ".join(parts)


def _requirement(row: MetRequirement) -> str:
    return _("%(metric)s %(have)s of %(need)s") % {
        "metric": METRIC_TEXTS[row.metric].in_sentence,
        "have": _value(row.metric, row.have),
        "need": _value(row.metric, row.need),
    }


def _value(metric: Metric, value: Decimal) -> str:
    if metric.unit is Unit.RATIO:
        return percent_text(rounded_number(half_even(value * 100, 1)))
    if metric.unit is Unit.AVERAGE:
        return rounded_number(half_even(value, 1))
    text = rounded_number(half_even(value, 0))
    return dollar_text(text) if metric.unit is Unit.MONEY else text


def _count(number: int) -> str:
    return str(_NUMBERS[number]) if number < len(_NUMBERS) else str(number)
