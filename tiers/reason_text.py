"""The reasons of tier changes, worded; `tiers.rules` decides, this page only says it.

Pure. Reasons are stored in English; `reworded` says a stored one again in another wording.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal

from partner_portal.lib.rounding import half_even
from partner_portal.lib.wording import ENGLISH, Wording
from partner_portal.lib.wording import gettext_noop as _
from program.terms import Metric, Unit

METRIC_NAMES = {
    Metric.TOTAL_POINTS: _("total"),
    Metric.SOLD_POINTS: _("sold"),
    Metric.SOURCED_POINTS: _("sourced"),
    Metric.MANAGED_POINTS: _("managed"),
    Metric.CSR: _("C$R"),
    Metric.GRR: _("GRR"),
    Metric.CERTIFIED_PEOPLE: _("certified people"),
    Metric.TOOL_USAGE_MEAN: _("mean tool usage"),
    Metric.TOOL_USAGE_MEDIAN: _("median tool usage"),
    Metric.SOLD_MRR_12M: _("12-month sold MRR"),
    Metric.MANAGED_MRR: _("managed MRR"),
}
NO_DATA = _("no data")
_NUMBERS = (
    _("no"), _("one"), _("two"), _("three"), _("four"), _("five"), _("six"),
    _("seven"), _("eight"), _("nine"), _("ten"), _("eleven"), _("twelve"),
)  # fmt: skip


def rise(
    met: Sequence[tuple[Metric, Decimal | None, Decimal]], *, newly_certified: str | None, not_invited: str | None
) -> str:
    """Why the tier rose: the requirements (metric, have, need) that were met on the day."""
    shown = [(METRIC_NAMES[metric], _value(metric, have), _value(metric, need)) for metric, have, need in met]
    return _rise(shown, newly_certified, not_invited, ENGLISH)


def held(tier: str, since: date, months: int, wording: Wording = ENGLISH) -> str:
    """Why a review did not touch a tier that was credited shortly before."""
    text = wording.gettext("Review. Kept: %(tier)s has been credited since %(since)s, less than %(months)s months.")
    return text % {"tier": tier, "since": wording.day(since), "months": months}


def lapsed(certification: str, wording: Wording = ENGLISH) -> str:
    """Why a review took every tier away."""
    text = wording.gettext("Review. No %(certification)s certification was valid on the day.")
    return text % {"certification": certification}


def kept(tier: str, met: Sequence[date], readings: int, wording: Wording = ENGLISH) -> str:
    """Why a review kept the tier: the readings that met it."""
    if len(met) == readings:
        return _all_met(readings, tier, wording)
    return _met_in(met, wording)


def fall(tier: str, best: str | None, window_start: date, readings: int, wording: Wording = ENGLISH) -> str:
    """Why a review lowered the tier: no reading met it."""
    text = (
        wording.gettext("Review. None of the %(count)s readings since %(since)s met %(tier)s; the best was %(best)s.")
        if best is not None
        else wording.gettext("Review. None of the %(count)s readings since %(since)s met %(tier)s; none met any tier.")
    )
    return text % {"count": _count(readings, wording), "since": wording.day(window_start), "tier": tier, "best": best}


def untiered(wording: Wording = ENGLISH) -> str:
    """Why a review has nothing to say."""
    return wording.gettext(
        "Untiered: there is nothing to review. A tier is credited on the day its requirements are met."
    )


def reworded(reason: str, wording: Wording) -> str:
    """A reason of this page, as stored in English, in another wording; any other text comes back as it is."""
    if reason == untiered():
        return untiered(wording)
    for pattern, say in _SAYINGS:
        found = pattern.fullmatch(reason)
        if found:
            try:
                return say(found.groupdict(), wording)
            except (KeyError, ValueError):
                return reason
    return reason


def _rise(
    shown: Sequence[tuple[str, str, str]], newly_certified: str | None, not_invited: str | None, wording: Wording
) -> str:
    text = wording.gettext("Rise.")
    if shown:
        met = [
            wording.gettext("%(metric)s %(have)s of %(need)s")
            % {"metric": wording.gettext(metric), "have": _shown(have, wording), "need": _shown(need, wording)}
            for metric, have, need in shown
        ]
        says = wording.ngettext("%(met)s was met on the day.", "%(met)s were met on the day.", len(met))
        text += " " + says % {"met": _capital(wording.listed(met))}
    if newly_certified is not None:
        says = wording.gettext("A %(certification)s certification became valid.")
        text += " " + says % {"certification": newly_certified}
    if not_invited is not None:
        text += " " + wording.gettext("%(tier)s is by invitation.") % {"tier": not_invited}
    return text


def _all_met(readings: int, tier: str, wording: Wording) -> str:
    text = wording.gettext("Review. Kept: all %(count)s readings met %(tier)s.")
    return text % {"count": _count(readings, wording), "tier": tier}


def _met_in(met: Sequence[date], wording: Wording) -> str:
    months = wording.listed([wording.month(day) for day in met])
    return wording.gettext("Review. Kept, met in %(months)s.") % {"months": months}


def _value(metric: Metric, value: Decimal | None) -> str:
    if value is None:
        return NO_DATA
    if metric.unit is Unit.RATIO:
        return f"{half_even(value * 100, 1):f} %"
    if metric.unit is Unit.AVERAGE:
        return f"{half_even(value, 1):,f}"
    if metric.unit is Unit.MONEY:
        return f"US$ {half_even(value, 0):,f}"
    return f"{half_even(value, 0):,f}"


def _shown(value: str, wording: Wording) -> str:
    return wording.gettext(value) if value == NO_DATA else wording.digits(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _count(number: int, wording: Wording) -> str:
    return wording.gettext(_NUMBERS[number]) if number < len(_NUMBERS) else str(number)


# Stored reasons, read back.


def _number(text: str) -> int:
    return _NUMBERS.index(text) if text in _NUMBERS else int(text)


def _day(text: str) -> date:
    return datetime.strptime(text, "%d %b %Y").date()  # noqa: DTZ007 - a day without a time


def _months(text: str) -> list[date]:
    return [datetime.strptime(f"1 {name} 2000", "%d %B %Y").date() for name in _parts(text)]  # noqa: DTZ007


def _parts(text: str) -> list[str]:
    return re.split(r", | and ", text)


def _requirement(text: str) -> tuple[str, str, str]:
    for name in METRIC_NAMES.values():
        if text.lower().startswith(f"{name.lower()} "):
            have, need = text[len(name) + 1 :].split(" of ")
            return name, have, need
    raise ValueError(f"“{text}” is no requirement")


def _risen(given: dict[str, str], wording: Wording) -> str:
    shown = [_requirement(part) for part in _parts(given["met"])] if given["met"] else []
    return _rise(shown, given["certification"], given["tier"], wording)


_SAYINGS: tuple[tuple[re.Pattern[str], Callable[[dict[str, str], Wording], str]], ...] = (
    (
        re.compile(
            r"Rise\.(?: (?P<met>.+?) (?:was|were) met on the day\.)?"
            r"(?: A (?P<certification>.+?) certification became valid\.)?(?: (?P<tier>.+) is by invitation\.)?"
        ),
        _risen,
    ),
    (
        re.compile(
            r"Review\. Kept: (?P<tier>.+) has been credited since (?P<since>.+), less than (?P<months>\d+) months\."
        ),
        lambda given, wording: held(given["tier"], _day(given["since"]), int(given["months"]), wording),
    ),
    (
        re.compile(r"Review\. No (?P<certification>.+) certification was valid on the day\."),
        lambda given, wording: lapsed(given["certification"], wording),
    ),
    (
        re.compile(r"Review\. Kept: all (?P<count>\w+) readings met (?P<tier>.+)\."),
        lambda given, wording: _all_met(_number(given["count"]), given["tier"], wording),
    ),
    (
        re.compile(r"Review\. Kept, met in (?P<months>.+)\."),
        lambda given, wording: _met_in(_months(given["months"]), wording),
    ),
    (
        re.compile(
            r"Review\. None of the (?P<count>\w+) readings since (?P<since>.+?) met (?P<tier>.+); "
            r"(?:the best was (?P<best>.+)|none met any tier)\."
        ),
        lambda given, wording: fall(
            given["tier"], given["best"], _day(given["since"]), _number(given["count"]), wording
        ),
    ),
)
