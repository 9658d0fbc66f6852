"""The panel of programme progress: both tiers, the next review, and the total points among the tiers' thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from clients.rules import Retention
from dashboard import front_page_text
from dashboard.overview import Overview
from ledger.datasets import TRACKS
from partner_portal.formats.numbers import whole
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import DAY
from partner_portal.lib.rounding import ceiling
from program.terms import MONEY_METRICS, Metric
from tiers.gap_text import lacks, missing_text
from tiers.queries import MoneyFigures, TierStanding, money_figures, retention
from tiers.rules import OutlookReading, RequirementGap, TierGap

TICK_ROOM = Decimal(22)  # per cent of the ladder's width that a label needs on a phone
NEAR_THE_START = Decimal(9)
FULL = Decimal(100)
HEADROOM = Decimal("0.9")  # the position of the highest mark on the ladder


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of the ladder's bar: the points of a track."""

    track: str
    label: str
    points: Decimal
    #: Its left end and its width, as CSS percentages.
    start: str
    width: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The total points that a tier requires, as a mark on the ladder."""

    tier: str
    points: Decimal
    #: Its position as a CSS percentage.
    at: str
    #: The `text-anchor` of its label; "" where there is no room for a label.
    anchor: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """The total points on a scale with the thresholds of the tiers."""

    parts: tuple[Part, ...]
    #: Lowest tier first.
    ticks: tuple[Tick, ...]
    #: The segment of the points that the tier above performance lacks; None when it lacks none.
    short: Part | None
    #: The number of these points, rounded up.
    short_text: str
    #: The tier above performance; "" at the top.
    goal: str
    #: The total on the review day if nothing else happens; None when it is not known.
    ahead: Decimal | None
    #: The position of that total as a CSS percentage, and the `text-anchor` of its label.
    ahead_at: str
    ahead_anchor: str
    #: The day of the next review; None for a programme without reviews.
    review: date | None
    #: The text alternative.
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A row of the list of readings of the next review."""

    on: date
    #: The performance tier; None: untiered.
    tier: str | None
    #: `24 short`, `met` or the like.
    note: str
    #: Whether it reaches the credited tier.
    met: bool
    #: Whether the day is still to come.
    to_come: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """The contents of the panel."""

    standing: TierStanding
    #: The tiers of the rule set in force, lowest first.
    names: tuple[str, ...]
    #: How far the performance tier is from the credited one, as a sentence.
    relation: str
    #: The result of the next review and its reason; "" for a programme without reviews.
    effect: str
    reason: str
    #: The readings of the next review.
    readings: tuple[Reading, ...]
    ladder: Ladder
    #: The binding requirement of the next tier; None when it is met, and at the top.
    next_missing: RequirementGap | None
    #: What the next tier lacks besides that.
    next_others: Sequence[str]
    #: Whether the binding requirement is an amount that this reader may not see.
    next_hidden: bool
    #: None for a reader who may not see money.
    money: MoneyFigures | None
    #: The difference of the two money figures.
    money_lost: Fraction | None
    #: The first day of the 12 months of the money figures.
    money_since: date
    retention: Retention
    #: The last month of retention; None without any.
    retention_last: date | None
    #: The tiers that require C$R, and those that require GRR.
    csr_for: tuple[str, ...]
    grr_for: tuple[str, ...]


def progress(overview: Overview) -> Progress:
    """The panel's figures."""
    scope, standing = overview.scope, overview.standing
    outlook = standing.outlook
    binding = standing.next_tier.binding if standing.next_tier else None
    means = retention(scope, scope.today)
    money = money_figures(scope, scope.today) if scope.may_see_money else None
    return Progress(
        standing=standing,
        names=overview.tier_names,
        relation=front_page_text.steps_apart(standing.performance, standing.credited, overview.tier_names),
        effect=front_page_text.review_effect(outlook, past=overview.day.past) if outlook else "",
        reason=front_page_text.review_reason(outlook, past=overview.day.past) if outlook else "",
        readings=tuple(_reading(reading) for reading in outlook.readings) if outlook else (),
        ladder=_ladder(standing),
        next_missing=binding,
        next_others=_others(standing.next_tier, standing.certified.name) if standing.next_tier else (),
        next_hidden=binding is not None and binding.metric in MONEY_METRICS and not scope.may_see_money,
        money=money,
        money_lost=money.source_dollar_12m - money.rolling_sourced_mrr_12m if money else None,
        money_since=add_months(scope.today, -12) + DAY,
        retention=means,
        retention_last=means.series[-1].month if means.series else None,
        csr_for=_tiers_requiring(Metric.CSR, standing),
        grr_for=_tiers_requiring(Metric.GRR, standing),
    )


def _others(gap: TierGap, certification: str) -> Sequence[str]:
    """What the tier lacks besides its binding requirement; [] if it lacks the certification alone, shown by itself."""
    lacked = [missing_text(row) for row in gap.requirements if not row.met and not row.binding]
    return lacked + ([] if gap.certified or gap.binding is None else [lacks(gap, certification)[-1]])


def _tiers_requiring(metric: Metric, standing: TierStanding) -> tuple[str, ...]:
    return tuple(gap.tier for gap in standing.targets if any(row.metric == metric for row in gap.requirements))


def _reading(reading: OutlookReading) -> Reading:
    return Reading(reading.on, reading.performance, front_page_text.reading_note(reading), reading.met, reading.to_come)


def _ladder(standing: TierStanding) -> Ladder:
    """The bar of the total, with a mark for the total that each tier needs, up to the tier above performance."""
    points = standing.points
    goal = standing.next_tier
    marks: list[tuple[str, Decimal]] = []
    for gap in standing.targets:
        needs = [row.need for row in gap.requirements if row.metric == Metric.TOTAL_POINTS]
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
        short_text=whole(ceiling(missing, 0)),
        goal=goal.tier if goal else "",
        ahead=ahead,
        ahead_at=f"{ahead_share:.2f}%",
        ahead_anchor="end" if ahead_share > FULL / 2 else "start",
        review=standing.next_review,
        text=front_page_text.ladder(
            [(part.label.lower(), part.points) for part in parts], points.total, marks, points.places
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
    """The total on the review day if nothing else happens; None if the credited tier requires no total."""
    gap = standing.outlook.readings[-1].gap if standing.outlook else None
    return next((row.have for row in gap.requirements if row.metric == Metric.TOTAL_POINTS), None) if gap else None


def _percent(value: Decimal, width: Decimal) -> str:
    return f"{value / width * FULL:.2f}%"
