"""Who belongs to a partner, and who may say so."""

import re
import threading
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client as WebClient
from django.test.utils import CaptureQueriesContext

PASSWORD = "partner-portal-demo"
NEW = {"email": "new@northwind.example", "name": "Nadia Ferro", "role": "finance"}


def membership(partner, person):
    from accounts.models import Membership
    from accounts.scope import partner_scope

    with partner_scope(partner):
        return Membership.objects.filter(partner=partner, user=person).first()


def test_an_invited_person_chooses_a_password_and_comes_in(confirmed, partner, log):
    from accounts.models import User

    response = confirmed("admin").post("/accounts/members/", NEW)
    assert response["Location"] == "/accounts/members/"
    assert membership(partner, User.objects.get(email="new@northwind.example")).role == "finance"
    invitation = mail.outbox[-1]
    assert invitation.to == ["new@northwind.example"]
    assert "Northwind Growth" in invitation.subject
    assert "Pia Lundquell has made you a member of Northwind Growth" in invitation.body
    assert "for 3 days" in invitation.body

    invited = WebClient()
    link = re.search(r"http://localhost:8000(/accounts/password/reset/key/\S+)", invitation.body).group(1)
    form = invited.get(link, follow=True)
    password = {"password1": "a-good-one-4711", "password2": "a-good-one-4711"}
    assert invited.post(form.request["PATH_INFO"], password).status_code == 302
    sign_in = {"login": "New@Northwind.example", "password": "a-good-one-4711"}
    assert invited.post("/accounts/login/", sign_in).status_code == 302
    assert "Nadia Ferro" in invited.get("/dashboard/team/").content.decode()
    assert log("member") == [("member.invited", "new@northwind.example")]


def test_a_person_who_is_known_keeps_name_and_password(confirmed, partner, person):
    outsider = person("outsider")
    response = confirmed("admin").post("/accounts/members/", NEW | {"email": "Admin@Southwind.example"})
    assert response.status_code == 302
    outsider.refresh_from_db()
    assert (outsider.name, outsider.check_password(PASSWORD)) == ("Saskia Brouwer", True)
    assert membership(partner, outsider).role == "finance"
    assert "http://localhost:8000/accounts/login/" in mail.outbox[-1].body
    assert "/password/reset/key/" not in mail.outbox[-1].body


def test_a_member_is_not_invited_twice(confirmed, partner, log):
    response = confirmed("admin").post("/accounts/members/", NEW | {"email": "Member@northwind.example"})
    assert response.status_code == 422
    assert "member@northwind.example is a member already, as member." in response.content.decode()
    assert mail.outbox == []
    assert log("member") == []


def test_nothing_is_kept_when_the_mail_cannot_be_sent(confirmed, partner, log, monkeypatch):
    from accounts.models import User

    def refuse(*_args, **_kwargs):
        raise ConnectionRefusedError

    client = confirmed("admin")
    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    response = client.post("/accounts/members/", NEW)
    assert response.status_code == 422
    assert "nobody was added" in response.content.decode()
    assert not User.objects.filter(email="new@northwind.example").exists()
    assert log("member") == []


def test_only_who_has_never_signed_in_is_invited_again(confirmed, partner, person, log):
    from accounts.scope import outside_partners

    client = confirmed("admin")
    member = membership(partner, person("member"))
    client.post(f"/accounts/members/{member.pk}/invite/")
    assert [message.to for message in mail.outbox] == [["member@northwind.example"]]
    with outside_partners():
        user = person("member")
        user.last_login = datetime(2026, 11, 1, tzinfo=UTC)
        user.save()
    page = client.post(f"/accounts/members/{member.pk}/invite/", follow=True)
    assert "has signed in already" in page.content.decode()
    assert len(mail.outbox) == 1
    assert log("member") == [("member.invited_again", "member@northwind.example")]


def test_a_role_counts_from_the_next_click(confirmed, web, partner, person, log):
    member = membership(partner, person("member"))
    theirs = web("member")
    assert theirs.get("/accounts/audit/").status_code == 403
    confirmed("admin").post(f"/accounts/members/{member.pk}/role/", {"role": "admin"})
    assert theirs.get("/accounts/audit/").status_code == 200
    assert log("member") == [("member.role_changed", "member@northwind.example")]


def test_a_removed_member_sees_nothing_more(confirmed, web, partner, person, log):
    member = membership(partner, person("member"))
    theirs = web("member")
    client = confirmed("admin")
    question = client.get(f"/accounts/members/{member.pk}/remove/")
    assert "Remove Milo Anders?" in question.content.decode()
    client.post(f"/accounts/members/{member.pk}/remove/")
    assert membership(partner, person("member")) is None
    assert theirs.get("/dashboard/team/").status_code == 403
    assert log("member") == [("member.removed", "member@northwind.example")]


@pytest.mark.parametrize("step", ["role", "remove"])
def test_nobody_changes_or_ends_their_own_role(confirmed, partner, person, log, step):
    own = membership(partner, person("admin"))
    page = confirmed("admin").post(f"/accounts/members/{own.pk}/{step}/", {"role": "member"}, follow=True)
    assert "You can’t change your own role" in page.content.decode()
    assert membership(partner, person("admin")).role == "admin"
    assert log("member") == []


def test_rights_are_asked_for_again_right_before(web, confirmed, partner, person):
    member = membership(partner, person("member"))
    client = web("admin")
    path = f"/accounts/members/{member.pk}/role/"
    response = client.post(path, {"role": "manager"})
    assert response["Location"] == f"/accounts/reauthenticate/?next={path.replace('/', '%2F')}"
    assert membership(partner, person("member")).role == "member"
    wrong = client.post("/accounts/reauthenticate/", {"password": "not-the-password", "next": path})
    assert wrong.status_code == 200
    assert membership(partner, person("member")).role == "member"
    client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": path})
    assert membership(partner, person("member")).role == "manager", "the step goes on where it stopped"


@pytest.mark.parametrize("role", ["manager", "finance", "member"])
def test_only_admins_see_and_change_members(web, partner, person, role):
    client = web(role)
    own = membership(partner, person(role))
    assert client.get("/accounts/members/").status_code == 403
    assert client.post("/accounts/members/", NEW).status_code == 403
    for step in ("role", "invite", "remove"):
        assert client.post(f"/accounts/members/{own.pk}/{step}/", {"role": "admin"}).status_code == 403
    assert membership(partner, person(role)).role == role


def test_members_of_another_partner_do_not_exist(confirmed, partner, other_partner, person):
    theirs = membership(partner, person("member"))
    client = confirmed("outsider")
    for step in ("role", "invite", "remove"):
        assert client.post(f"/accounts/members/{theirs.pk}/{step}/", {"role": "admin"}).status_code == 404
    page = client.get("/accounts/members/").content.decode()
    assert "northwind.example" not in page
    assert membership(partner, person("member")).role == "member"


def test_services_refuse_without_the_right(scope_of, partner, person):
    from accounts import services

    member = membership(partner, person("member"))
    for write in (
        lambda scope: services.invite(scope=scope, email="x@northwind.example", role="member"),
        lambda scope: services.invite_again(scope=scope, membership_id=member.pk),
        lambda scope: services.change_role(scope=scope, membership_id=member.pk, role="admin"),
        lambda scope: services.remove_member(scope=scope, membership_id=member.pk),
    ):
        with pytest.raises(PermissionDenied):
            write(scope_of("manager"))


def test_the_last_admin_stays(partner, person):
    from accounts import services
    from accounts.scope import partner_scope, system_scope

    only = membership(partner, person("admin"))
    with partner_scope(partner):
        for write in (
            lambda: services.change_role(scope=system_scope(partner), membership_id=only.pk, role="manager"),
            lambda: services.remove_member(scope=system_scope(partner), membership_id=only.pk),
        ):
            with pytest.raises(ValidationError, match="at least one admin"):
                write()
    assert membership(partner, person("admin")).role == "admin"


@pytest.mark.slow
def test_two_admins_cannot_end_each_others_role_at_once(committed):
    from accounts import services
    from accounts.models import Membership, Partner, User
    from accounts.scope import member_scope, memberships_of, partner_scope, user_scope

    northwind = Partner.objects.get(slug="northwind")
    first, second = (User.objects.get(email=f"{name}@northwind.example") for name in ("admin", "manager"))
    with partner_scope(northwind):
        Membership.objects.filter(user=second).update(role="admin")

    def scope_of(user):
        with user_scope(user):
            membership = memberships_of(user)[0]
        membership.user = user
        return member_scope(membership)

    def end_role_of(other, scope):
        target = Membership.objects.get(user=other, partner=northwind)
        services.change_role(scope=scope, membership_id=target.pk, role="member")

    begun, outcome = threading.Event(), []

    def second_ends_first(scope):
        try:
            begun.wait(timeout=10)
            with partner_scope(northwind, second):
                end_role_of(first, scope)
            outcome.append("changed")
        except PermissionDenied:
            outcome.append("refused")
        finally:
            connection.close()

    # Both scopes are made while both are admins, as by two clicks at the same moment.
    thread = threading.Thread(target=second_ends_first, args=[scope_of(second)])
    thread.start()
    scope = scope_of(first)
    with partner_scope(northwind, first):
        end_role_of(second, scope)
        begun.set()
        thread.join(timeout=1)
        assert outcome == [], "the second one waits until the first is done"
    thread.join(timeout=10)
    with partner_scope(northwind):
        admins = list(Membership.objects.filter(partner=northwind, role="admin").values_list("user", flat=True))
    assert (admins, outcome) == ([first.pk], ["refused"])


def test_the_page_asks_the_database_as_often_for_one_member_as_for_three(confirmed, partner, person):
    from accounts.models import Membership
    from accounts.scope import partner_scope

    def queries(client):
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/accounts/members/").status_code == 200
        return len(asked)

    client = confirmed("admin")
    client.get("/accounts/members/")
    four = queries(client)
    with partner_scope(partner):
        Membership.objects.filter(partner=partner).exclude(user=person("admin")).delete()
    assert queries(client) == four <= 16
