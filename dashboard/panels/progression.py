"""The panel of tier progression: the requirements of a chosen tier, and what would close the gap."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from django.utils.functional import Promise
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard import front_page_text
from dashboard.overview import Overview
from dashboard.queries import Worth, worth_of
from partner_portal.formats.numbers import plain_number
from program.terms import MONEY_METRICS, Metric, Track
from tiers.certification import PartnerCertification
from tiers.gap_text import missing_text
from tiers.rules import RequirementGap, TierGap

FULL = Decimal(100)
_SOURCE_LABELS = {
    Track.SOURCED: gettext_lazy("Sourced"),
    Track.ASSISTED: gettext_lazy("Assisted"),
    Track.MANAGED: gettext_lazy("Managed, by you alone"),
}
FILLS = {Metric.SOURCED_POINTS: ("f-sourced",), Metric.MANAGED_POINTS: ("f-managed", "f-dots")}


@dataclass(frozen=True, slots=True)
class Option:
    """A tier to choose as the target."""

    #: The value of the parameter `target`.
    value: str
    #: The tier's name.
    tier: str
    by_invitation: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement with its bar."""

    gap: RequirementGap
    #: CSS classes of the bar's layers.
    fills: tuple[str, ...]
    #: The filled part of the bar as a CSS percentage.
    filled: str
    #: The position of the required value on the bar of a met requirement, as a CSS percentage.
    mark: str
    #: Whether it is an amount of money that this reader may not see.
    hidden: bool


@dataclass(frozen=True, slots=True)
class WorthLine:
    """The MRR that brings the missing points on one track."""

    label: Promise
    #: US dollars, exact.
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Progression:
    """The contents of the panel."""

    #: The chosen tier; None without a rule set.
    target: TierGap | None
    options: tuple[Option, ...]
    #: A requested target that the rule set does not have; "" otherwise.
    unknown: str
    #: A sentence about the gap, and one about the binding requirement.
    first: str
    rest: str
    requirements: tuple[Requirement, ...]
    certified: PartnerCertification
    #: The MRR that the missing points take; None if the reader may not see money, or if no points are missing.
    worth: Worth | None
    #: The missing points, as text.
    worth_points: str
    worth_lines: tuple[WorthLine, ...]
    #: The rates that the amounts were calculated with, as text.
    worth_rates: str
    #: Parameters of the page other than the target, to be submitted with it.
    other_params: tuple[tuple[str, str], ...]


def progression(overview: Overview) -> Progression:
    """The panel's figures."""
    scope, standing = overview.scope, overview.standing
    requested = overview.query.get("target", "").strip()
    target = standing.target(requested)
    known = any(gap.tier.casefold() == requested.casefold() for gap in standing.targets)
    first, rest = (
        front_page_text.distance(target, standing.certified.name, past=overview.day.past) if target else ("", "")
    )
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
        unknown="" if known else requested[:40],
        first=first,
        rest=rest,
        requirements=tuple(_requirement(gap, scope.may_see_money) for gap in target.requirements) if target else (),
        certified=standing.certified,
        worth=worth,
        worth_points=missing_text(binding) if worth and binding else "",
        worth_lines=tuple(WorthLine(_SOURCE_LABELS[track], amount) for track, amount in worth.amounts.items())
        if worth
        else (),
        worth_rates=get_text_list([plain_number(rate) for rate in worth.rates.values()], _("and")) if worth else "",
        other_params=tuple((name, value) for name, value in overview.query.items() if name != "target"),
    )


def _requirement(gap: RequirementGap, may_see_money: bool) -> Requirement:
    have, need = gap.have or Decimal(0), gap.need
    filled = FULL if gap.met else have / need * FULL if need else Decimal(0)
    mark = need / have * FULL if gap.met and have else FULL
    hidden = gap.metric in MONEY_METRICS and not may_see_money
    return Requirement(
        gap, FILLS.get(gap.metric, ("f-ink",)), f"{max(filled, Decimal(0)):.2f}%", f"{mark:.2f}%", hidden
    )
