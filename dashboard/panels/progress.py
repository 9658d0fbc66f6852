"""Programme progress: both tiers, the next review, and where the total stands between the tiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from clients.rules import Retention
from dashboard import words
from dashboard.overview import Overview
from ledger.datasets import TRACKS
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import DAY
from partner_portal.lib.rounding import ceiling
from partner_portal.templatetags.figures import places_of, whole
from program.terms import MONEY_METRICS, Metric
from tiers.gap_text import lacks, missing_text
from tiers.queries import MoneyFigures, TierStanding, money_figures, retention
from tiers.rules import OutlookReading, RequirementGap, TierGap

TICK_ROOM = Decimal(22)  # per cent of the ladder's width that a label needs on a phone
NEAR_THE_START = Decimal(9)
FULL = Decimal(100)
HEADROOM = Decimal("0.9")  # where the highest mark stands on the ladder


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the ladder's bar: the track, its points, where it begins and how wide it is (per cent)."""

    track: str
    label: str
    points: Decimal
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A tier's minimum of total points on the ladder; `anchor` is "" where there is no room for the label."""

    tier: str
    points: Decimal
    at: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """The total between the tiers. ahead: the total on the review day if nothing else happens, and where it stands."""

    parts: tuple[Part, ...]
    ticks: tuple[Tick, ...]
    short: Part | None
    short_words: str
    goal: str
    ahead: Decimal | None
    ahead_at: str
    ahead_anchor: str
    review: date | None
    words: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of the review window as it is listed."""

    on: date
    tier: str | None
    note: str
    met: bool
    to_come: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What the panel shows. next_others: what the next tier lacks beside its binding requirement.

    next_hidden: what is missing to the next tier is an amount that this reader may not see. money: None without the right to
    see it; money_lost: the difference of its two figures. csr_for, grr_for: the tiers that ask for the ratio.
    """

    standing: TierStanding
    names: tuple[str, ...]
    relation: str
    effect: str
    reason: str
    readings: tuple[Reading, ...]
    ladder: Ladder
    next_missing: RequirementGap | None
    next_others: Sequence[str]
    next_hidden: bool
    money: MoneyFigures | None
    money_lost: Fraction | None
    money_since: date
    retention: Retention
    retention_last: date | None
    csr_for: tuple[str, ...]
    grr_for: tuple[str, ...]


def progress(overview: Overview) -> Progress:
    """The panel's figures."""
    scope, standing = overview.scope, overview.standing
    outlook = standing.outlook
    binding = standing.next_tier.binding if standing.next_tier else None
    kept = retention(scope, scope.today)
    money = money_figures(scope, scope.today) if scope.may_see_money else None
    return Progress(
        standing=standing,
        names=overview.tier_names,
        relation=words.steps_apart(standing.performance, standing.credited, overview.tier_names),
        effect=words.review_effect(outlook, past=overview.day.past) if outlook else "",
        reason=words.review_reason(outlook, past=overview.day.past) if outlook else "",
        readings=tuple(_reading(each) for each in outlook.readings) if outlook else (),
        ladder=_ladder(standing),
        next_missing=binding,
        next_others=_others(standing.next_tier, standing.certified.name) if standing.next_tier else (),
        next_hidden=binding is not None and binding.metric in MONEY_METRICS and not scope.may_see_money,
        money=money,
        money_lost=money.source_dollar_12m - money.rolling_sourced_mrr_12m if money else None,
        money_since=add_months(scope.today, -12) + DAY,
        retention=kept,
        retention_last=kept.series[-1].month if kept.series else None,
        csr_for=_tiers_that_ask_for(Metric.CSR, standing),
        grr_for=_tiers_that_ask_for(Metric.GRR, standing),
    )


def _others(gap: TierGap, certification: str) -> Sequence[str]:
    """What the tier lacks beside its binding requirement; the certification is named by itself when it alone is missing."""
    lacked = [missing_text(row) for row in gap.requirements if not row.met and not row.binding]
    return lacked + ([] if gap.certified or gap.binding is None else [lacks(gap, certification)[-1]])


def _tiers_that_ask_for(metric: Metric, standing: TierStanding) -> tuple[str, ...]:
    return tuple(gap.tier for gap in standing.targets if any(each.metric == metric for each in gap.requirements))


def _reading(reading: OutlookReading) -> Reading:
    return Reading(reading.on, reading.performance, words.reading_note(reading), reading.met, reading.to_come)


def _ladder(standing: TierStanding) -> Ladder:
    """The bar of the total, with a mark for the total that each tier needs, up to the tier above performance."""
    points = standing.points
    goal = standing.next_tier
    marks: list[tuple[str, Decimal]] = []
    for gap in standing.targets:
        needs = [each.need for each in gap.requirements if each.metric == Metric.TOTAL_POINTS]
        marks += [(gap.tier, need) for need in needs]
        if goal is not None and gap.tier == goal.tier:
            break
    width = max([points.total, *(need for _tier, need in marks), Decimal(1)]) / HEADROOM
    parts = []
    start = Decimal(0)
    for track in TRACKS:
        value = getattr(points, track)
        parts.append(Part(track, str(TRACKS[track]), value, _percent(start, width), _percent(value, width)))
        start += value
    missing = max(marks[-1][1] - points.total, Decimal(0)) if marks and goal is not None else Decimal(0)
    short = Part("", "", missing, _percent(start, width), _percent(missing, width)) if missing and goal else None
    ahead = _total_on_review(standing)
    ahead_share = (ahead or Decimal(0)) / width * FULL
    return Ladder(
        parts=tuple(parts),
        ticks=_ticks(marks, width),
        short=short,
        short_words=whole(ceiling(missing, 0)),
        goal=goal.tier if goal else "",
        ahead=ahead,
        ahead_at=f"{ahead_share:.2f}%",
        ahead_anchor="end" if ahead_share > FULL / 2 else "start",
        review=standing.next_review,
        words=words.ladder(
            [(part.label.lower(), part.points) for part in parts], points.total, marks, places_of(points)
        ),
    )


def _ticks(marks: list[tuple[str, Decimal]], width: Decimal) -> tuple[Tick, ...]:
    """Labels from the highest mark down, each where it has room beside the one above it."""
    ticks: list[Tick] = []
    free = FULL + TICK_ROOM
    for tier, need in reversed(marks):
        at = need / width * FULL
        anchor = ""
        if free - at >= TICK_ROOM:
            anchor = "end" if not ticks else "start" if at < NEAR_THE_START else "middle"
            free = at
        ticks.append(Tick(tier, need, f"{at:.2f}%", anchor))
    return tuple(reversed(ticks))


def _total_on_review(standing: TierStanding) -> Decimal | None:
    """The total on the review day if nothing else happens, where a requirement of the credited tier tells it."""
    gap = standing.outlook.readings[-1].gap if standing.outlook else None
    return next((each.have for each in gap.requirements if each.metric == Metric.TOTAL_POINTS), None) if gap else None


def _percent(value: Decimal, width: Decimal) -> str:
    return f"{value / width * FULL:.2f}%"
