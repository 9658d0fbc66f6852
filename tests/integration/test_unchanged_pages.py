"""Pages that the browser has already: 304 while nothing has changed that they show, a new page otherwise (ADR 171)."""

import pytest
from django.contrib import messages
from django.contrib.messages.storage.cookie import CookieStorage

from accounts.models import Membership, Partner, User
from accounts.scope import user_scope
from accounts.services import bump_generation
from commissions.models import StatementLine
from commissions.services import ask
from partner_portal.lib.dates import clock
from tiers.services import record_invitation

PAGES = [
    "/dashboard/", "/dashboard/changes/new-sold/", "/dashboard/shared/won/", "/dashboard/stuck-deals/", "/tiers/",
    "/tiers/breakdown/", "/tiers/entries/", "/clients/?q=a", "/clients/C014/", "/commissions/", "/renewals/",
]  # fmt: skip
HTMX = {"HX-Request": "true", "HX-Target": "changes"}


@pytest.fixture
def reader(web):
    """A manager whose browser has the cookie of forms."""
    client = web("manager")
    client.get("/accounts/profile/")
    return client


def etag_of(client, path):
    page = client.get(path)
    assert page.status_code == 200
    assert page["Cache-Control"] == "private, no-cache"
    return page["ETag"]


def asked_again(client, path, etag, **headers):
    return client.get(path, headers={"If-None-Match": etag, **headers})


@pytest.mark.parametrize("path", PAGES)
def test_an_unchanged_page_is_not_sent_again(reader, path):
    etag = etag_of(reader, path)
    answer = asked_again(reader, path, etag)
    assert (answer.status_code, answer.content) == (304, b"")
    assert (answer["ETag"], answer["Cache-Control"]) == (etag, "private, no-cache")
    assert {"Cookie", "HX-Request"} <= {name.strip() for name in answer["Vary"].split(",")}
    assert asked_again(reader, f"{path}{'&' if '?' in path else '?'}page=2", etag).status_code == 200


def new_generation(scope):
    bump_generation(scope)


def change_manager(**values):
    manager = User.objects.get(email="manager@northwind.example")
    with user_scope(manager):
        assert User.objects.filter(pk=manager.pk).update(**values) == 1


def other_theme(scope):
    change_manager(theme="dark")


def other_language(scope):
    change_manager(language="nl")


def other_role(scope):
    assert Membership.objects.filter(user__email="manager@northwind.example").update(role="member") == 1


def other_name(scope):
    Partner.objects.filter(pk=scope.partner.pk).update(name="Westwind")


def new_list(scope):
    from reports.models import SavedList

    SavedList.objects.create(partner=scope.partner, owner=User.objects.get(email="admin@northwind.example"), name="New")


@pytest.mark.parametrize("change", [new_generation, other_theme, other_language, other_role, other_name, new_list])
def test_a_page_is_sent_again_when_something_on_it_has_changed(reader, scope, change):
    etag = etag_of(reader, "/clients/")
    change(scope)
    assert asked_again(reader, "/clients/", etag).status_code == 200


def invited(scope):
    record_invitation(scope=scope, tier="Elite", on=scope.today)


def other_layout(scope):
    assert (
        Membership.objects.filter(user__email="manager@northwind.example").update(
            panels={"tier": {"folded": {"insights": True}}}
        )
        == 1
    )


def new_question(scope):
    ask(scope=scope, line=StatementLine.objects.filter(partner=scope.partner).first(), text="Why?")


OWN_CHANGES = [
    ("/tiers/", invited), ("/tiers/", other_layout), ("/commissions/", new_question), ("/dashboard/", new_question),
    ("/renewals/", new_list),
]  # fmt: skip


@pytest.mark.parametrize(("path", "change"), OWN_CHANGES)
def test_a_page_is_sent_again_when_what_it_shows_besides_facts_has_changed(reader, scope, path, change):
    etag = etag_of(reader, path)
    change(scope)
    assert asked_again(reader, path, etag).status_code == 200


def test_on_another_day_for_another_person_and_after_signing_in_again_it_is_sent(reader, web, scope):
    etag = etag_of(reader, "/dashboard/")
    with clock.moved_to(scope.today.replace(day=scope.today.day + 1)):
        assert asked_again(reader, "/dashboard/", etag).status_code == 200
    other = web("finance")
    other.get("/accounts/profile/")
    assert asked_again(other, "/dashboard/", etag).status_code == 200
    again = web("manager")
    again.get("/accounts/profile/")
    assert asked_again(again, "/dashboard/", etag).status_code == 200, "the forms of the old page have another secret"
    reader.logout()
    assert asked_again(reader, "/dashboard/", etag).status_code == 302


def test_what_is_shown_once_is_never_kept(reader, scope, rf):
    etag = etag_of(reader, "/clients/")
    request = rf.get("/")
    storage = CookieStorage(request)
    storage.add(messages.INFO, "Shown once")
    response = reader.get("/accounts/profile/")
    storage.update(response)
    reader.cookies["messages"] = response.cookies["messages"].value
    answer = asked_again(reader, "/clients/", etag)
    assert answer.status_code == 200
    assert "Shown once" in answer.content.decode()
    assert answer["Cache-Control"] == "private, no-store"
    assert "ETag" not in answer


def test_parts_and_choices_made_on_the_page_are_answered_by_the_view(reader):
    etag = etag_of(reader, "/dashboard/")
    assert asked_again(reader, "/dashboard/", etag, **HTMX)["Cache-Control"] == "private, no-store"
    chosen = asked_again(reader, "/dashboard/", etag, Referer="http://testserver/dashboard/?changes_range=last-90-days")
    assert chosen.status_code == 200


def test_other_pages_are_not_kept(reader):
    assert reader.get("/accounts/members/").get("ETag") is None
    assert reader.get("/accounts/profile/")["Cache-Control"] == "private, no-store"
