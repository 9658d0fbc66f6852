"""How far a tier is, in words: every missing amount that stands in a sentence, a mail or a note is written here.

Missing amounts are rounded up, since 39 points would not close a gap of 39.4501; tables use `metric_missing` of
`program.markup`, which rounds up too. Amounts of money are never named (ADR 8). `docs/points.md` 7.
"""

from collections.abc import Callable
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from partner_portal.formats.numbers import decimal_text, plain_number, whole
from partner_portal.lib.rounding import ceiling
from partner_portal.lib.sentences import listed
from program.terms import Metric, Unit
from tiers.reason_text import METRIC_NAMES
from tiers.rules import RequirementGap, TierGap

MOST_NAMED = 3  # gaps that a sentence names; more are counted, and the page lists them
COUNTED = {
    Metric.TOTAL_POINTS: ngettext_lazy("%(number)s point", "%(number)s points", "count"),
    Metric.SOLD_POINTS: ngettext_lazy("%(number)s sold point", "%(number)s sold points", "count"),
    Metric.SOURCED_POINTS: ngettext_lazy("%(number)s sourced point", "%(number)s sourced points", "count"),
    Metric.MANAGED_POINTS: ngettext_lazy("%(number)s managed point", "%(number)s managed points", "count"),
    Metric.CERTIFIED_PEOPLE: ngettext_lazy("%(number)s certified person", "%(number)s certified people", "count"),
}


def missing_text(row: RequirementGap) -> str:
    """What an unmet requirement lacks: `40 points`, `12 sourced points`, `3.2 percentage points of GRR`, `data on GRR`."""
    if row.missing is None:
        return _("data on %(name)s") % {"name": _(METRIC_NAMES[row.metric])}
    if row.metric.unit is Unit.RATIO:
        percent = decimal_text(ceiling(row.missing * 100, 1), 1)
        return _("%(number)s percentage points of %(name)s") % {"number": percent, "name": _(METRIC_NAMES[row.metric])}
    return _amount(row.metric, row.missing, lambda value, places: ceiling(value, places))


def need_text(row: RequirementGap) -> str:
    """What a requirement asks for: `1,260 points`, `85.0 % of GRR`."""
    if row.metric.unit is Unit.RATIO:
        percent = decimal_text(row.need * 100, 1)
        return _("%(percent)s %% of %(name)s") % {"percent": percent, "name": _(METRIC_NAMES[row.metric])}
    return _amount(row.metric, row.need, lambda value, _places: value)


def lacks(gap: TierGap, certification: str = "") -> list[str]:
    """Everything that keeps the tier from being met, in the order of its requirements, the certification last.

    certification: its name; "" where it is not at hand.
    """
    found = [missing_text(row) for row in gap.requirements if not row.met]
    if not gap.certified:
        found.append(
            _("the %(name)s certification") % {"name": certification} if certification else _("the certification")
        )
    return found


def lacking(gap: TierGap, certification: str = "") -> str:
    """The same for a sentence: `40 points and the Solutions Partner certification`, or `4 requirements`; "" when met."""
    found = lacks(gap, certification)
    if len(found) > MOST_NAMED:
        return ngettext("%(count)s requirement", "%(count)s requirements", len(found)) % {"count": len(found)}
    return listed(found)


def short_of(gap: TierGap, certification: str = "") -> str:
    """`40 points short of Diamond`, `Elite: 4 requirements missing`, `Gold is met`."""
    found = lacks(gap, certification)
    if not found:
        return _("%(tier)s is met") % {"tier": gap.tier}
    if len(found) > MOST_NAMED:
        return many_missing(gap.tier, len(found))
    return _("%(missing)s short of %(tier)s") % {"missing": listed(found), "tier": gap.tier}


def many_missing(tier: str, count: int) -> str:
    """`Elite: 4 requirements missing`."""
    text = ngettext("%(tier)s: %(count)s requirement missing", "%(tier)s: %(count)s requirements missing", count)
    return text % {"tier": tier, "count": count}


def _amount(metric: Metric, value: Decimal, rounded: Callable[[Decimal, int], Decimal]) -> str:
    if metric in COUNTED:
        return _counted(COUNTED[metric], rounded(value, 0))
    if metric.unit is Unit.MONEY:
        return _("some %(name)s") % {"name": _(METRIC_NAMES[metric])}
    return _("%(number)s of %(name)s") % {
        "number": decimal_text(rounded(value, 1), 1),
        "name": _(METRIC_NAMES[metric]),
    }


def _counted(text: object, value: Decimal) -> str:
    count = int(value) if value == value.to_integral_value() else 2
    shown = whole(value) if value == value.to_integral_value() else plain_number(value)
    return str(text % {"number": shown, "count": count})  # type: ignore[operator]
