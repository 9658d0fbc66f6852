"""Points at stake of a whole portfolio, read in a few queries, are those that the reference gives client by client."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.models import Cancellation, Client, Service
from ledger.facts_of_clients import load_facts
from ledger.queries import posting
from ledger.records import ClientFacts
from program.queries import rulebook
from renewals import rules
from renewals.models import Renewal
from renewals.stakes import stakes
from tests.reference import stakes as reference

TODAY = date(2026, 11, 23)


def by_rule(scope: Any, found: list[Renewal]) -> dict[int, rules.Stake]:
    """Each renewal on its own, from all facts of its client."""
    lines: dict[int, set[str]] = {}
    for row in Renewal.objects.filter(partner=scope.partner, renews_on__gte=scope.today):
        lines.setdefault(row.client_id, set()).add(row.product_line)
    wanted = {}
    for row in found:
        (loaded,) = load_facts(scope, [row.client_id])
        known = [deal for deal in loaded.facts.deals if deal.closed_on and deal.closed_on <= scope.today]
        facts = ClientFacts(loaded.facts.country, known, loaded.facts.services, loaded.facts.cancellations)
        wanted[row.pk] = reference.stake(
            facts, rulebook(scope), row.product_line, lines.get(row.client_id, ()), row.renews_on
        )
    return wanted


@pytest.mark.parametrize("today", [TODAY, TODAY - timedelta(days=200), TODAY + timedelta(days=90)])
def test_a_portfolio_at_once_and_client_by_client_agree(scope: Any, today: date) -> None:
    found = list(Renewal.objects.filter(partner=scope.partner))
    then = scope.on(today)
    wanted = by_rule(then, found)
    assert stakes(then, found) == wanted
    assert sum(bool(stake.sold) for stake in wanted.values()) > 3
    assert any(stake.managed for stake in wanted.values())


def test_renewals_of_the_past_count_what_was_left_on_their_day(scope: Any) -> None:
    """Moved back by a year, the same renewals have other lots, and some of these are gone by now."""
    found = list(Renewal.objects.filter(partner=scope.partner))
    for row in found:
        row.renews_on -= timedelta(days=365)
    wanted = by_rule(scope, found)
    assert stakes(scope, found) == wanted
    assert any(lot.expires_on <= TODAY for stake in wanted.values() for lot in stake.lots)


def test_a_line_that_is_gone_has_no_part_in_the_managed_points_of_the_one_that_is_left(scope: Any) -> None:
    """Both renew on one day: the only line left takes the managed points along, the one that was cancelled nothing."""
    client = Client.objects.create(
        partner=scope.partner, client_id="TWO", name="Two lines", country="US", currency="USD"
    )
    Service.objects.create(
        partner=scope.partner, client=client, started_on=date(2026, 1, 1), mrr=1000, currency="USD", managing_partners=1
    )
    Cancellation.objects.create(
        partner=scope.partner, client=client, product_line="Service Hub", cancelled_on=date(2026, 2, 1)
    )
    left, gone = (
        Renewal.objects.create(
            partner=scope.partner, client=client, product_line=line, renews_on=date(2026, 12, 20),
            current_mrr=100, renewal_mrr=100, currency="USD", status="pending",
        )
        for line in ("Marketing Hub", "Service Hub")
    )  # fmt: skip
    found = stakes(scope, [left, gone])
    assert (found[left.pk].points, found[gone.pk].points) == (10, 0)


def test_the_number_of_queries_does_not_depend_on_the_number_of_renewals(scope_of: Callable[[str], Any]) -> None:
    scope = scope_of("admin")
    found = list(Renewal.objects.filter(partner=scope.partner).order_by("renews_on"))  # the first one is overdue
    rulebook(scope)
    posting(scope)
    for some in (found[:10], found):
        with CaptureQueriesContext(connection) as captured:
            stakes(scope, some)
        assert len(captured) == 6
