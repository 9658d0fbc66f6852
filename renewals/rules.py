"""What a renewal puts at stake, when it must be decided, and what the tier would be without its points.

Pure: no Django, no clock. Rules: `docs/points.md` 10.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ledger.records import CancellationFact
from program.rulebook import Rulebook
from program.terms import Metric, Track
from tiers.rules import Measures, TierGap, gap, performance

DECISION_DAYS = 45
_ZERO = Decimal(0)


def deadline(renews_on: date) -> date:
    """The last day to decide: 45 days before the renewal."""
    return renews_on - timedelta(days=DECISION_DAYS)


@dataclass(frozen=True, slots=True)
class StakeLot:
    """What is left on the renewal day of one lot of the line, in points, and the first day on which it no longer counts."""

    track: Track
    points: Decimal
    expires_on: date


@dataclass(frozen=True, slots=True)
class Stake:
    """Points that go when a line is not renewed: of its sold lots, and of the managed state when it is the only line."""

    lots: tuple[StakeLot, ...]
    managed: Decimal

    @property
    def sold(self) -> Decimal:
        """Sold points at stake."""
        return sum((lot.points for lot in self.lots), _ZERO)

    @property
    def points(self) -> Decimal:
        """All points at stake."""
        return self.sold + self.managed

    def missing_on(self, day: date) -> dict[Track, Decimal]:
        """By track, what would be missing at the end of a later day: a lot that expires by then is gone either way."""
        found = dict.fromkeys(Track, _ZERO)
        for lot in self.lots:
            if lot.expires_on > day:
                found[lot.track] += lot.points
        found[Track.MANAGED] += self.managed
        return found


def cancelled(cancellations: Iterable[CancellationFact], line: str, day: date) -> bool:
    """Whether the line, or all of the client, was cancelled by the day; a sale since is in `lines_in_force`."""
    return any(row.product_line in ("", line) and row.cancelled_on <= day for row in cancellations)


class WithoutPoints:
    """Measures as they would be without some points, by track, on every day asked."""

    def __init__(self, measures: Measures, taken: Mapping[Track, Decimal]) -> None:
        self._measures = measures
        self._taken = taken

    def value(self, metric: Metric, on: date) -> Decimal | None:
        """The metric at the end of the day, unrounded; None for "no data"."""
        value = self._measures.value(metric, on)
        taken = (self._taken.get(track, _ZERO) for track in metric.tracks)
        return value if value is None else value - sum(taken, _ZERO)

    def certified(self, on: date) -> bool:
        """Whether anyone holds the certification that every tier needs."""
        return self._measures.certified(on)


class OnceADay:
    """Measures that work out each value once: many renewals ask for the same review day."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._values: dict[tuple[Metric, date], Decimal | None] = {}
        self._certified: dict[date, bool] = {}

    def value(self, metric: Metric, on: date) -> Decimal | None:
        """The metric at the end of the day, unrounded; None for "no data"."""
        if (metric, on) not in self._values:
            self._values[metric, on] = self._measures.value(metric, on)
        return self._values[metric, on]

    def certified(self, on: date) -> bool:
        """Whether anyone holds the certification that every tier needs."""
        if on not in self._certified:
            self._certified[on] = self._measures.certified(on)
        return self._certified[on]


# The cache keeps these by the thousand. Without slots: pickle reads and writes the `__dict__` of an instance in C, but frozen
# slots through Python code of `dataclasses`, field by field; 15,000 renewals are read back in a third of the time.
@dataclass(frozen=True)
class Impact:
    """The next review on or after the renewal, if nothing else happens, with and without the points at stake.

    with_tier, without_tier: performance tiers, None is untiered. gap_with, gap_without: points (of the total) missing to
    the credited tier, None when untiered or when its rules ask for no total. fails: metrics of the credited tier that are
    met with these points and not without them.
    """

    review: date
    with_tier: str | None
    without_tier: str | None
    gap_with: Decimal | None
    gap_without: Decimal | None
    fails: tuple[Metric, ...]

    @property
    def falls(self) -> bool:
        """Whether the performance tier would be another one without the points."""
        return self.with_tier != self.without_tier


def impact(found: Stake, measures: Measures, rulebook: Rulebook, credited: str | None, review: date) -> Impact:
    """What the points at stake decide on the review day. `measures` must reach to it."""
    rule_set = rulebook.rule_set(review)
    target = rule_set.tier(credited) if rule_set is not None and credited is not None else None
    without = WithoutPoints(measures, found.missing_on(review))
    kept, lost = (None, None) if target is None else (gap(target, measures, review), gap(target, without, review))
    return Impact(
        review,
        performance(measures, rulebook, review),
        performance(without, rulebook, review),
        _missing_total(kept),
        _missing_total(lost),
        _newly_failing(kept, lost),
    )


def _missing_total(found: TierGap | None) -> Decimal | None:
    return (
        next((row.missing for row in found.requirements if row.metric == Metric.TOTAL_POINTS), None) if found else None
    )


def _newly_failing(kept: TierGap | None, lost: TierGap | None) -> tuple[Metric, ...]:
    if kept is None or lost is None:
        return ()
    pairs = zip(kept.requirements, lost.requirements, strict=True)
    return tuple(before.metric for before, after in pairs if before.met and not after.met)


def review_on_or_after(rulebook: Rulebook, day: date) -> date | None:
    """The next review on the day or after it; None when the programme has none."""
    review = rulebook.next_review(day - timedelta(days=1))
    return review.on if review else None


def week_of(day: date) -> date:
    """The Monday of the week of the day."""
    return day - timedelta(days=day.weekday())


def weeks(first: date, last: date) -> tuple[date, ...]:
    """The Mondays of all weeks from `first` to `last`, both included."""
    start, count = week_of(first), (week_of(last) - week_of(first)).days // 7 + 1
    return tuple(start + timedelta(weeks=step) for step in range(count))
