"""Reads the partner's standing: credited and performance tier, the gap to every tier, the next review, the history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from accounts.scope import Scope
from clients.queries import mrr_history, sold_in_12_months
from clients.rules import Retention
from ledger.queries import rolling_sourced_loss
from ledger.series import PointTotals, without
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import RuleSet
from program.terms import Origin, ReviewResult, Track
from tiers import models, rules
from tiers.certification import PartnerCertification, partner_certification
from tiers.measures import measures_of_day, outlook_measures
from tiers.rules import Credited, ReviewOutlook, TierGap


@dataclass(frozen=True, slots=True)
class TierStanding:
    """Where the partner stands at the end of a day. Tiers are names, None is untiered."""

    day: date
    #: The rule set in force on the day; None before the first.
    rule_set: RuleSet | None
    points: PointTotals
    performance: str | None
    credited: str | None
    #: None while no tier was ever credited.
    credited_since: date | None
    #: None for a programme without reviews.
    next_review: date | None
    #: The gap to every tier of the rule set in force, lowest first.
    targets: tuple[TierGap, ...]
    #: The gap to the tier above performance; None at the top.
    next_tier: TierGap | None
    #: The next review if nothing else happens; None for a programme without reviews.
    outlook: ReviewOutlook | None
    certified: PartnerCertification

    @property
    def days_to_review(self) -> int | None:
        """Days from `day` to the next review."""
        return (self.next_review - self.day).days if self.next_review else None

    def target(self, name: str | None) -> TierGap | None:
        """The target of that name, in any case; otherwise the next tier, otherwise the highest."""
        for gap in self.targets:
            if name and gap.tier.casefold() == name.casefold():
                return gap
        return self.next_tier or (self.targets[-1] if self.targets else None)


@dataclass(frozen=True, slots=True)
class Projected:
    """A day to come if nothing else happens."""

    day: date
    points: PointTotals
    performance: str | None
    #: The gap to every tier of the rule set of that day, lowest first.
    targets: tuple[TierGap, ...]


@dataclass(frozen=True, slots=True)
class MoneyFigures:
    """The two 12-month figures in points-dollars, exact (points.md 6)."""

    source_dollar_12m: Fraction
    rolling_sourced_mrr_12m: Fraction
    #: From when the currency table is in force that names them.
    currency_table: date


@dataclass(frozen=True, slots=True)
class AnnouncedRules:
    """A rule set that begins later, and where the figures of a day would stand under it."""

    rule_set: RuleSet
    performance: str | None
    #: The gap to every tier of the rule set, lowest first.
    targets: tuple[TierGap, ...]


@dataclass(frozen=True, slots=True)
class WithPoints:
    """The standing of a day after adding points. Tiers are names, None is untiered."""

    #: Points of the day, the added ones included.
    total: Decimal
    #: The performance tier without the added points.
    before: str | None
    #: The performance tier with them.
    performance: str | None
    #: The gap to that tier; None when untiered.
    reached: TierGap | None
    #: The gap to the tier above it; None at the top.
    next_tier: TierGap | None
    #: The name of the certification that every tier needs.
    certification: str


def history(scope: Scope, day: date | None = None) -> list[models.TierChange]:
    """Rises and reviews up to `day` (default: today), oldest first. Read once per scope and day."""
    rows = models.TierChange.objects.filter(partner=scope.partner, on__lte=day or scope.today)
    return list(scope.once(("history", day or scope.today), lambda: tuple(rows)))


def credited_on(rows: Sequence[models.TierChange]) -> Credited:
    """The credited tier after these rows, and since when."""
    changed = [row for row in rows if row.kind != ReviewResult.KEPT]
    return Credited(changed[-1].after or None, changed[-1].on) if changed else Credited(None, None)


def invitations(scope: Scope, day: date | None = None) -> list[rules.Invitation]:
    """The tiers that the vendor invited the partner to, up to `day` (None: all of them), by tier."""
    rows = models.Invitation.objects.filter(partner=scope.partner).order_by("tier").values_list("tier", "on")
    stored = scope.once("invitations", lambda: tuple(rules.Invitation(*row) for row in rows))
    return [invitation for invitation in stored if day is None or invitation.on <= day]


def invitable(scope: Scope) -> list[str]:
    """The tiers by invitation of the rules in force or announced, lowest first."""
    book, today = rulebook(scope), scope.today
    in_force = book.rule_set(today)
    rule_sets = [row for row in book.rule_sets if row is in_force or row.start > today]
    return list(dict.fromkeys(tier.name for row in rule_sets for tier in row.tiers if tier.by_invitation))


def tier_standing(scope: Scope, day: date | None = None) -> TierStanding:
    """Everything about tiers on `day` (default: today), as the facts are known today. A constant number of queries."""
    return _standing(scope, day or scope.today)


@cached_by_generation("standing")
def _standing(scope: Scope, day: date) -> TierStanding:
    book = rulebook(scope)
    review = book.next_review(day)
    measures = outlook_measures(scope, day)
    credited = credited_on(history(scope, day))
    return TierStanding(
        day=day,
        rule_set=book.rule_set(day),
        points=measures.points.figures(day),
        performance=rules.performance(measures, book, day),
        credited=credited.tier,
        credited_since=credited.since,
        next_review=review.on if review else None,
        targets=rules.targets(measures, book, day),
        next_tier=rules.next_tier(measures, book, day),
        outlook=rules.review_outlook(measures, book, credited, day, invitations(scope, day)),
        certified=partner_certification(scope, day),
    )


@cached_by_generation("projection")
def projection(scope: Scope, day: date, days: Sequence[date]) -> list[Projected]:
    """Points and tiers of `days`, none of them before `day`, if nothing else happens (points.md 10)."""
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


@cached_by_generation("announced-rules")
def announced_rules(scope: Scope, day: date) -> list[AnnouncedRules]:
    """Every rule set that begins after `day`, soonest first, with the figures of `day` measured against it."""
    book = rulebook(scope)
    later = [rule_set for rule_set in book.rule_sets if rule_set.start > day]
    if not later:
        return []
    measures = outlook_measures(scope, day)
    announced = []
    for rule_set in later:
        targets = tuple(rules.gap(tier, measures, day) for tier in rule_set.tiers)
        reached = [target.tier for target in targets if target.met]
        announced.append(AnnouncedRules(rule_set, reached[-1] if reached else None, targets))
    return announced


def with_points(scope: Scope, day: date, added: Mapping[Track, Decimal]) -> WithPoints:
    """The standing of `day` with these points added by track, to show what one more deal would do."""
    book = rulebook(scope)
    measures = measures_of_day(scope, day)
    removed = {track: -points for track, points in added.items()}
    more = replace(measures, points=without(measures.points, removed, day))
    performance = rules.performance(more, book, day)
    return WithPoints(
        more.points.figures(day).total,
        rules.performance(measures, book, day),
        performance,
        next((gap for gap in rules.targets(more, book, day) if gap.tier == performance), None),
        rules.next_tier(more, book, day),
        book.partner_certification,
    )


@cached_by_generation("retention")
def retention(scope: Scope, day: date) -> Retention:
    """C$R and GRR over the 12 complete months before the month of `day`."""
    return mrr_history(scope).retention(day)


@cached_by_generation("money-figures")
def money_figures(scope: Scope, day: date) -> MoneyFigures:
    """12-month source dollar and rolling 12-month sourced MRR (points.md 6)."""
    book = rulebook(scope)
    sold = sold_in_12_months(scope, day, [Origin.SOURCED])
    lost = Fraction(rolling_sourced_loss(scope, day)) * Fraction(book.unit_usd)
    # The loss is a quotient cut off at 40 places: rounded to 30, the difference is the exact one, so that half a cent
    # (125.875) still counts as exactly half.
    return MoneyFigures(sold, round(sold - lost, 30), book.currency_table(day).start)
