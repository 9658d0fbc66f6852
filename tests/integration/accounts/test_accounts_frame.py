"""What stands around every page: navigation, account menu, how old the data is, error pages."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client as WebClient
from django.test import RequestFactory
from django.urls import resolve

from accounts.roles import PERMISSIONS, Role
from partner_portal.lib.web.view_rules import rules_of

PAGES = [
    "/dashboard/team/",
    "/settings/",
    "/settings/contacts/new/",
    "/accounts/members/",
    "/accounts/audit/",
    "/accounts/profile/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/sessions/",
    "/accounts/logout/",
    "/accounts/reauthenticate/",
    "/no-such-page/",
]
ENTRANCES = ["/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/", "/accounts/signup/"]


def account_links(client):
    text = client.get("/dashboard/team/").content.decode()
    menu = re.search(r'<div class="menu-panel">(.*?)</details>', text, re.DOTALL).group(1)
    return set(re.findall(r'<a href="([^"]+)"', menu))


def test_the_menu_shows_what_the_role_opens_and_nothing_else(web):
    assert account_links(web("admin")) == {
        "/settings/", "/connections/", "/accounts/members/", "/accounts/audit/", "/accounts/profile/",
        "/notices/channels/", "/help/",
    }  # fmt: skip
    assert account_links(web("member")) == {"/accounts/profile/", "/help/"}


def test_every_link_of_the_navigation_opens(web):
    for role in ("admin", "manager", "finance", "member"):
        client = web(role)
        text = client.get("/dashboard/team/").content.decode()
        bar = re.search(r'<nav class="topnav".*?</nav>', text, re.DOTALL)
        links = account_links(client) | set(re.findall(r'<a href="([^"]+)"', bar.group(0) if bar else ""))
        assert text.count('<li class="end">') == 1, "what stands at the end stands together"
        if role in {"admin", "member"}:
            assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)
        else:
            needed = {link: rules_of(resolve(link.partition("?")[0]).func).permission for link in links}
            assert {
                link for link, permission in needed.items() if permission not in {None, *PERMISSIONS[Role(role)]}
            } == set()


@pytest.mark.parametrize("path", PAGES + ENTRANCES)
def test_no_page_needs_inline_style_or_script(web, path):
    text = web("admin" if path in PAGES else None).get(path).content.decode()
    assert "</html>" in text
    assert re.findall(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|javascript:", text) == []


@pytest.mark.parametrize("path", PAGES + ENTRANCES)
def test_every_page_has_one_heading_a_skip_link_and_a_live_region(web, path):
    text = web("admin" if path in PAGES else None).get(path).content.decode()
    assert len(re.findall(r"<h1", text)) == 1
    assert '<a class="sr skip" href="#main">' in text
    assert '<main id="main"' in text
    assert 'id="live" aria-live="polite"' in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert sorted(ids) == sorted(set(ids)), "an id stands for one thing"
    referred = re.findall(r'aria-(?:describedby|labelledby)="([^"]+)"', text)
    assert {name for names in referred for name in names.split()} - {"dialog-heading"} <= set(ids)


def test_the_theme_is_kept_with_the_person(web, log):
    client = web("member")
    assert "data-theme" not in client.get("/dashboard/team/").content.decode().split("<head>")[0]
    assert client.post("/accounts/appearance/", {"theme": "dark"}, headers={"HX-Request": "true"}).status_code == 204
    assert re.search(r'<html lang="en"\s+data-theme="dark"\s*>', client.get("/dashboard/team/").content.decode())
    client.post("/accounts/appearance/", {"theme": "plaid"})
    assert re.search(r'<html lang="en"\s+data-theme="dark"\s*>', client.get("/dashboard/team/").content.decode())
    assert log("profile") == [("profile.changed", "member@northwind.example")]
    client.post("/accounts/appearance/", {"density": "compact"})
    assert re.search(
        r'<html lang="en"\s+data-theme="dark"\s+data-density="compact"\s*>',
        client.get("/dashboard/team/").content.decode(),
    )


def test_single_keys_can_be_turned_off(web):
    client = web("member")
    assert re.search(r'<section class="keys" id="keys"[^>]* data-single', client.get("/lists/").content.decode())
    client.post("/accounts/profile/", {"name": "Milo", "language": "", "theme": "", "density": ""})
    keys = client.get("/lists/").content.decode().partition('id="keys"')[2].partition("</section>")[0]
    assert "data-single" not in keys
    assert "<kbd>/</kbd>" not in keys
    assert "<kbd>Ctrl K</kbd>" in keys


def test_the_language_is_kept_and_the_page_stays(web):
    client = web("member")
    response = client.post("/accounts/language/", {"language": "nl", "next": "/dashboard/team/?target=gold"})
    assert response["Location"] == "/dashboard/team/?target=gold"
    assert '<html lang="nl"' in client.get("/dashboard/team/").content.decode()
    response = client.post("/accounts/language/", {"language": "en", "next": "//elsewhere.example/"})
    assert response["Location"] == "/"


def test_the_profile_keeps_name_language_and_theme(web, person, log):
    client = web("member")
    values = {"name": "Milo A. Anders", "language": "nl", "theme": "light", "single_keys": "on"}
    assert client.post("/accounts/profile/", values)["Location"] == "/accounts/profile/"
    user = person("member")
    assert (user.name, user.language, user.theme) == ("Milo A. Anders", "nl", "light")
    assert log("profile") == [("profile.changed", "member@northwind.example")]
    client.post("/accounts/profile/", values)
    assert len(log("profile")) == 1, "nothing changed"


def test_a_member_of_two_partners_turns_from_one_to_the_other(web, person, partner, other_partner, log):
    from accounts.models import Membership
    from accounts.scope import partner_scope

    client = web("member")
    client.post("/accounts/partner/", {"partner": other_partner.pk})
    assert "<b>Northwind Growth</b>" in client.get("/dashboard/team/").content.decode(), "not a member there"
    with partner_scope(other_partner):
        Membership.objects.create(user=person("member"), partner=other_partner, role="admin")
    assert client.post("/accounts/partner/", {"partner": other_partner.pk})["Location"] == "/"
    text = client.get("/dashboard/team/").content.decode()
    assert "<b>Southwind Studio</b>" in text
    assert "Noor Vermeulen" in text
    assert "Uma Costa" not in text
    assert log("partner.opened", of=other_partner) == [("partner.opened", "member@northwind.example")]
    with partner_scope(other_partner):
        Membership.objects.filter(user=person("member")).delete()
    assert "<b>Northwind Growth</b>" in client.get("/dashboard/team/").content.decode(), "the right ended"


def test_the_stamp_says_when_the_data_is_too_old(web, partner, monkeypatch):
    from partner_portal.lib.dates import clock

    client = web("member")
    assert re.search(
        r'<p class="stamp">\s*Data as of \d+ \w+ \d{4}, \d\d:\d\d', client.get("/dashboard/team/").content.decode()
    )
    later = clock.now() + timedelta(days=partner.stale_after_days + 1)
    monkeypatch.setattr(clock, "now", lambda: later)
    stale = client.get("/dashboard/team/").content.decode()
    assert re.search(rf'<p class="stamp stale">\s*Data is {partner.stale_after_days + 1} days old:', stale)


def test_there_is_no_stamp_before_the_first_import(web, partner):
    from accounts.scope import partner_scope
    from imports.models import ImportBatch

    with partner_scope(partner):
        ImportBatch.objects.update(status="checked")
    assert 'class="stamp' not in web("member").get("/dashboard/team/").content.decode()


def test_what_is_missing_or_not_allowed_is_said_in_words(web):
    missing = web("member").get("/no-such-page/")
    assert (missing.status_code, "Page not found" in missing.content.decode()) == (404, True)
    assert "<b>Northwind Growth</b>" in missing.content.decode(), "inside the portal"
    assert WebClient().get("/no-such-page/").status_code == 404
    refused = web("member").get("/accounts/members/")
    assert "Your role at Northwind Growth is Member." in refused.content.decode()


def test_a_form_that_was_open_for_too_long_is_refused_in_words(person):
    client = WebClient(enforce_csrf_checks=True)
    client.force_login(person("member"), backend=settings.AUTHENTICATION_BACKENDS[0])
    response = client.post("/accounts/appearance/", {"theme": "dark"})
    assert response.status_code == 403
    assert "This page expired" in response.content.decode()


def test_the_page_for_our_own_faults_asks_nothing_of_anybody(django_assert_num_queries, db):
    from django.views.defaults import bad_request, server_error

    with django_assert_num_queries(0):
        response = server_error(RequestFactory().get("/"))
        assert (response.status_code, b"Something went wrong here" in response.content) == (500, True)
        wrong = bad_request(RequestFactory().get("/"), None)
        assert (wrong.status_code, b"did not understand" in wrong.content) == (400, True)


def test_too_many_tries_are_answered_in_words(db):
    client = WebClient()
    answers = [client.post("/accounts/password/reset/", {"email": f"p{n}@nowhere.example"}) for n in range(21)]
    assert answers[-1].status_code == 429
    assert "Too many tries" in answers[-1].content.decode()


def test_a_proxy_that_is_not_believed_is_named_once(db, caplog):
    from accounts.middleware import ProxyWarning

    guard = ProxyWarning(lambda request: None)
    for _ in range(3):
        guard(RequestFactory().get("/", headers={"X-Forwarded-For": "192.0.2.1"}))
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "Requests come with X-Forwarded-For, and BEHIND_PROXY is off"
    ]
    assert guard(RequestFactory().get("/")) is None


def test_a_proxy_that_is_believed_is_not_named(settings):
    from django.core.exceptions import MiddlewareNotUsed

    from accounts.middleware import ProxyWarning

    settings.BEHIND_PROXY = True
    with pytest.raises(MiddlewareNotUsed):
        ProxyWarning(lambda request: None)


def test_settings_that_let_strangers_in_or_hide_them_are_named(settings):
    from accounts.checks import https_comes_through_a_proxy, providers_open_no_account_by_address

    assert https_comes_through_a_proxy(None) == providers_open_no_account_by_address(None) == []
    settings.HTTPS = settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
    assert [each.id for each in https_comes_through_a_proxy(None)] == ["accounts.W001"]
    assert [each.id for each in providers_open_no_account_by_address(None)] == ["accounts.E002"]


def test_names_with_line_breaks_stay_on_one_line(confirmed, partner):
    from accounts.scope import partner_scope

    client = confirmed("admin")
    contact = {"name": "Ana\r\nBcc: x", "role": "PDM\n", "email": "ana@vendor.example", "description": "a\nb"}
    client.post("/settings/contacts/new/", contact)
    with partner_scope(partner):
        added = partner.team_contacts.get(email="ana@vendor.example")
    assert (added.name, added.role, added.description) == ("Ana Bcc: x", "PDM", "a\r\nb".replace("\r", ""))
