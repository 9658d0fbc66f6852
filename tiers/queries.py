"""Reads where the partner stands: credited and performance tier, the gap to each tier, the next review, the history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from accounts.scope import Scope
from clients.queries import certifications, mrr_history, sold_in_12_months
from clients.rules import CertificationFact, Retention
from ledger.queries import ZERO, PointTotals, rolling_sourced_loss
from ledger.series import PointFigures
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import RuleSet
from program.terms import Origin, ReviewResult, Track
from tiers import rules
from tiers.measures import outlook_measures
from tiers.models import Invitation, TierChange
from tiers.rules import Credited, Outlook, PortfolioMeasures, TierGap


@dataclass(frozen=True, slots=True)
class Certified:
    """The certification that every tier needs: its name, who holds it (soonest to lapse first), and when nobody will."""

    name: str
    held: bool
    holders: Sequence[CertificationFact]
    until: date | None
    people: int  # with any valid certification


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the partner stands at the end of `day`. Tiers are names, None is untiered.

    targets: every tier of the rule set in force, lowest first. next_tier: the gap to the tier above performance.
    outlook: the next review if nothing else happens.
    """

    day: date
    rule_set: RuleSet | None
    points: PointTotals
    performance: str | None
    credited: str | None
    credited_since: date | None
    next_review: date | None
    targets: tuple[TierGap, ...]
    next_tier: TierGap | None
    outlook: Outlook | None
    certified: Certified

    @property
    def days_to_review(self) -> int | None:
        """Days from `day` to the next review."""
        return (self.next_review - self.day).days if self.next_review else None

    def target(self, name: str | None) -> TierGap | None:
        """The target of that name (any case), otherwise the next tier, otherwise the highest."""
        for each in self.targets:
            if name and each.tier.casefold() == name.casefold():
                return each
        return self.next_tier or (self.targets[-1] if self.targets else None)


@dataclass(frozen=True, slots=True)
class Projected:
    """A day to come if nothing else happens: points, performance tier, and the gap to every tier of its rule set."""

    day: date
    points: PointFigures
    performance: str | None
    targets: tuple[TierGap, ...]


@dataclass(frozen=True, slots=True)
class MoneyFigures:
    """The two 12-month figures, in points-dollars, exact, and the start of the currency table they are named after."""

    source_dollar_12m: Fraction
    rolling_sourced_mrr_12m: Fraction
    currency_table: date


def history(scope: Scope, day: date | None = None) -> list[TierChange]:
    """Rises and reviews up to `day` (default: today), oldest first. Read once a scope and day."""
    rows = TierChange.objects.filter(partner=scope.partner, on__lte=day or scope.today)
    return list(scope.once(("history", day or scope.today), lambda: tuple(rows)))


def credited_on(rows: Sequence[TierChange]) -> Credited:
    """The credited tier after these rows, and since when."""
    changed = [row for row in rows if row.kind != ReviewResult.KEPT]
    return Credited(changed[-1].after or None, changed[-1].on) if changed else Credited(None, None)


def invitations(scope: Scope, day: date | None = None) -> list[rules.Invitation]:
    """The tiers that the vendor invited the partner to, up to `day`, or all of them; by tier."""
    rows = Invitation.objects.filter(partner=scope.partner).order_by("tier").values_list("tier", "on")
    found = scope.once("invitations", lambda: tuple(rules.Invitation(*row) for row in rows))
    return [each for each in found if day is None or each.on <= day]


def invitable(scope: Scope) -> list[str]:
    """The tiers that the rules in force or announced give by invitation only, lowest first."""
    book, today = rulebook(scope), scope.today
    in_force = book.rule_set(today)
    rule_sets = [each for each in book.rule_sets if each is in_force or each.start > today]
    return list(dict.fromkeys(tier.name for each in rule_sets for tier in each.tiers if tier.by_invitation))


def standing(scope: Scope, day: date | None = None) -> Standing:
    """Everything about tiers on `day` (default: today), as the facts are known today. A constant number of queries."""
    day = day or scope.today
    book = rulebook(scope)
    review = book.next_review(day)
    measures = outlook_measures(scope, day)
    credited = credited_on(history(scope, day))
    return Standing(
        day=day,
        rule_set=book.rule_set(day),
        points=points_of(measures, day),
        performance=rules.performance(measures, book, day),
        credited=credited.tier,
        credited_since=credited.since,
        next_review=review.on if review else None,
        targets=rules.targets(measures, book, day),
        next_tier=rules.next_tier(measures, book, day),
        outlook=rules.outlook(measures, book, credited, day, invitations(scope, day)),
        certified=_certified(scope, day),
    )


def points_of(measures: PortfolioMeasures, day: date) -> PointTotals:
    """The points of a day that the measures were read for."""
    points = measures.points
    return PointTotals(**{track.value: ZERO + points.track(track, day) for track in Track})


def projection(scope: Scope, day: date, days: Sequence[date]) -> list[Projected]:
    """Each of `days`, all of them `day` or later, as it comes if nothing else happens (points.md 10)."""
    book = rulebook(scope)
    measures = outlook_measures(scope, day)
    return [
        Projected(
            on,
            measures.points.figures(on),
            rules.performance(measures, book, on),
            rules.targets(measures, book, on),
        )
        for on in days
    ]


def retention(scope: Scope, day: date) -> Retention:
    """C$R and GRR over the 12 complete months before the month of `day`."""
    return mrr_history(scope).retention(day)


@cached_by_generation("money-figures")
def money_figures(scope: Scope, day: date) -> MoneyFigures:
    """12-month source dollar and rolling 12-month sourced MRR (points.md 6)."""
    book = rulebook(scope)
    sold = sold_in_12_months(scope, day, [Origin.SOURCED])
    lost = Fraction(rolling_sourced_loss(scope, day)) * Fraction(book.unit_usd)
    # The loss is a quotient cut off at 40 places: at 30 the difference is what it would be exactly, so that one that lies
    # exactly half-way between two cents (125.875) is still seen as that.
    return MoneyFigures(sold, round(sold - lost, 30), book.currency_table(day).start)


def _certified(scope: Scope, day: date) -> Certified:
    name = rulebook(scope).partner_certification
    found = certifications(scope)
    return Certified(
        name, found.held(name, day), found.holders(name, day), found.held_until(name, day), found.people(day)
    )
