"""A partner on its first day: every empty section of every page says what belongs there, and offers a way to it."""

from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client as WebClient
from django.urls import URLPattern, get_resolver

from accounts.models import Partner, User
from accounts.scope import outside_partners, partner_scope, system_scope
from clients.models import Client
from partner_portal.lib.rows.datasets import all_datasets

ASKS = "An admin"  # whom to ask, for those who may not do it themselves
OFFERS = {"a", "button", "input"}


class EmptySections(HTMLParser):
    """Collects the texts of elements of class `empty`, and whether they hold a link, a button or a field."""

    VOID = frozenset({"input", "br", "img", "meta", "link", "hr", "use", "rect", "path", "source", "col"})

    def __init__(self):
        super().__init__()
        self.found, self._depth = [], 0

    def handle_starttag(self, tag, attributes):
        if self._depth:
            self._depth += tag not in self.VOID
            self.found[-1]["ways"] += tag in OFFERS
        elif "empty" in (dict(attributes).get("class") or "").split():
            self._depth = 1
            self.found.append({"texts": [], "ways": 0})

    def handle_endtag(self, tag):
        self._depth -= bool(self._depth) and tag not in self.VOID

    def handle_data(self, data):
        if self._depth and data.strip():
            self.found[-1]["texts"].append(" ".join(data.split()))


def bare(html):
    """The empty sections of a page that say or offer too little."""
    parser = EmptySections()
    parser.feed(html)
    return [
        section["texts"]
        for section in parser.found
        if not (section["ways"] or any(ASKS in text for text in section["texts"]))
        or max((len(text.split()) for text in section["texts"]), default=0) < 4
    ]


def plain_routes(resolver=None, before=""):
    """The addresses of all routes without parameters."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if "<" in route or "^" in route:
            continue
        if isinstance(pattern, URLPattern):
            yield f"/{route}"
        else:
            yield from plain_routes(pattern, route)


def browser_of(role):
    """A browser of somebody of that role of the fresh partner."""
    call_command("create_member", f"{role}@fresh.example", partner="fresh", role=role, verbosity=0)
    with outside_partners():
        user = User.objects.get(email=f"{role}@fresh.example")
    browser = WebClient()
    browser.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return browser


@pytest.fixture
def fresh(request, db):
    """A partner that has brought nothing yet, or no more than a client; gives the addresses of its pages."""
    call_command("create_partner", "fresh", name="Fresh", currency="USD", verbosity=0)
    addresses = [*plain_routes(), *(f"/reports/rows/{dataset.key}/" for dataset in all_datasets())]
    if request.param == "a client":
        partner = Partner.objects.get(slug="fresh")
        with partner_scope(partner):
            from ledger.services import post

            Client.objects.create(partner=partner, client_id="C1", name="First", country="NL", currency="EUR")
            post(scope=system_scope(partner), client_ids=None)
        addresses += ["/clients/C1/", "/tiers/clients/C1/", "/clients/C1/facts/"]
    return addresses


@pytest.mark.parametrize(
    ("fresh", "role"),
    [
        ("nothing", "admin"),
        ("a client", "member"),
        *(pytest.param(*other, marks=pytest.mark.sweep) for other in (("nothing", "member"), ("a client", "admin"))),
    ],
    indirect=["fresh"],
)
def test_every_empty_section_says_what_belongs_there_and_offers_a_way(fresh, role):
    browser, seen, left = browser_of(role), 0, {}
    for address in fresh:
        if address.startswith(("/admin/", "/health/", "/accounts/logout", "/static/", "/api/")):
            continue
        answer = browser.get(address)
        if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        html = answer.content.decode()
        seen += html.count('class="empty"')
        if sections := bare(html):
            left[address] = sections
    assert left == {}
    assert seen > 20


def test_a_bare_sentence_is_noticed():
    assert bare('<div class="empty"><p>No rows</p></div>')
    assert bare('<div class="empty"><p>No rows</p><a href="/">Import</a></div>')
    assert bare('<div class="empty"><p>Nothing of this kind is in your data.</p></div>')
    assert not bare('<div class="empty"><p>Nothing of this kind is in your data.</p><a href="/">Import</a></div>')
    assert not bare('<div class="empty"><p>No rows</p><p>An admin or a manager can import it.</p></div>')
