"""Holds the outlook, the points at stake and the expected commission of a made-up partner against `ahead.py`."""

import contextlib
import io
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from ahead import Ahead, Review
from compare import PROGRAMME, Undo, bring_in, moved_to, use_programme
from django.core.management import call_command
from django.db import transaction
from generator import Made, Stage, make, with_what_lies_ahead
from reference import Reference, line_key, read_programme, show
from taken_back import left_to_offset, other_terms, reversed_twice, too_much

QUARTERS = 4


def compare_ahead(seed: int) -> tuple[int, list[str]]:
    """The number of values compared and every difference found. Leaves nothing behind.

    On today, on a later day on which nothing came in, and on two days before, as the facts are known today.
    """
    made = with_what_lies_ahead(make(seed, read_programme(PROGRAMME)))
    draw = random.Random(seed + 4)  # noqa: S311
    compared, found = 0, []
    with contextlib.suppress(Undo), transaction.atomic():
        use_programme(made.programme)
        slug = f"made-{seed}"
        call_command("create_partner", slug, name=slug, currency="USD", stdout=io.StringIO())
        bring_in(slug, Stage(made.today, made.tables, made.tables))
        for today in (made.today, made.today + timedelta(days=draw.choice((1, 30, 100)))):
            for day in sorted({today, *(each for each in draw.sample(made.days, 2) if each <= today)}):
                for place, shown, wanted in _pairs(slug, replace(made, today=today), day, draw):
                    compared += 1
                    if shown != wanted:
                        found.append(f"seed {seed}, on {day}, today {today}, {place}: {shown!r}, reference {wanted!r}")
        raise Undo
    return compared, found


def _pairs(slug: str, made: Made, day: date, draw: random.Random) -> Iterator[tuple[str, Any, Any]]:
    from accounts.models import Partner
    from accounts.scope import partner_scope, system_scope
    from ledger.services import catch_up_if_behind

    partner = Partner.objects.get(slug=slug)
    with moved_to(made.today), partner_scope(partner):
        catch_up_if_behind(scope=system_scope(partner))
    ahead = Ahead(made.tables, made.programme, day)
    with moved_to(day), partner_scope(partner):
        scope = system_scope(partner)
        yield from _outlook(scope, made, ahead, day, draw)
        yield from _commission(scope, ahead)
        if day == made.today:
            yield from _stakes(scope, made, ahead)
            yield from _taken_back(scope, made)


def _outlook(scope: Any, made: Made, ahead: Ahead, day: date, draw: random.Random) -> Iterator[tuple[str, Any, Any]]:
    from tiers.queries import projection, tier_standing

    changes = Reference(made.tables, made.programme, day).history(day)
    credited, since = (changes[-1][2], changes[-1][0]) if changes else (None, None)
    shown = tier_standing(scope, day).outlook
    assert shown is not None
    rises = [(each.on, each.after) for each in shown.rises]
    yield "review", Review(shown.review.on, shown.before.tier, shown.after, rises), ahead.review(credited, since)
    for reading in shown.readings:
        yield f"reading of {reading.on}", reading.performance, ahead.performance(reading.on)
    for each in projection(scope, day, [day + timedelta(days=draw.randint(0, 700)) for _ in range(4)]):
        yield f"tier on {each.day}", each.performance, ahead.performance(each.day)
        for target, wanted in zip(each.targets, ahead.targets(each.day), strict=True):
            haves = {
                gap.metric: None if gap.have is None else show(Fraction(gap.have), 4) for gap in target.requirements
            }
            yield f"{target.tier} on {each.day}", haves, {row["metric"]: row["have"] for row in wanted["requirements"]}


def _stakes(scope: Any, made: Made, ahead: Ahead) -> Iterator[tuple[str, Any, Any]]:
    from partner_portal.lib.dates.periods import Period
    from renewals.queries import renewal_rows

    shown = {
        (row.client_id, line_key(row.product_line), row.renews_on.isoformat()): row
        for row in renewal_rows(scope, Period(made.today, made.today + timedelta(days=450)))
    }
    for renewal in made.tables["renewals"]:
        if renewal["renews_on"] < made.today.isoformat():
            continue
        key = (renewal["client_id"], line_key(renewal["product_line"]), renewal["renews_on"])
        row, (stake, _later) = shown[key], ahead.stake(renewal)
        assert row.impact is not None
        at_stake = (Fraction(row.stake_sold), Fraction(row.stake_managed))
        yield f"stake of {key}", at_stake, (stake["sourced"] + stake["assisted"], stake["managed"])
        yield f"tiers of {key}", (row.impact.with_tier, row.impact.without_tier), ahead.tiers(renewal)


def _commission(scope: Any, ahead: Ahead) -> Iterator[tuple[str, Any, Any]]:
    from commissions.outlook import quarters

    found = quarters(scope)
    for each in found[:QUARTERS] + found[-QUARTERS:]:
        yield each.quarter, Fraction(each.expected), ahead.expected(each.quarter)


def _taken_back(scope: Any, made: Made) -> Iterator[tuple[str, Any, Any]]:
    from commissions.queries import clawbacks_of, statement_summaries

    lines = made.tables["statement_lines"]
    sums: dict[str, Fraction] = defaultdict(Fraction)
    terms: dict[str, tuple[set[str], Fraction]] = {}
    twice = set()
    for each in clawbacks_of(scope):
        if each.too_much is not None:
            sums[each.original.name] += Fraction(each.too_much)
            twice |= {each.original.name} if each.cause == "reversed_twice" else set()
        else:
            kinds, amount = terms.get(each.line.name, (set(), Fraction(0)))
            kind = each.cause.removeprefix("reversal_")
            terms[each.line.name] = (kinds | {kind}, amount + Fraction(each.amount))
    yield "taken back too much", dict(sums), too_much(lines)
    yield "reversed twice", twice, reversed_twice(lines)
    yield "reversed at other terms", terms, other_terms(lines)
    left = {each.statement_id: Fraction(each.left) for each in statement_summaries(scope) if each.left}
    yield "left to be offset", left, {name: value for name, value in left_to_offset(lines).items() if value}
