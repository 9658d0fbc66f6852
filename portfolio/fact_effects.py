"""The effect of withdrawing or restoring a fact, computed in a transaction that is rolled back.

What a person is shown before they decide is what would happen, as with the preview of an import (ADR 14).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter

from django.db import transaction

from accounts.scope import Scope
from accounts.services import reload_partner
from clients.withdrawals import Outcome
from ledger.series import PointTotals
from partner_portal.lib.db.locks import PARTNER_FACTS, lock_if_free
from partner_portal.lib.shown_places import close_places, common_places
from program.terms import Track
from tiers.queries import projection, tier_standing


class FactsBusyError(Exception):
    """Another process is writing the partner's facts."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Where the partner stands today and at the next review, if nothing else happens (points.md 10)."""

    points: PointTotals
    performance: str | None  #: tier; None is untiered
    credited: str | None
    review_points: PointTotals | None  #: None when the programme has no review to come
    review_tier: str | None  #: credited tier after the review


@dataclass(frozen=True, slots=True)
class Changed:
    """A figure before and after."""

    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        """What it gains, below 0 for a loss."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class PointsChange:
    """The points of a day before and after, by track and in total."""

    tracks: Mapping[str, Changed]
    total: Changed

    @property
    def places(self) -> int:
        """The decimals with which tracks add up to totals, and differences to what is left."""
        rows = [*self.tracks.values(), self.total]
        sums: list[tuple[Decimal, list[Decimal]]] = [
            (of(self.total), [of(row) for row in self.tracks.values()]) for of in (_BEFORE, _AFTER, _DIFFERENCE)
        ]
        sums += [(row.after, [row.before, row.difference]) for row in rows]
        return common_places(sums, max(close_places(row.difference) for row in rows))


_BEFORE, _AFTER, _DIFFERENCE = attrgetter("before"), attrgetter("after"), attrgetter("difference")


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of facts does."""

    before: Figures
    after: Figures
    review: date | None  #: the next review
    outcome: Outcome

    @property
    def today(self) -> PointsChange:
        """Points of today."""
        return _points_change(self.before.points, self.after.points)

    @property
    def at_review(self) -> PointsChange | None:
        """Points on the day of the review; None without a review."""
        before, after = self.before.review_points, self.after.review_points
        return _points_change(before, after) if before and after else None

    @property
    def tiers_unchanged(self) -> bool:
        """Whether no tier changes, neither today nor at the review."""
        return self._tiers(self.before) == self._tiers(self.after)

    @staticmethod
    def _tiers(figures: Figures) -> tuple[str | None, ...]:
        return (figures.performance, figures.credited, figures.review_tier)


def _points_change(before: PointTotals, after: PointTotals) -> PointsChange:
    tracks = {track.value: Changed(getattr(before, track), getattr(after, track)) for track in Track}
    return PointsChange(tracks, Changed(before.total, after.total))


def effect_of(scope: Scope, change: Callable[[], Outcome]) -> Effect:
    """Make the change, read the figures, and roll it back.

    Raises FactsBusyError when an import is writing, and what the change raises, such as NotRestorableError.
    """
    if not lock_if_free(PARTNER_FACTS, scope.partner.pk):
        raise FactsBusyError
    before = _figures(scope)
    try:
        with transaction.atomic():
            outcome = change()
            after = _figures(scope)
            transaction.set_rollback(True)
    finally:
        reload_partner(scope)
    return Effect(before, after, tier_standing(scope).next_review, outcome)


def _figures(scope: Scope) -> Figures:
    now = tier_standing(scope)
    review = projection(scope, now.day, [now.next_review])[0].points if now.next_review else None
    after_review = now.outlook.after if now.outlook else None
    return Figures(now.points, now.performance, now.credited, review, after_review)
