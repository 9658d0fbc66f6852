"""Texts about the gap to a tier, for sentences, mails and notes (`docs/points.md` 7).

Missing amounts are rounded up, since 39 points would not close a gap of 39.4501; tables use `metric_missing` of
`partner_portal.templatetags.figures`, which rounds up too. Amounts of money are never named (ADR 8).
"""

from collections.abc import Callable
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partner_portal.formats.numbers import decimal_text, plain_number, whole
from partner_portal.lib.rounding import ceiling
from partner_portal.lib.sentences import listed
from program.labels import METRIC_TEXTS
from program.terms import Metric, Unit
from tiers.rules import RequirementGap, TierGap

MOST_NAMED = 3  # gaps that a sentence names; more are counted, and the page lists them


def missing_text(row: RequirementGap) -> str:
    """What an unmet requirement lacks: `40 points`, `12 sourced points`, `3.2 percentage points of GRR`, `data on GRR`."""
    if row.missing is None:
        return _("data on %(name)s") % {"name": METRIC_TEXTS[row.metric].in_sentence}
    if row.metric.unit is Unit.RATIO:
        percent = decimal_text(ceiling(row.missing * 100, 1), 1)
        return _("%(number)s percentage points of %(name)s") % {
            "number": percent,
            "name": METRIC_TEXTS[row.metric].in_sentence,
        }
    return _amount(row.metric, row.missing, lambda value, places: ceiling(value, places))


def need_text(row: RequirementGap) -> str:
    """What a requirement asks for: `1,260 points`, `85.0% of GRR`."""
    if row.metric.unit is Unit.RATIO:
        percent = decimal_text(row.need * 100, 1)
        return _("%(percent)s%% of %(name)s") % {"percent": percent, "name": METRIC_TEXTS[row.metric].in_sentence}
    return _amount(row.metric, row.need, lambda value, _places: value)


def lacks(gap: TierGap, certification: str = "") -> list[str]:
    """Everything that the tier still lacks, in the order of its requirements, the certification last.

    certification: its name; "" where it is not known.
    """
    missing = [missing_text(row) for row in gap.requirements if not row.met]
    if not gap.certified:
        missing.append(
            _("the %(name)s certification") % {"name": certification} if certification else _("the certification")
        )
    return missing


def lacking(gap: TierGap, certification: str = "") -> str:
    """What the tier lacks, for a sentence: `40 points and the Solutions Partner certification`, or `4 requirements`.

    "" when the tier is met.
    """
    missing = lacks(gap, certification)
    if len(missing) > MOST_NAMED:
        return ngettext("%(count)s requirement", "%(count)s requirements", len(missing)) % {"count": len(missing)}
    return listed(missing)


def short_of(gap: TierGap, certification: str = "") -> str:
    """The gap in short: `40 points short of Diamond`, `Elite: 4 requirements missing` or `Gold is met`."""
    missing = lacks(gap, certification)
    if not missing:
        return _("%(tier)s is met") % {"tier": gap.tier}
    if len(missing) > MOST_NAMED:
        return many_missing(gap.tier, len(missing))
    return _("%(missing)s short of %(tier)s") % {"missing": listed(missing), "tier": gap.tier}


def many_missing(tier: str, count: int) -> str:
    """The gap to a tier by the number of unmet requirements: `Elite: 4 requirements missing`."""
    text = ngettext("%(tier)s: %(count)s requirement missing", "%(tier)s: %(count)s requirements missing", count)
    return text % {"tier": tier, "count": count}


def _amount(metric: Metric, value: Decimal, rounded: Callable[[Decimal, int], Decimal]) -> str:
    counted = METRIC_TEXTS[metric].counted
    if counted is not None:
        return _counted(counted, rounded(value, 0))
    if metric.unit is Unit.MONEY:
        return _("some %(name)s") % {"name": METRIC_TEXTS[metric].in_sentence}
    return _("%(number)s of %(name)s") % {
        "number": decimal_text(rounded(value, 1), 1),
        "name": METRIC_TEXTS[metric].in_sentence,
    }


def _counted(text: object, value: Decimal) -> str:
    count = int(value) if value == value.to_integral_value() else 2
    shown = whole(value) if value == value.to_integral_value() else plain_number(value)
    return str(text % {"number": shown, "count": count})  # type: ignore[operator]
