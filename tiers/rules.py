"""Rules of tiers: the performance tier of a day, the gap to every tier, and the credited tier over time.

Pure: no Django, no clock. Tiers are names, None is untiered. Rules: `docs/points.md` 7 and 12.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from ledger.series import PointSeries
from partner_portal.lib.dates.months import add_months
from program.rulebook import Requirement, ReviewDay, Rulebook, RuleSet, Tier
from program.terms import Metric, ReviewResult
from tiers.reasons import Fell, Held, Kept, Lapsed, MetRequirement, Reason, Rose

_ZERO = Decimal(0)
_DAY = timedelta(days=1)


class Measures(Protocol):
    """The tier metrics of any day, and whether the partner certification is held on it."""

    def value(self, metric: Metric, on: date) -> Decimal | None:
        """The metric at the end of the day, unrounded; None for "no data"."""
        ...

    def certified(self, on: date) -> bool:
        """Whether anyone holds the certification that every tier requires."""
        ...


@dataclass(frozen=True, slots=True)
class PortfolioMeasures:
    """The measures of a partner's whole portfolio."""

    #: Points by day; they may reach into the future.
    points: PointSeries
    #: Whether anyone holds the partner certification on a day.
    certification: Callable[[date], bool]
    #: The value on a day of every other metric; one without a function has no data.
    others: Mapping[Metric, Callable[[date], Decimal | int | None]] = field(default_factory=dict)

    def value(self, metric: Metric, on: date) -> Decimal | None:
        """The metric at the end of the day, unrounded; None for "no data"."""
        if tracks := metric.tracks:
            return sum((self.points.track(track, on) for track in tracks), _ZERO)
        measure = self.others.get(metric)
        value = None if measure is None else measure(on)
        return Decimal(value) if isinstance(value, int) else value

    def certified(self, on: date) -> bool:
        """Whether anyone holds the certification that every tier requires."""
        return self.certification(on)


# Requirements and the performance tier


@dataclass(frozen=True, slots=True)
class RequirementGap:
    """A requirement of a tier measured on a day."""

    metric: Metric
    #: The value of the metric, unrounded; None: no data.
    have: Decimal | None
    #: The value required.
    need: Decimal
    #: How much of the required value is missing, never negative; None: no data.
    missing: Decimal | None
    met: bool
    #: Whether it is the unmet requirement of its tier with the largest missing/need; no data is wholly missing.
    binding: bool


@dataclass(frozen=True, slots=True)
class TierGap:
    """A tier measured on a day, as a target."""

    tier: str
    #: Whether the tier is credited on invitation only.
    by_invitation: bool
    #: Whether all requirements are met and the certification is held; an invitation does not matter.
    met: bool
    #: Whether anyone holds the certification that every tier requires.
    certified: bool
    requirements: tuple[RequirementGap, ...]

    @property
    def binding(self) -> RequirementGap | None:
        """The requirement that is furthest away; None when all are met."""
        return next((gap for gap in self.requirements if gap.binding), None)


def meets(requirement: Requirement, measures: Measures, on: date) -> bool:
    """Whether the requirement is met on the day; "no data" does not meet it."""
    have = measures.value(requirement.metric, on)
    return have is not None and have >= requirement.value


def gap(tier: Tier, measures: Measures, on: date) -> TierGap:
    """Measure the tier on the day: what it requires, what there is, and what is missing."""
    certified = measures.certified(on)
    haves = [measures.value(requirement.metric, on) for requirement in tier.requirements]
    furthest: int | None = None
    furthest_part = _ZERO
    for index, (requirement, have) in enumerate(zip(tier.requirements, haves, strict=True)):
        part = _missing_part(requirement, have)
        if part is not None and (furthest is None or part > furthest_part):
            furthest, furthest_part = index, part
    requirements = tuple(
        RequirementGap(
            requirement.metric,
            have,
            requirement.value,
            None if have is None else max(_ZERO, requirement.value - have),
            met=have is not None and have >= requirement.value,
            binding=index == furthest,
        )
        for index, (requirement, have) in enumerate(zip(tier.requirements, haves, strict=True))
    )
    met = certified and furthest is None
    return TierGap(tier.name, tier.by_invitation, met, certified, requirements)


def _missing_part(requirement: Requirement, have: Decimal | None) -> Decimal | None:
    """The part of the requirement that is missing, 1 with no data; None when it is met."""
    if have is None:
        return Decimal(1)
    if have >= requirement.value:
        return None
    return (requirement.value - have) / requirement.value if requirement.value else Decimal(1)


def targets(measures: Measures, rulebook: Rulebook, on: date) -> tuple[TierGap, ...]:
    """The gap to every tier of the rule set in force on the day, lowest first; empty before the first rule set."""
    rule_set = rulebook.rule_set(on)
    return () if rule_set is None else tuple(gap(tier, measures, on) for tier in rule_set.tiers)


def performance(measures: Measures, rulebook: Rulebook, on: date) -> str | None:
    """The highest tier that the figures of the day meet under the rule set in force; None: untiered."""
    tier = _performance_tier(measures, rulebook.rule_set(on), on)
    return None if tier is None else tier.name


def _performance_tier(measures: Measures, rule_set: RuleSet | None, on: date) -> Tier | None:
    if rule_set is None or not measures.certified(on):
        return None
    for tier in reversed(rule_set.tiers):
        if all(meets(requirement, measures, on) for requirement in tier.requirements):
            return tier
    return None


def next_tier(measures: Measures, rulebook: Rulebook, on: date) -> TierGap | None:
    """The gap to the tier above the performance tier of the day; None at the top and before the first rule set."""
    rule_set = rulebook.rule_set(on)
    if rule_set is None:
        return None
    now = _performance_tier(measures, rule_set, on)
    above = 0 if now is None else rule_set.tiers.index(now) + 1
    return gap(rule_set.tiers[above], measures, on) if above < len(rule_set.tiers) else None


# The credited tier over time


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation to a tier."""

    tier: str
    #: The first day on which it is valid.
    on: date


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of a review: the performance tier on one of the days that count for it."""

    on: date
    performance: str | None
    #: Whether the performance reaches the credited tier.
    met: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the history: a rise, or a review that lowered the tier or kept it."""

    on: date
    kind: ReviewResult
    #: The credited tiers before and after; the same for a review that kept the tier.
    before: str | None
    after: str | None
    reason: Reason
    #: The readings of the review; empty for a rise.
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Credited:
    """The credited tier on a day."""

    tier: str | None
    #: The day of its last change; None before the first.
    since: date | None


class CreditedTier:
    """Derives the credited tier day by day; all days are evaluated with the same measures."""

    def __init__(self, measures: Measures, rulebook: Rulebook, invitations: Iterable[Invitation] = ()) -> None:
        self._measures = measures
        self._rulebook = rulebook
        self._invitations = tuple(invitations)
        self._performance: dict[date, Tier | None] = {}

    def history(self, first_ledger_day: date | None, until: date) -> tuple[Change, ...]:
        """All rises and reviews up to `until`, oldest first; reviews of an untiered partner are left out.

        The history begins with the first ledger day or the first rule set, whichever is later.
        """
        if first_ledger_day is None or not self._rulebook.rule_sets:
            return ()
        start = max(first_ledger_day, self._rulebook.rule_sets[0].start)
        return self.after(Credited(None, None), start, until)

    def after(self, state: Credited, first: date, last: date) -> tuple[Change, ...]:
        """Rises and reviews from `first` to `last`, both included, for a partner who starts with this credited tier."""
        rows: list[Change] = []
        reviews = {review.on: review for review in self._rulebook.reviews_between(first, last)}
        on = first
        while on <= last:
            if on in reviews and state.tier is not None:
                row = self.review(state, reviews[on])
                rows.append(row)
                if row.before != row.after:
                    state = Credited(row.after, on)
            rise = self._rise(state, on)
            if rise is not None:
                rows.append(rise)
                state = Credited(rise.after, on)
            on += _DAY
        return tuple(rows)

    def review(self, state: Credited, review: ReviewDay) -> Change:
        """The result of a review: the tier is held, lost for lack of the certification, kept, or lowered.

        Raises ValueError for an untiered partner.
        """
        tier, on = state.tier, review.on
        if tier is None:
            raise ValueError("An untiered partner has nothing to review.")
        readings = tuple(self._reading(day, tier) for day in review.readings)
        if state.since is not None and on < add_months(state.since, self._rulebook.hold_months):
            held = Held(tier, state.since, self._rulebook.hold_months)
            return Change(on, ReviewResult.KEPT, tier, tier, held, readings)
        if not self._measures.certified(on):
            return Change(on, ReviewResult.FALL, tier, None, Lapsed(self._rulebook.partner_certification), readings)
        met = tuple(reading.on for reading in readings if reading.met)
        if met:
            return Change(on, ReviewResult.KEPT, tier, tier, Kept(tier, met, len(readings)), readings)
        best = self._best(readings)
        return Change(on, ReviewResult.FALL, tier, best, Fell(tier, best, review.window_start, len(readings)), readings)

    def performance(self, on: date) -> Tier | None:
        """The performance tier of the day, computed once; None: untiered."""
        if on not in self._performance:
            self._performance[on] = _performance_tier(self._measures, self._rulebook.rule_set(on), on)
        return self._performance[on]

    def _reading(self, on: date, tier: str) -> Reading:
        reached = self.performance(on)
        met = reached is not None and self._place(reached.name, on) >= self._place(tier, on)
        return Reading(on, None if reached is None else reached.name, met)

    def _best(self, readings: tuple[Reading, ...]) -> str | None:
        """The highest tier that a reading met and that can be credited, by its place in the rule set of its day."""
        best: str | None = None
        best_place = -1
        for reading in readings:
            reached = self._creditable(self.performance(reading.on), reading.on)
            if reached is not None and (place := self._place(reached.name, reading.on)) >= best_place:
                best, best_place = reached.name, place
        return best

    def _rise(self, state: Credited, on: date) -> Change | None:
        reached = self.performance(on)
        tier = self._creditable(reached, on)
        if reached is None or tier is None:
            return None
        if state.tier is not None and self._place(tier.name, on) <= self._place(state.tier, on):
            return None
        shown = gap(tier, self._measures, on)
        newly_certified = not self._measures.certified(on - _DAY)
        reason = Rose(
            tuple(
                MetRequirement(row.metric, row.have, row.need)
                for row in shown.requirements
                if row.met and row.have is not None
            ),
            newly_certified=self._rulebook.partner_certification if newly_certified else None,
            not_invited=reached.name if reached is not tier else None,
        )
        return Change(on, ReviewResult.RISE, state.tier, tier.name, reason)

    def _creditable(self, reached: Tier | None, on: date) -> Tier | None:
        """The tier reached, or the highest one below it that needs no invitation or has one."""
        rule_set = self._rulebook.rule_set(on)
        if reached is None or rule_set is None:
            return None
        for tier in reversed(rule_set.tiers[: rule_set.tiers.index(reached) + 1]):
            if not tier.by_invitation or self._invited(tier.name, on):
                return tier
        return None

    def _invited(self, tier: str, on: date) -> bool:
        return any(invitation.tier == tier and invitation.on <= on for invitation in self._invitations)

    def _place(self, tier: str, on: date) -> int:
        """The place of a tier in the rule set of the day.

        A tier that this rule set does not have takes its place from the nearest earlier rule set that has it, otherwise
        from the nearest later one; without any, it ranks below all.
        """
        rule_sets = self._rulebook.rule_sets
        earlier = [rule_set for rule_set in rule_sets if rule_set.start <= on]
        later = [rule_set for rule_set in rule_sets if rule_set.start > on]
        for rule_set in [*reversed(earlier), *later]:
            place = rule_set.place(tier)
            if place is not None:
                return place
        return -1


# The next review


@dataclass(frozen=True, slots=True)
class OutlookReading:
    """A reading of the next review."""

    on: date
    performance: str | None
    #: Whether the performance reaches the credited tier.
    met: bool
    #: Whether the day is still to come, and the reading computed from what is known.
    to_come: bool
    #: The gap to the credited tier; None without one in the rule set of the day.
    gap: TierGap | None


@dataclass(frozen=True, slots=True)
class ReviewOutlook:
    """The next review and its result if nothing else happens."""

    review: ReviewDay
    #: The tier credited just before the review.
    before: Credited
    #: The tier credited after it, a rise on the same day included.
    after: str | None
    readings: tuple[OutlookReading, ...]
    #: The review's row of the history; None for a partner who is untiered then.
    review_row: Change | None
    #: The rises expected before it.
    rises: tuple[Change, ...]


def review_outlook(
    measures: Measures, rulebook: Rulebook, state: Credited, today: date, invitations: Iterable[Invitation] = ()
) -> ReviewOutlook | None:
    """The next review after `today` for a partner with this credited tier; None for a programme without reviews.

    measures: must reach to the review, with known expiries, ends, cancellations and lapses.
    """
    review = rulebook.next_review(today)
    if review is None:
        return None
    walk = CreditedTier(measures, rulebook, invitations)
    rows = walk.after(state, today + _DAY, review.on)
    rises = tuple(row for row in rows if row.kind == ReviewResult.RISE and row.on < review.on)
    before = Credited(rises[-1].after, rises[-1].on) if rises else state
    review_row = next((row for row in rows if row.on == review.on and row.kind != ReviewResult.RISE), None)
    after = rows[-1].after if rows else state.tier
    readings = []
    for day in review.readings:
        reached = walk.performance(day)
        rule_set = rulebook.rule_set(day)
        tier = rule_set.tier(before.tier) if rule_set is not None and before.tier is not None else None
        met = review_row is not None and any(row.on == day and row.met for row in review_row.readings)
        readings.append(
            OutlookReading(
                day,
                None if reached is None else reached.name,
                met,
                day > today,
                None if tier is None else gap(tier, measures, day),
            )
        )
    return ReviewOutlook(review, before, after, tuple(readings), review_row, rises)
