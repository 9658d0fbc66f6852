"""Tier progression: what a chosen tier needs, requirement by requirement, and what would close the gap."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from django.utils.functional import Promise
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard import words
from dashboard.overview import Overview
from dashboard.queries import Worth, worth_of
from partner_portal.templatetags.figures import plain_number
from program.terms import MONEY_METRICS, Metric, Track
from tiers.certification import PartnerCertification
from tiers.gap_text import missing_text
from tiers.rules import RequirementGap, TierGap

FULL = Decimal(100)
_WAYS = {
    Track.SOURCED: gettext_lazy("Sourced"),
    Track.ASSISTED: gettext_lazy("Assisted"),
    Track.MANAGED: gettext_lazy("Managed alone"),
}
FILLS = {Metric.SOURCED_POINTS: ("f-sourced",), Metric.MANAGED_POINTS: ("f-managed", "f-dots")}


@dataclass(frozen=True, slots=True)
class Option:
    """A tier that one may want to get to."""

    value: str
    tier: str
    by_invitation: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement with its bar: how much of it is filled, or where its minimum stands when it is met (per cent).

    hidden: an amount of money that this reader may not see.
    """

    gap: RequirementGap
    fills: tuple[str, ...]
    filled: str
    mark: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class WorthLine:
    """The MRR (US dollars) that brings the missing points in one way."""

    label: Promise
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Progression:
    """What the panel shows. worth: what the binding points would take, with the right to see money. unknown: a target that
    the address names and the rule set does not have."""

    target: TierGap | None
    options: tuple[Option, ...]
    unknown: str
    first: str
    rest: str
    requirements: tuple[Requirement, ...]
    certified: PartnerCertification
    worth: Worth | None
    worth_points: str
    worth_lines: tuple[WorthLine, ...]
    worth_rates: str
    kept: tuple[tuple[str, str], ...]


def progression(overview: Overview) -> Progression:
    """The panel's figures."""
    scope, standing = overview.scope, overview.standing
    asked = overview.query.get("target", "").strip()
    target = standing.target(asked)
    known = any(gap.tier.casefold() == asked.casefold() for gap in standing.targets)
    first, rest = words.distance(target, standing.certified.name, past=overview.day.past) if target else ("", "")
    binding = target.binding if target else None
    worth = None
    if binding is not None and binding.missing is not None and scope.may_see_money:
        worth = worth_of(scope, binding.metric, binding.missing)
    return Progression(
        target=target,
        options=tuple(
            Option(gap.tier.lower(), gap.tier, gap.by_invitation, target is not None and gap.tier == target.tier)
            for gap in standing.targets
        ),
        unknown="" if known else asked[:40],
        first=first,
        rest=rest,
        requirements=tuple(_requirement(gap, scope.may_see_money) for gap in target.requirements) if target else (),
        certified=standing.certified,
        worth=worth,
        worth_points=missing_text(binding) if worth and binding else "",
        worth_lines=tuple(WorthLine(_WAYS[way], amount) for way, amount in worth.amounts.items()) if worth else (),
        worth_rates=get_text_list([plain_number(rate) for rate in worth.rates.values()], _("and")) if worth else "",
        kept=tuple((name, value) for name, value in overview.query.items() if name != "target"),
    )


def _requirement(gap: RequirementGap, may_see_money: bool) -> Requirement:
    have, need = gap.have or Decimal(0), gap.need
    filled = FULL if gap.met else have / need * FULL if need else Decimal(0)
    mark = need / have * FULL if gap.met and have else FULL
    hidden = gap.metric in MONEY_METRICS and not may_see_money
    return Requirement(
        gap, FILLS.get(gap.metric, ("f-ink",)), f"{max(filled, Decimal(0)):.2f}%", f"{mark:.2f}%", hidden
    )
