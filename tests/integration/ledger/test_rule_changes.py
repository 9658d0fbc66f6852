"""After a change of rules, only ledgers whose facts use what changed are posted again, and who looks comes first (ADR 175, 176)."""

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Membership, Partner, User
from accounts.scope import outside_partners, partner_scope
from clients.models import Client, Deal, Service
from commissions.models import DealEarning
from ledger import middleware, services
from ledger.models import PointEntry, Posting
from ledger.queries import by_last_sign_in, reposting
from ledger.rules_used import Uses, uses_of
from ledger.tasks import catch_up_ledger, catch_up_ledgers
from program.models import Program, Requirement, SoldRate
from program.services import rules_changed
from program.terms import Origin
from tiers.models import TierChange

REMARK = "this page shows your points under the former rules"


def change_rules():
    rules_changed(program=Program.objects.get())


@pytest.fixture
def posted():
    """The clients that were posted, a set for each posting."""
    seen = []
    real = services.differences

    def noted(scope, pks, *args):
        seen.append(set(pks))
        return real(scope, pks, *args)

    with patch.object(services, "differences", noted):
        yield seen


def test_uses_are_those_of_all_facts_that_count(scope):
    gone = Deal.objects.filter(partner=scope.partner, stage="won").order_by("closed_on").first()
    Deal.objects.filter(pk=gone.pk).update(stage="lost")  # nothing else of the partner is as old
    uses = Uses()
    for deal in Deal.objects.filter(partner=scope.partner).select_related("client"):
        if deal.stage == "won":
            day = deal.closed_on
            uses.add(deal.currency, deal.client.country, (day, day))
            first, last = uses.origins.get(Origin(deal.origin), (day, day))
            uses.origins[Origin(deal.origin)] = min(first, day), max(last, day)
    for service in Service.objects.filter(partner=scope.partner).select_related("client"):
        uses.add(service.currency, service.client.country, (service.started_on, service.started_on))
        uses.services = True
    assert uses_of(scope) == uses
    assert uses.currencies
    assert uses.services


def test_rules_that_no_fact_uses_post_nothing_again(scope, partner, posted):
    entries, earnings = PointEntry.objects.count(), DealEarning.objects.count()
    SoldRate.objects.create(program=Program.objects.get(), start=date(2099, 1, 1), sourced=9, assisted=9)
    change_rules()
    services.catch_up(scope=scope)
    assert posted == [set()]
    assert (PointEntry.objects.count(), DealEarning.objects.count()) == (entries, earnings)
    assert Posting.objects.get(partner=partner).revision == Program.objects.get().revision
    call_command("verify_ledger", partner.slug, stdout=StringIO())


def test_tiers_follow_other_thresholds_without_a_posting(scope, partner, posted):
    before = list(TierChange.objects.filter(partner=partner).values_list("on", "kind", "after"))
    Requirement.objects.update(value=Decimal(10_000_000))
    change_rules()
    services.catch_up(scope=scope)
    assert posted == [set()]
    assert list(TierChange.objects.filter(partner=partner).values_list("on", "kind", "after")) != before


def test_rules_that_facts_use_post_every_client_again(scope, partner, posted):
    Program.objects.update(managed_rate=Decimal(7))
    change_rules()
    services.catch_up(scope=scope)
    assert posted == [set(Client.with_withdrawn.filter(partner=partner).values_list("pk", flat=True))]


def test_a_ledger_of_which_nobody_knows_the_rules_is_posted_again(scope, partner, posted):
    Posting.objects.filter(partner=partner).update(rules_used="")
    change_rules()
    services.catch_up(scope=scope)
    assert len(posted[0]) > 1


def test_other_terms_of_commission_make_other_earnings(scope):
    first, last = DealEarning.objects.filter(partner=scope.partner, stretches__isnull=True).values_list(
        "first_month", "last_month"
    )[0]
    Program.objects.update(commission_months=1)
    change_rules()
    services.catch_up(scope=scope)
    assert not DealEarning.objects.filter(partner=scope.partner, first_month=first, last_month=last).exists()


def test_a_page_shows_the_former_points_while_a_worker_posts_many_entries(web, partner, monkeypatch):
    monkeypatch.setattr(middleware, "REPOSTED_AT_ONCE", 0)
    Program.objects.update(managed_rate=Decimal(7))
    change_rules()
    with patch.object(catch_up_ledger, "delay") as asked:
        assert REMARK in web().get("/dashboard/").text
    asked.assert_called_once_with(partner.pk)
    catch_up_ledger(partner.pk)
    assert REMARK not in web().get("/dashboard/").text


@pytest.fixture
def looked_at(partner, other_partner):
    """The other partner's people signed in last; a third one has nobody."""
    nobody = Partner.objects.create(slug="aaa", name="Aaa")
    for each, at in ((partner, timezone.now() - timedelta(days=9)), (other_partner, timezone.now())):
        with partner_scope(each):
            people = list(Membership.objects.filter(partner=each).values_list("user", flat=True))
        with outside_partners():
            assert User.objects.filter(pk__in=people).update(last_login=at)
    return [other_partner, partner, nobody]


def test_whose_people_signed_in_last_comes_first(looked_at):
    assert by_last_sign_in(reversed(looked_at)) == looked_at
    change_rules()
    with patch.object(catch_up_ledger, "delay") as asked:
        catch_up_ledgers()
    assert [call.args for call in asked.call_args_list] == [(partner.pk,) for partner in looked_at[:2]]


def test_operators_see_how_far_it_is(looked_at, web):
    total = reposting().total
    change_rules()
    with patch.object(catch_up_ledger, "delay"):
        page = web("operator").get("/admin/partners/")
    assert page.context["reposting"] == (0, total)
    assert f"The rules changed: 0 of {total} ledgers" in page.text
    assert {row.partner.slug: row.former_rules for row in page.context["rows"]}["aaa"] is False

    out = StringIO()
    call_command("post_ledgers", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines == [f"{partner.slug}: posted, {n} of {total}" for n, partner in enumerate(looked_at[:2], 1)]
    call_command("post_ledgers", "--progress", stdout=out)
    assert out.getvalue().endswith(f"{total} of {total} ledgers are posted under the rules in force.\n")
    page = web("operator").get("/admin/partners/")
    assert "The rules changed" not in page.text


def test_one_partner_that_cannot_be_posted_stops_no_other(looked_at):
    change_rules()
    err, out = StringIO(), StringIO()
    real = services.catch_up

    def failing(*, scope):
        if scope.partner == looked_at[0]:
            raise ValueError("odd")
        return real(scope=scope)

    with (
        patch.object(services, "catch_up", failing),
        pytest.raises(CommandError, match="1 ledgers could not be posted"),
    ):
        call_command("post_ledgers", stdout=out, stderr=err)
    assert err.getvalue() == f"{looked_at[0].slug}: ValueError: odd\n"
    assert out.getvalue().startswith(f"{looked_at[1].slug}: posted")
