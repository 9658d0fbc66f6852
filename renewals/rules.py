"""Rules of renewals: decision deadline, points at stake and their impact on the tier.

Pure: no Django, no clock. Rules: `docs/points.md` 10.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ledger.records import CancellationFact
from program.rulebook import Rulebook, Tier
from program.terms import Metric, Track
from tiers.rules import Measures, TierGap, gap, performance

DECISION_DAYS = 45
_ZERO = Decimal(0)


def deadline(renews_on: date) -> date:
    """The last day to decide: 45 days before the renewal."""
    return renews_on - timedelta(days=DECISION_DAYS)


@dataclass(frozen=True, slots=True)
class StakeLot:
    """A lot of the line that is active on the renewal day."""

    track: Track
    points: Decimal  #: left on the renewal day
    expires_on: date  #: the first day on which it no longer counts


@dataclass(frozen=True, slots=True)
class Stake:
    """Points that are lost when a line is not renewed."""

    lots: tuple[StakeLot, ...]  #: the sold lots of the line
    managed: Decimal  #: managed points in force, when it is the client's only line; otherwise 0

    @property
    def sold(self) -> Decimal:
        """Sold points at stake."""
        return sum((lot.points for lot in self.lots), _ZERO)

    @property
    def points(self) -> Decimal:
        """All points at stake."""
        return self.sold + self.managed

    def missing_on(self, day: date) -> dict[Track, Decimal]:
        """Points by track that would be missing at the end of a later day, without lots that expire by then anyway."""
        points = dict.fromkeys(Track, _ZERO)
        for lot in self.lots:
            if lot.expires_on > day:
                points[lot.track] += lot.points
        points[Track.MANAGED] += self.managed
        return points


def cancelled(cancellations: Iterable[CancellationFact], line: str, day: date) -> bool:
    """Whether the line or the whole client was cancelled by the day, even if it was sold again since."""
    return any(row.product_line in ("", line) and row.cancelled_on <= day for row in cancellations)


class WithoutPoints:
    """Measures with some points, by track, subtracted on every day."""

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


class CachedMeasures:
    """Measures that compute every value only once, since many renewals need those of the same review day."""

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


# Cached by the thousand, and without slots: pickle handles an instance's `__dict__` in C, but frozen slots field by field in
# Python code of `dataclasses`. That makes loading 15,000 renewals three times as fast.
@dataclass(frozen=True)
class Impact:
    """The next review on or after the renewal, if nothing else happens, with and without the points at stake."""

    review: date
    with_tier: str | None  #: performance tier with the points; None is untiered
    without_tier: str | None  #: performance tier without them; None is untiered
    gap_with: (
        Decimal | None
    )  #: total points missing to the credited tier; None when untiered or without such a requirement
    gap_without: Decimal | None  #: the same without the points at stake
    fails: tuple[Metric, ...]  #: metrics of the credited tier that are met with the points and not without them

    @property
    def falls(self) -> bool:
        """Whether the performance tier would be another one without the points."""
        return self.with_tier != self.without_tier


class Impacts:
    """The impacts of points at stake; what does not depend on them is computed once a review day."""

    def __init__(self, measures: Measures, rulebook: Rulebook, credited: str | None) -> None:
        self._measures = CachedMeasures(measures)
        self._rulebook = rulebook
        self._credited = credited
        self._with: dict[date, tuple[Tier | None, TierGap | None, str | None]] = {}

    def of(self, stake: Stake, review: date) -> Impact:
        """The impact on the review day, up to which the measures must be known."""
        target, gap_with, with_tier = self._with_points(review)
        missing = stake.missing_on(review)
        if not any(missing.values()):
            total = _missing_total(gap_with)
            return Impact(review, with_tier, with_tier, total, total, ())
        without = WithoutPoints(self._measures, missing)
        gap_without = gap(target, without, review) if target else None
        return Impact(
            review,
            with_tier,
            performance(without, self._rulebook, review),
            _missing_total(gap_with),
            _missing_total(gap_without),
            _newly_failing(gap_with, gap_without),
        )

    def _with_points(self, review: date) -> tuple[Tier | None, TierGap | None, str | None]:
        """The credited tier in the rules of the day, the gap to it, and the tier reached."""
        if review not in self._with:
            rule_set = self._rulebook.rule_set(review)
            target = rule_set.tier(self._credited) if rule_set is not None and self._credited is not None else None
            gap_with = gap(target, self._measures, review) if target else None
            self._with[review] = target, gap_with, performance(self._measures, self._rulebook, review)
        return self._with[review]


def _missing_total(of: TierGap | None) -> Decimal | None:
    return next((row.missing for row in of.requirements if row.metric == Metric.TOTAL_POINTS), None) if of else None


def _newly_failing(gap_with: TierGap | None, gap_without: TierGap | None) -> tuple[Metric, ...]:
    if gap_with is None or gap_without is None:
        return ()
    pairs = zip(gap_with.requirements, gap_without.requirements, strict=True)
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
