"""Reads the programme's dated rules as one `Rulebook`."""

from functools import lru_cache

from django.db.models import QuerySet, Subquery

from accounts.scope import Scope
from program.models import CurrencyTable, GrowthMarket, Program, Review, RuleSet, SoldRate
from program.rulebook import (
    CommissionTerms,
    Rulebook,
)
from program.rulebook import CurrencyTable as CurrencyTableRule
from program.rulebook import GrowthMarket as GrowthMarketRule
from program.rulebook import Requirement as RequirementRule
from program.rulebook import Review as ReviewRule
from program.rulebook import RuleSet as RuleSetRule
from program.rulebook import SoldRate as SoldRateRule
from program.rulebook import Tier as TierRule
from program.terms import Metric


def current() -> tuple[Rulebook, int]:
    """The rulebook and its revision. One query, unless the revision is new to this process.

    Raises Program.DoesNotExist when no programme is loaded.
    """
    program = _in_force().only("pk", "revision").first()
    if program is None:
        raise Program.DoesNotExist("No programme is loaded; run `manage.py migrate`.")
    return _rulebook(program.pk, program.revision), program.revision


def rulebook(scope: Scope | None = None) -> Rulebook:
    """The rules of the programme, read once a scope."""
    if scope is None:
        return current()[0]
    return _current(scope)[0]


def revision(scope: Scope) -> int:
    """The revision of the programme's rules, read once a scope: part of the key of whatever is kept ready."""
    return _current(scope)[1]


def in_force(column: str) -> Subquery:
    """`pk` or `revision` of the programme in force as a value inside another query."""
    return Subquery(_in_force().values(column)[:1])


def note_in_force(scope: Scope, program_id: int, revision: int) -> None:
    """Note what another query has read by `in_force`, so that `rulebook` and `revision` need no query of their own."""
    scope.once("programme", lambda: (_rulebook(program_id, revision), revision))


def _in_force() -> QuerySet[Program]:
    return Program.objects.order_by("pk")


def _current(scope: Scope) -> tuple[Rulebook, int]:
    return scope.once("programme", current)


@lru_cache(maxsize=4)
def _rulebook(program_id: int, revision: int) -> Rulebook:
    program = Program.objects.get(pk=program_id)
    return Rulebook(
        name=program.name,
        partner_certification=program.partner_certification,
        unit_usd=program.unit_usd,
        sold_life_months=program.sold_life_months,
        hold_months=program.hold_months,
        commission=CommissionTerms(
            program.commission_rate,
            program.commission_months,
            program.commission_from,
            program.commission_pay_days_after_quarter,
        ),
        managed_rate=program.managed_rate,
        sold_rates=tuple(
            SoldRateRule(row.start, row.sourced, row.assisted) for row in SoldRate.objects.filter(program=program)
        ),
        currency_tables=tuple(
            CurrencyTableRule(row.start, {amount.currency: amount.amount for amount in row.amounts.all()})
            for row in CurrencyTable.objects.filter(program=program).prefetch_related("amounts")
        ),
        growth_markets=tuple(
            GrowthMarketRule(row.start, row.factor, frozenset(row.countries))
            for row in GrowthMarket.objects.filter(program=program)
        ),
        reviews=tuple(
            ReviewRule(row.month, row.day, row.window_month, row.window_day)
            for row in Review.objects.filter(program=program)
        ),
        rule_sets=tuple(
            RuleSetRule(
                row.start,
                row.name,
                tuple(
                    TierRule(
                        tier.name,
                        tuple(RequirementRule(Metric(need.metric), need.value) for need in tier.requirements.all()),
                        tier.by_invitation,
                    )
                    for tier in row.tiers.all()
                ),
                row.sample,
                row.source,
            )
            for row in RuleSet.objects.filter(program=program).prefetch_related("tiers__requirements")
        ),
        year_start=(program.year_month, program.year_day),
    )
