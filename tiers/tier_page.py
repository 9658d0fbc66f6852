"""Reads everything that the tier page shows of a day."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounts.scope import Scope
from program.queries import RulesInForce, rules_in_force
from program.terms import Metric, Track
from tiers import bars
from tiers.certification import lapses_soon
from tiers.models import TierChange
from tiers.queries import AnnouncedRules, TierStanding, announced_rules, history, tier_standing
from tiers.rules import OutlookReading, RequirementGap, TierGap
from tiers.tool_usage import ToolUsage, tool_usage


@dataclass(frozen=True, slots=True)
class StayOutlook:
    """Whether the credited tier stays at the next review, if nothing else happens."""

    tier: str
    #: Whether it stays, or cannot fall yet.
    stays: bool
    #: The readings up to the day that met it.
    met: tuple[OutlookReading, ...]
    #: The reading to come that misses the least; None when the tier stays or was met already.
    closest: OutlookReading | None


@dataclass(frozen=True, slots=True)
class TierPage:
    """The tier page of a day."""

    standing: TierStanding
    #: The tiers of the rule set in force, lowest first.
    tiers: tuple[str, ...]
    #: The tier that the page measures the distance to; None without a rule set.
    target: TierGap | None
    #: Every metric that a tier requires, in the order of the rule set.
    metrics: tuple[Metric, ...]
    #: A row per tier with its requirement of every metric; None where it has none.
    table: tuple[tuple[TierGap, tuple[RequirementGap | None, ...]], ...]
    bars: tuple[bars.Bar, ...]
    #: None when untiered, and for a programme without reviews.
    stay: StayOutlook | None
    tools: ToolUsage
    rules: RulesInForce
    announced: tuple[AnnouncedRules, ...]
    #: Rises and reviews, latest first.
    history: tuple[TierChange, ...]
    #: Whether the day is before today.
    past: bool

    @property
    def certificate_lapses_soon(self) -> bool:
        """Whether nobody will hold the partner certification before long."""
        return lapses_soon(self.standing.certified.until, self.standing.day)


def tier_page(scope: Scope, day: date, target: str | None) -> TierPage:
    """Everything on the page but its series. A constant number of queries.

    target: the name of the tier asked for, in any case; None for the next one.
    """
    standing = tier_standing(scope, day)
    metrics: list[Metric] = []
    for gap in standing.targets:
        metrics += [row.metric for row in gap.requirements if row.metric not in metrics]
    chosen = standing.target(target)
    return TierPage(
        standing=standing,
        tiers=tuple(tier.name for tier in standing.rule_set.tiers) if standing.rule_set else (),
        target=chosen,
        metrics=tuple(metrics),
        table=tuple((gap, _cells(gap, metrics)) for gap in standing.targets),
        bars=bars.bars(
            {track: getattr(standing.points, track) for track in Track},
            standing.targets,
            chosen.tier if chosen else None,
        ),
        stay=_stay(standing),
        tools=tool_usage(scope, day),
        rules=rules_in_force(scope, day),
        announced=tuple(announced_rules(scope, day)),
        history=tuple(reversed(history(scope, day))),
        past=day != scope.today,
    )


def _cells(gap: TierGap, metrics: list[Metric]) -> tuple[RequirementGap | None, ...]:
    return tuple(next((row for row in gap.requirements if row.metric == metric), None) for metric in metrics)


def _stay(standing: TierStanding) -> StayOutlook | None:
    outlook = standing.outlook
    if outlook is None or outlook.before.tier is None:
        return None
    met = tuple(reading for reading in outlook.readings if reading.met and not reading.to_come)
    stays = outlook.review_row is not None and outlook.review_row.before == outlook.review_row.after
    short = [row for row in outlook.readings if row.to_come and row.gap is not None and not row.met]
    closest = None if stays or met else min(short, key=_missing_share, default=None)
    return StayOutlook(outlook.before.tier, stays, met, closest)


def _missing_share(reading: OutlookReading) -> Decimal:
    """The part of the binding requirement that is missing on a reading; 1 without data."""
    binding = reading.gap.binding if reading.gap else None
    if binding is None or binding.missing is None or not binding.need:
        return Decimal(1)
    return binding.missing / binding.need
