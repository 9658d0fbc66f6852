"""What the tier page shows of a day, read once."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounts.scope import Scope
from program.terms import Metric, Track
from tiers import bars
from tiers.models import TierChange
from tiers.portfolio import (
    Announced,
    RulesInForce,
    ToolUsage,
    announced,
    lapses_soon,
    rules_in_force,
    tool_usage,
)
from tiers.queries import Standing, history, standing
from tiers.rules import OutlookReading, RequirementGap, TierGap


@dataclass(frozen=True, slots=True)
class KeepTier:
    """What keeps the credited tier at the next review. readings: those to come, with what is missing on each.

    closest: the reading to come on which the least is missing; None when one has met the tier already, when the tier cannot
    fall yet, or when there is nothing to keep.
    """

    tier: str
    kept: bool
    met: tuple[OutlookReading, ...]
    to_come: tuple[OutlookReading, ...]
    closest: OutlookReading | None


@dataclass(frozen=True, slots=True)
class TierPage:
    """The page of a day: where the partner stands, under which rules, towards which target. past: the day is not today."""

    standing: Standing
    tiers: tuple[str, ...]
    target: TierGap | None
    metrics: tuple[Metric, ...]
    table: tuple[tuple[TierGap, tuple[RequirementGap | None, ...]], ...]
    bars: tuple[bars.Bar, ...]
    keep: KeepTier | None
    tools: ToolUsage
    rules: RulesInForce
    announced: tuple[Announced, ...]
    history: tuple[TierChange, ...]
    past: bool

    @property
    def certificate_lapses_soon(self) -> bool:
        """Whether nobody will hold the partner certification before long."""
        return lapses_soon(self.standing.certified.until, self.standing.day)


def tier_page(scope: Scope, day: date, target: str | None) -> TierPage:
    """Everything on the page but its series. A constant number of queries."""
    now = standing(scope, day)
    rule_set = now.rule_set
    metrics: list[Metric] = []
    for gap in now.targets:
        metrics += [row.metric for row in gap.requirements if row.metric not in metrics]
    chosen = now.target(target)
    points = {
        Track.SOURCED: now.points.sourced,
        Track.ASSISTED: now.points.assisted,
        Track.MANAGED: now.points.managed,
    }
    return TierPage(
        standing=now,
        tiers=tuple(tier.name for tier in rule_set.tiers) if rule_set else (),
        target=chosen,
        metrics=tuple(metrics),
        table=tuple((gap, _cells(gap, metrics)) for gap in now.targets),
        bars=bars.bars(points, now.targets, chosen.tier if chosen else None),
        keep=_keep(now),
        tools=tool_usage(scope, day),
        rules=rules_in_force(scope, day),
        announced=tuple(announced(scope, day)),
        history=tuple(reversed(history(scope, day))),
        past=day != scope.today,
    )


def _cells(gap: TierGap, metrics: list[Metric]) -> tuple[RequirementGap | None, ...]:
    return tuple(next((row for row in gap.requirements if row.metric == metric), None) for metric in metrics)


def _keep(now: Standing) -> KeepTier | None:
    outlook = now.outlook
    if outlook is None or outlook.before.tier is None:
        return None
    met = tuple(reading for reading in outlook.readings if reading.met and not reading.to_come)
    to_come = tuple(reading for reading in outlook.readings if reading.to_come)
    kept = outlook.review_row is not None and outlook.review_row.before == outlook.review_row.after
    short = [reading for reading in to_come if reading.gap is not None and not reading.met]
    closest = None if kept or met else min(short, key=_furthest, default=None)
    return KeepTier(outlook.before.tier, kept, met, to_come, closest)


def _furthest(reading: OutlookReading) -> Decimal:
    """The part that the binding requirement misses on a reading."""
    binding = reading.gap.binding if reading.gap else None
    if binding is None or binding.missing is None or not binding.need:
        return Decimal(1)
    return binding.missing / binding.need
