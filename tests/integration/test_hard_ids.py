"""Ids that are hard on addresses: every record opens by the link that the pages themselves make, and no other one does."""

from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from django.urls import reverse

HARD = ("..", ".", "a/b/print", "a/b", "%2e%2e", "a?b#c", "100% & more", "Åk é.", "x\\y", "x/7", "~2F", "print")


@pytest.fixture
def hard(scope):
    """A client, a deal and a statement of every such id; names and amounts tell them apart."""
    from django.db.models import F

    from accounts.models import Partner
    from clients.models import Client
    from commissions.models import StatementLine

    for number, value in enumerate(HARD):
        client = Client.objects.create(
            partner=scope.partner, client_id=value, name=f"Hard {number:02}", country="US", currency="USD"
        )
        StatementLine.objects.create(
            partner=scope.partner, client=client, statement_id=value, period="2026-Q3", line_no=7,
            invoice_month=date(2026, 7, 1), net_revenue=1000, currency="USD", fx_rate=1, rate=Decimal("0.2"),
            commission=Decimal(f"2{number:02}.77"), payout_currency="USD", status="issued", pay_on=date(2026, 11, 14),
        )  # fmt: skip
    Partner.objects.filter(pk=scope.partner.pk).update(generation=F("generation") + 1)  # as an import does


def test_every_client_opens_its_own_pages(hard, web):
    browser = web("admin")
    listed = unescape(browser.get("/clients/?q=Hard").content.decode())
    for number, value in enumerate(HARD):
        # All four read the id in the same way.
        for route in ("client", ("tier_client", "renewal_client", "commission_client")[number % 3]):
            answer = browser.get(reverse(route, args=[value]))
            assert answer.status_code == 200, (route, value)
            assert f"Hard {number:02}" in answer.content.decode() or route == "renewal_client"
        assert f'href="{reverse("client", args=[value])}"' in listed


def test_every_statement_opens_its_own_pages(hard, web):
    browser = web("admin")
    listed = unescape(browser.get("/commissions/").content.decode())
    for number, value in enumerate(HARD):
        page = reverse("commission_statement", args=[value])
        assert f'href="{page}"' in listed
        html = unescape(browser.get(page).content.decode())
        assert f"2{number:02}.77" in html
        assert reverse("commission_statement_print", args=[value]) in html
        assert reverse("client", args=[value]) in html
        question = reverse("commission_question", args=[value, 7])
        assert question in html
        # A path that ends in /print/ may be an id as well; one that ends in a line's number is read like that of the page.
        paper = reverse("commission_statement_print", args=[value])
        for address in (paper, question) if number % 3 == 0 else (paper,):
            answer = browser.get(address)
            assert answer.status_code == 200, address
            assert f"2{number:02}.77" in unescape(answer.content.decode()), address


def test_addresses_typed_with_plain_slashes(hard, web):
    """A print view of `a/b` there is: it comes first. What is no print view of anything is the statement of that id."""
    browser = web("admin")
    number = HARD.index("a/b")
    assert f"2{number:02}.77" in browser.get("/commissions/statements/a/b/print/").content.decode()
    assert browser.get("/clients/a/b/print/").context["record"].client.client_id == "a/b/print"
    assert browser.get("/commissions/statements/a/b/print/print/").status_code == 200
    assert browser.get("/commissions/statements/no/such/print/").status_code == 404
