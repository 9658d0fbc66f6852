"""Reads what else a tier looks at: people and their certifications, tools in use, and the rules of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum

from accounts.scope import Scope
from clients.models import Certification, Client
from clients.rules import ToolUse, tool_use
from ledger.models import Lot, PointEntry
from ledger.queries import posting
from ledger.series import without
from partner_portal.lib.collation import sort_key
from partner_portal.lib.dates.months import add_months
from program.caching import cached_by_generation
from program.queries import rulebook
from program.rulebook import CurrencyTable, GrowthMarket, RuleSet, SoldRate
from program.terms import Track
from tiers import rules
from tiers.measures import outlook_measures
from tiers.rules import PortfolioMeasures, TierGap

WARN_DAYS = 60  # before the partner certification lapses


@dataclass(frozen=True, slots=True)
class ToolUsage:
    """Tool usage over the clients that count: mean and median, how many have a value and how many have none."""

    use: ToolUse
    without: int


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The dated rules of a day. None: the programme has none of that kind yet."""

    rule_set: RuleSet | None
    rates: SoldRate
    managed_rate: Decimal
    currency_table: CurrencyTable
    growth_market: GrowthMarket | None


@dataclass(frozen=True, slots=True)
class Announced:
    """A rule set that begins later, and where the figures of today would stand under it."""

    rule_set: RuleSet
    performance: str | None
    targets: tuple[TierGap, ...]


def certified_people(scope: Scope, day: date) -> list[dict[str, Any]]:
    """One row a person with any certification valid on the day: its names, the first day on which one of them lapses, and
    the one on which the partner certification does (None: never, or not held)."""
    partner_certification = rulebook(scope).partner_certification
    valid = Certification.objects.filter(Q(expires_on__isnull=True) | Q(expires_on__gt=day), earned_on__lte=day)
    people: dict[str, list[Certification]] = {}
    for row in valid.filter(partner=scope.partner).order_by("person", "certification", "earned_on"):
        people.setdefault(row.person, []).append(row)
    found = []
    for person, held in people.items():
        until = {row.certification: row.expires_on for row in sorted(held, key=_ends)}
        found.append(
            {
                "person": person,
                "certifications": ", ".join(sorted(until, key=sort_key)),
                "lapses_on": min((end for end in until.values() if end), default=None),
                "partner_until": until.get(partner_certification),
            }
        )
    return found


def tool_use_clients(scope: Scope, day: date) -> QuerySet[Client]:
    """Clients with a value of tool usage that count on the day (docs/points.md 12)."""
    return _counting(scope, day).filter(tool_usage__isnull=False)


@cached_by_generation("tool-usage")
def tool_usage(scope: Scope, day: date) -> ToolUsage:
    """Mean and median tool usage on the day, by the values known today. One query, or none."""
    values = list(_counting(scope, day).values_list("tool_usage", flat=True))
    return ToolUsage(tool_use(values), sum(value is None for value in values))


def rules_in_force(scope: Scope, day: date) -> RulesInForce:
    """The rules of the day; no query beyond the rulebook's."""
    book = rulebook(scope)
    return RulesInForce(
        book.rule_set(day), book.sold_rate(day), book.managed_rate, book.currency_table(day), book.growth_market(day)
    )


def announced(scope: Scope, day: date) -> list[Announced]:
    """Every rule set that begins after `day`, soonest first, with the figures of `day` measured by it."""
    book = rulebook(scope)
    later = [rule_set for rule_set in book.rule_sets if rule_set.start > day]
    if not later:
        return []
    measures = outlook_measures(scope, day)
    found = []
    for rule_set in later:
        targets = tuple(rules.gap(tier, measures, day) for tier in rule_set.tiers)
        reached: Sequence[TierGap] = [target for target in targets if target.met]
        found.append(Announced(rule_set, reached[-1].tier if reached else None, targets))
    return found


def _counting(scope: Scope, day: date) -> QuerySet[Client]:
    """Managed on the day, or with a sold lot earned in the 12 months that end on it."""
    sold = Lot.objects.filter(partner=scope.partner, earned_on__gt=add_months(day, -12), earned_on__lte=day)
    clients = Client.objects.filter(partner=scope.partner)
    state = posting(scope)
    if state is None or day >= state.posted_through:
        clients = clients.annotate(managed_points=F("points__managed"))
    else:
        entries = PointEntry.objects.filter(client=OuterRef("pk"), track=Track.MANAGED, on__lte=day).order_by()
        clients = clients.annotate(
            managed_points=Subquery(entries.values("client").annotate(sum=Sum("points")).values("sum"))
        )
    return clients.filter(Q(managed_points__gt=0) | Q(pk__in=sold.values("client")))


def _ends(row: Certification) -> tuple[date, int]:
    return row.expires_on or date.max, row.pk


def lapses_soon(until: date | None, day: date) -> bool:
    """Whether a certification lapses within WARN_DAYS of the day."""
    return until is not None and until <= day + timedelta(days=WARN_DAYS)


@dataclass(frozen=True, slots=True)
class WithPoints:
    """A day with points added to it.

    before, performance: the tier by performance without them and with them (None: untiered). reached: that tier as a target,
    and next_tier the one above it (None at the top). certification: the name of the one that every tier needs.
    """

    total: Decimal
    before: str | None
    performance: str | None
    reached: TierGap | None
    next_tier: TierGap | None
    certification: str


def with_points(scope: Scope, day: date, added: Mapping[Track, Decimal]) -> WithPoints:
    """The figures of `day` with these points more, by track: what one more deal would do."""
    book = rulebook(scope)
    measures = outlook_measures(scope, day)
    less = {track: -points for track, points in added.items()}
    more = PortfolioMeasures(without(measures.points, less, day), measures.certification, measures.others)
    performance = rules.performance(more, book, day)
    return WithPoints(
        more.points.figures(day).total,
        rules.performance(measures, book, day),
        performance,
        next((gap for gap in rules.targets(more, book, day) if gap.tier == performance), None),
        rules.next_tier(more, book, day),
        book.partner_certification,
    )
