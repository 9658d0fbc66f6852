"""Withdrawing and restoring facts in the browser (points.md 13): what a person reads before, and what they find after."""

import re

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db
WHOLE = r"[\d,]+"


@pytest.fixture
def deal(scope):
    """A deal of Northwind that still has points."""
    from ledger.models import Lot

    lot = Lot.objects.filter(partner=scope.partner, remaining__gt=0, expires_on__gt=scope.today).order_by("-remaining")
    return lot.select_related("deal__client").first().deal


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def total(scope):
    from accounts.scope import set_tenant
    from ledger.queries import points_on

    set_tenant(scope.partner.pk, scope.user.pk)
    scope.forget()
    return points_on(scope, scope.today).total


def test_the_page_says_first_what_it_does_and_changes_nothing_by_that(web, scope, deal):
    from clients.models import Deal
    from ledger.models import Lot, PointEntry

    left = Lot.objects.get(deal=deal).remaining
    before, entries = total(scope), PointEntry.objects.count()
    page = text(web("manager").get(reverse("fact_withdraw", args=["deals", deal.pk])))
    assert f"Withdraw {deal.deal_id} · {deal.name}?" in page
    assert "Points today" in page
    assert "Points at the review of 15 Jan 2027, if nothing else happens" in page
    assert re.search(rf"Total {WHOLE}\S* {WHOLE}\S* −{int(left)}", page)
    assert (total(scope), PointEntry.objects.count()) == (before, entries)
    assert Deal.objects.filter(pk=deal.pk).exists()


def test_a_deal_is_withdrawn_with_a_reason_and_restored(web, scope, deal):
    from ledger.models import Lot

    left, before = Lot.objects.get(deal=deal).remaining, total(scope)
    browser = web("manager")
    address = reverse("fact_withdraw", args=["deals", deal.pk])
    assert browser.post(address, {"reason": " "}).status_code == 422
    answer = browser.post(address, {"reason": "Merged with D-2"}, follow=True)
    assert f"{deal.deal_id} · {deal.name} is withdrawn." in text(answer)
    assert "Merged with D-2" in text(answer)
    assert total(scope) == before - left
    record = text(browser.get(reverse("client", args=[deal.client.client_id])))
    deals = record.partition("Ledger entries")
    assert deal.name not in deals[0], "the record no longer has the deal"
    assert deal.deal_id in deals[2], "its old entries still name it"
    answer = browser.post(reverse("fact_restore", args=["deals", deal.pk]), follow=True)
    assert f"{deal.deal_id} · {deal.name} counts again." in text(answer)
    assert total(scope) == before


def test_a_withdrawn_client_is_not_found_and_says_so(web, scope, deal):
    client = deal.client
    browser, before = web("admin"), total(scope)
    page = text(browser.get(reverse("fact_withdraw", args=["clients", client.pk])))
    assert re.search(r"With the client: (\d+ \w+( \w+)*, )*\d+ deals?", page)
    browser.post(reverse("fact_withdraw", args=["clients", client.pk]), {"reason": "Not ours"})
    assert total(scope) < before
    for name, action in (("admin", True), ("member", False)):
        answer = web(name).get(reverse("client", args=[client.client_id]))
        assert answer.status_code == 404
        assert "This client is withdrawn" in text(answer)
        assert ("Restore" in text(answer)) == action
    assert web("member").get(reverse("client_facts", args=[client.client_id])).status_code == 403
    facts = text(browser.get(reverse("client_facts", args=[client.client_id])))
    assert "Restore the client first" in facts
    assert browser.post(reverse("fact_restore", args=["deals", deal.pk])).status_code == 422
    browser.post(reverse("fact_restore", args=["clients", client.pk]))
    assert total(scope) == before


def test_the_last_certification_costs_the_tier_and_the_page_says_so(web, scope):
    from clients.models import Certification, Withdrawal

    rows = Certification.objects.filter(partner=scope.partner, certification="Solutions Partner")
    last = rows.filter(earned_on__lte=scope.today).order_by("-earned_on").first()
    gone = Withdrawal.objects.create(partner=scope.partner, reason="for the test")
    rows.exclude(pk=last.pk).update(withdrawal=gone)
    page = text(web("admin").get(reverse("fact_withdraw", args=["certifications", last.pk])))
    assert "A tier changes" in page
    assert re.search(r"Performance tier today: \w+, then Untiered", page)


def test_unknown_kinds_and_rows_are_not_found(web, scope, deal):
    browser = web("admin")
    assert browser.get(reverse("fact_withdraw", args=["deals", 987654321])).status_code == 404
    assert browser.get(reverse("fact_withdraw", args=["secrets", deal.pk])).status_code == 404
    assert browser.get(reverse("client_facts", args=["nobody"])).status_code == 404
    restored = browser.get(reverse("fact_restore", args=["deals", deal.pk]))
    assert restored.status_code == 302, "nothing to restore"
