"""Reads the programme's dated rules as one `Rulebook`."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from accounts.scope import Scope
from program import models
from program import rulebook as rules
from program.own_thresholds import with_own
from program.terms import Metric


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The dated rules of a day."""

    #: None before the first rule set.
    rule_set: rules.RuleSet | None
    rates: rules.SoldRate
    #: Points per unit of managed MRR.
    managed_rate: Decimal
    currency_table: rules.CurrencyTable
    #: None before the first list of growth markets.
    growth_market: rules.GrowthMarket | None


def current() -> tuple[rules.Rulebook, int]:
    """The rulebook and its revision. One query, unless the revision is new to this process.

    Raises Program.DoesNotExist when no programme is loaded.
    """
    program = _in_force().only("pk", "revision").first()
    if program is None:
        raise models.Program.DoesNotExist("No programme is loaded; run `manage.py migrate`.")
    return _rulebook(program.pk, program.revision), program.revision


def rulebook(scope: Scope | None = None) -> rules.Rulebook:
    """The rules with the partner's own thresholds, read once per scope. Raises Program.DoesNotExist without a programme."""
    if scope is None:
        return current()[0]
    return _current(scope)[0]


def rules_in_force(scope: Scope, day: date) -> RulesInForce:
    """The rules of the day, without a query of its own."""
    book = rulebook(scope)
    return RulesInForce(
        book.rule_set(day), book.sold_rate(day), book.managed_rate, book.currency_table(day), book.growth_market(day)
    )


def revision(scope: Scope) -> int:
    """The revision of the programme's rules, read once per scope: part of every cache key."""
    return _current(scope)[1]


def in_force(column: Literal["id", "revision"]) -> RawSQL:
    """The key or the revision of the programme in force, as a value inside another query. Every request asks for both."""
    return RawSQL(f"(SELECT {column} FROM program_program ORDER BY id LIMIT 1)", ())  # noqa: S608, S611 -- one of two names


def note_in_force(scope: Scope, program_id: int, revision: int) -> None:
    """Store what another query has read by `in_force`, so that `rulebook` and `revision` need no query of their own."""
    scope.once("programme", lambda: _for_partner(scope, (_rulebook(program_id, revision), revision)))


def _in_force() -> QuerySet[models.Program]:
    return models.Program.objects.order_by("pk")


def _current(scope: Scope) -> tuple[rules.Rulebook, int]:
    return scope.once("programme", lambda: _for_partner(scope, current()))


def _for_partner(scope: Scope, read: tuple[rules.Rulebook, int]) -> tuple[rules.Rulebook, int]:
    book, revision = read
    return with_own(book, scope.partner.thresholds), revision


@lru_cache(maxsize=4)
def _rulebook(program_id: int, revision: int) -> rules.Rulebook:
    program = models.Program.objects.get(pk=program_id)
    return rules.Rulebook(
        name=program.name,
        partner_certification=program.partner_certification,
        unit_usd=program.unit_usd,
        sold_life_months=program.sold_life_months,
        hold_months=program.hold_months,
        commission=rules.CommissionTerms(
            program.commission_rate,
            program.commission_months,
            program.commission_from,
            program.commission_pay_days_after_quarter,
        ),
        managed_rate=program.managed_rate,
        sold_rates=tuple(
            rules.SoldRate(row.start, row.sourced, row.assisted)
            for row in models.SoldRate.objects.filter(program=program)
        ),
        currency_tables=tuple(
            rules.CurrencyTable(row.start, {amount.currency: amount.amount for amount in row.amounts.all()})
            for row in models.CurrencyTable.objects.filter(program=program).prefetch_related("amounts")
        ),
        growth_markets=tuple(
            rules.GrowthMarket(row.start, row.factor, frozenset(row.countries))
            for row in models.GrowthMarket.objects.filter(program=program)
        ),
        reviews=tuple(
            rules.Review(row.month, row.day, row.window_month, row.window_day)
            for row in models.Review.objects.filter(program=program)
        ),
        rule_sets=tuple(
            rules.RuleSet(row.start, row.name, tuple(map(_tier, row.tiers.all())), row.sample, row.source)
            for row in models.RuleSet.objects.filter(program=program).prefetch_related("tiers__requirements")
        ),
        year_start=(program.year_month, program.year_day),
    )


def _tier(row: models.Tier) -> rules.Tier:
    requirements = tuple(rules.Requirement(Metric(need.metric), need.value) for need in row.requirements.all())
    return rules.Tier(row.name, requirements, row.by_invitation)
