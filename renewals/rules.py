"""Rules of renewals: decision deadline, points at stake and their impact on the tier.

Pure: no Django, no clock. Rules: `docs/points.md` 10.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from ledger.records import CancellationFact
from program.rulebook import Rulebook
from program.terms import Metric, Track
from tiers.rules import Measures, TierGap, gap, performance

DECISION_DAYS = 45
_ZERO = Decimal(0)


def deadline(renews_on: date) -> date:
    """The last day to decide: 45 days before the renewal."""
    return renews_on - timedelta(days=DECISION_DAYS)


class StakeLot(NamedTuple):  # made by ten thousands, as `Stake` is
    """A lot of the line that is active on the renewal day."""

    track: Track
    points: Decimal  #: left on the renewal day
    expires_on: date  #: the first day on which it no longer counts


class Stake(NamedTuple):
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


class _OnReview(NamedTuple):
    """What the measures give on a review day with all points, of which only points are then taken away."""

    #: The gap to the credited tier; None when untiered.
    gap: TierGap | None
    #: The performance tier with all points; None: untiered.
    tier: str | None
    #: The tiers whose requirements that are not of points are met, highest first, each with the tracks and the points to spare
    #: of its requirements of points. Empty without the certification.
    tiers: tuple[tuple[str, tuple[tuple[Collection[Track], Decimal], ...]], ...]


class Impacts:
    """The impacts of points at stake; what does not depend on them is computed once a review day."""

    def __init__(self, measures: Measures, rulebook: Rulebook, credited: str | None) -> None:
        self._measures = measures
        self._rulebook = rulebook
        self._credited = credited
        self._reviews: dict[date, _OnReview] = {}

    def of(self, stake: Stake, review: date) -> Impact:
        """The impact on the review day, up to which the measures must be known."""
        if review not in self._reviews:
            self._reviews[review] = self._on(review)
        on = self._reviews[review]
        missing = stake.missing_on(review)
        requirements = on.gap.requirements if on.gap else ()
        total = next((row.missing for row in requirements if row.metric == Metric.TOTAL_POINTS), None)
        if not any(missing.values()):
            return Impact(review, on.tier, on.tier, total, total, ())
        without, fails = total, []
        for row in requirements:
            if row.have is None or not row.metric.tracks:
                continue
            left = row.have - _taken(missing, row.metric.tracks)
            if row.metric == Metric.TOTAL_POINTS:
                without = max(_ZERO, row.need - left)
            if row.met and left < row.need:
                fails.append(row.metric)
        reached = (name for name, needs in on.tiers if all(_taken(missing, tracks) <= spare for tracks, spare in needs))
        return Impact(review, on.tier, next(reached, None), total, without, tuple(fails))

    def _on(self, review: date) -> _OnReview:
        rule_set = self._rulebook.rule_set(review)
        if rule_set is None:
            return _OnReview(None, None, ())
        target = rule_set.tier(self._credited) if self._credited is not None else None
        tiers = []
        for tier in reversed(rule_set.tiers) if self._measures.certified(review) else ():
            spare: list[tuple[Collection[Track], Decimal]] = []
            for requirement in tier.requirements:
                have = self._measures.value(requirement.metric, review)
                if have is None or have < requirement.value:
                    break
                if requirement.metric.tracks:
                    spare.append((requirement.metric.tracks, have - requirement.value))
            else:
                tiers.append((tier.name, tuple(spare)))
        return _OnReview(
            gap(target, self._measures, review) if target else None,
            performance(self._measures, self._rulebook, review),
            tuple(tiers),
        )


def _taken(missing: Mapping[Track, Decimal], tracks: Collection[Track]) -> Decimal:
    return sum((missing[track] for track in tracks), _ZERO)


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
