"""Writes a rulebook into the tables, for the migration that loads the first programme and for tests."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db.models import Model

from program.rulebook import Rulebook, parse_rulebook

PROGRAMME_FILE = Path(__file__).resolve().parent / "data" / "programme.toml"


def read_programme(path: Path = PROGRAMME_FILE) -> Rulebook:
    """The rulebook of a programme file. Raises ValueError that names the wrong place in the file."""
    return parse_rulebook(tomllib.loads(path.read_text(encoding="utf-8")))


def store(rulebook: Rulebook, slug: str, model: Callable[[str], Any]) -> Model:
    """Create the programme `slug` with all its dated rows, and return it.

    model: gives the model class by name; in a migration it is the historical one.
    """
    terms = rulebook.commission
    program = model("Program").objects.create(
        slug=slug,
        name=rulebook.name,
        partner_certification=rulebook.partner_certification,
        unit_usd=rulebook.unit_usd,
        sold_life_months=rulebook.sold_life_months,
        hold_months=rulebook.hold_months,
        managed_rate=rulebook.managed_rate,
        commission_rate=terms.rate,
        commission_months=terms.months,
        commission_from=terms.start,
        commission_pay_days_after_quarter=terms.pay_days_after_quarter,
    )
    for rate in rulebook.sold_rates:
        model("SoldRate").objects.create(
            program=program, start=rate.start, sourced=rate.sourced, assisted=rate.assisted
        )
    for table in rulebook.currency_tables:
        row = model("CurrencyTable").objects.create(program=program, start=table.start)
        amounts = model("CurrencyAmount")
        amounts.objects.bulk_create(
            amounts(table=row, currency=currency, amount=amount) for currency, amount in table.amounts.items()
        )
    for market in rulebook.growth_markets:
        model("GrowthMarket").objects.create(
            program=program, start=market.start, factor=market.factor, countries=sorted(market.countries)
        )
    for review in rulebook.reviews:
        model("Review").objects.create(
            program=program,
            month=review.month,
            day=review.day,
            window_month=review.window_month,
            window_day=review.window_day,
        )
    for rule_set in rulebook.rule_sets:
        row = model("RuleSet").objects.create(
            program=program, start=rule_set.start, name=rule_set.name, source=rule_set.source, sample=rule_set.sample
        )
        for position, tier in enumerate(rule_set.tiers):
            tier_row = model("Tier").objects.create(
                rule_set=row, position=position, name=tier.name, by_invitation=tier.by_invitation
            )
            requirements = model("Requirement")
            requirements.objects.bulk_create(
                requirements(tier=tier_row, position=number, metric=need.metric, value=need.value)
                for number, need in enumerate(tier.requirements)
            )
    stored: Model = program
    return stored
