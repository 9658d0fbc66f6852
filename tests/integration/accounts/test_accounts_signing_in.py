"""Signing in and out, forgotten passwords, the second factor, and what strangers get."""

import re

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.test import Client as WebClient

PASSWORD = "partner-portal-demo"


def sign_in(client, email="admin@northwind.example", password=PASSWORD, **more):
    return client.post("/accounts/login/", {"login": email, "password": password, **more})


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def with_second_factor(user) -> str:
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def test_the_right_password_opens_the_page_one_came_for(partner, log):
    client = WebClient()
    response = client.get("/dashboard/team/?target=gold")
    assert response["Location"] == "/accounts/login/?next=/dashboard/team/%3Ftarget%3Dgold"
    response = sign_in(client, next="/dashboard/team/?target=gold")
    assert response["Location"] == "/dashboard/team/?target=gold"
    assert client.get("/dashboard/team/").status_code == 200
    assert log("signin") == [("signin.done", "admin@northwind.example")]


def test_an_address_elsewhere_is_not_followed(partner):
    assert sign_in(WebClient(), next="https://elsewhere.example/")["Location"] == "/"


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(partner, log):
    def shown(email):
        response = sign_in(WebClient(), email, "not-the-password")
        text = re.sub(r'(?:value|href|content)="[^"]*"|\{"X-CSRFToken[^}]*\}', "", response.content.decode())
        return response.status_code, text.replace(email, "")

    known, unknown = shown("admin@northwind.example"), shown("stranger@northwind.example")
    assert known == unknown
    assert "E-mail or password is wrong" in known[1]
    assert log("signin") == [("signin.failed", "admin@northwind.example")]


def test_after_five_wrong_tries_the_right_password_has_to_wait(partner):
    for _ in range(5):
        sign_in(WebClient(), password="not-the-password")
    response = sign_in(WebClient())
    assert response.status_code == 200
    assert "Too many wrong tries" in response.content.decode()
    assert sign_in(WebClient(), "manager@northwind.example").status_code == 302, "somebody else need not wait"


def test_signing_out_forgets_what_the_browser_kept(web, log):
    client = web("admin")
    page = client.get("/dashboard/team/")
    assert page["Cache-Control"] == "private, no-store"
    assert client.get("/accounts/logout/").status_code == 200, "asks first"
    response = client.post("/accounts/logout/")
    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert client.get("/dashboard/team/")["Location"].startswith("/accounts/login/")
    assert log("signin") == [("signin.left", "admin@northwind.example")]


def test_a_session_that_ended_says_so(web, person):
    client = web("admin")
    client.session.flush()
    page = client.get("/dashboard/team/", follow=True)
    assert "You were signed out. Sign in and you come back to this view." in page.content.decode()
    assert "You were signed out" not in WebClient().get("/dashboard/team/", follow=True).content.decode()


def test_a_part_of_a_page_sends_the_browser_to_sign_in(db):
    response = WebClient().get(
        "/accounts/audit/",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/dashboard/?target=gold"},
    )
    assert response.status_code == 200
    assert response["HX-Redirect"] == "/accounts/login/?next=/dashboard/%3Ftarget%3Dgold"
    assert response.content == b""
    elsewhere = WebClient().get(
        "/accounts/audit/", headers={"HX-Request": "true", "HX-Current-URL": "https://elsewhere.example/trap/"}
    )
    assert elsewhere["HX-Redirect"] == "/accounts/login/?next=/"


def test_a_forgotten_password_is_set_by_mail_once(partner, log):
    client = WebClient()
    assert client.post("/accounts/password/reset/", {"email": "member@northwind.example"}).status_code == 302
    link = re.search(r"http://localhost:8000(/\S+)", mail.outbox[-1].body).group(1)
    form = client.get(link, follow=True)
    new = {"password1": "a-better-one-4711", "password2": "a-better-one-4711"}
    assert client.post(form.request["PATH_INFO"], new).status_code == 302
    assert sign_in(WebClient(), "member@northwind.example", "a-better-one-4711").status_code == 302
    assert "no longer works" in WebClient().get(link, follow=True).content.decode()
    assert ("password.reset", "member@northwind.example") in log("password")


def test_nobody_learns_who_has_an_account_from_the_reset(partner):
    answers = []
    for email in ("member@northwind.example", "stranger@northwind.example"):
        response = WebClient().post("/accounts/password/reset/", {"email": email}, follow=True)
        answers.append((response.redirect_chain, response.status_code))
    assert answers[0] == answers[1]
    [known] = mail.outbox  # nobody can have the portal write to strangers
    assert known.to == ["member@northwind.example"]
    assert "/password/reset/key/" in known.body


def test_a_mail_server_that_is_down_changes_nothing_in_the_answer(partner, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    response = WebClient().post("/accounts/password/reset/", {"email": "member@northwind.example"})
    assert response.status_code == 302


def test_nobody_signs_up(db):
    response = WebClient().post("/accounts/signup/", {"email": "new@nowhere.example", "password1": "a-good-one-4711"})
    assert "By invitation" in response.content.decode()


def test_the_second_factor_is_asked_for(person, log):
    secret = with_second_factor(person("admin"))
    client = WebClient()
    assert sign_in(client)["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/dashboard/team/")["Location"].startswith("/accounts/login/"), "the password alone opens nothing"
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)}).status_code == 302
    assert client.get("/dashboard/team/").status_code == 200
    assert [action for action, _ in log("signin")] == ["signin.code_failed", "signin.done"]


def test_a_recovery_code_opens_once(person):
    user = person("admin")
    with_second_factor(user)
    code = RecoveryCodes.activate(user).get_unused_codes()[0]
    for worked in (True, False):
        client = WebClient()
        sign_in(client)
        response = client.post("/accounts/2fa/authenticate/", {"code": code})
        assert (response.status_code == 302) is worked


def test_turning_the_second_factor_on_and_off_is_logged(confirmed, log, monkeypatch):
    # allauth tells about it after the commit, inside the request; a test's transaction is never committed.
    monkeypatch.setattr("django.db.transaction.on_commit", lambda told, **_: told())
    client = confirmed("admin")
    page = client.get("/accounts/2fa/totp/activate/")
    secret = re.search(r"<code>(\w+)</code>", page.content.decode()).group(1)
    assert client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)}).status_code == 302
    codes = client.get("/accounts/2fa/recovery-codes/").content.decode()
    assert "10 of 10 codes are left." in codes
    assert client.post("/accounts/2fa/totp/deactivate/").status_code == 302
    actions = [action for action, _ in log("second_factor")]
    assert actions == ["second_factor.added"] * 2 + ["second_factor.removed"] * 2, "the app and its recovery codes"


def test_a_new_password_ends_every_session(person, web):
    here, there = web("member"), web("member")
    sign_in(here, "member@northwind.example")
    response = here.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "a-better-one-4711", "password2": "a-better-one-4711"},
    )
    assert response.status_code == 302
    for client in (here, there):
        assert client.get("/dashboard/team/")["Location"].startswith("/accounts/login/")


def test_a_person_is_logged_in_each_partner_they_belong_to(person, partner, other_partner, log):
    from accounts.models import Membership
    from accounts.scope import partner_scope

    with partner_scope(other_partner):
        Membership.objects.create(user=person("member"), partner=other_partner, role="member")
    sign_in(WebClient(), "member@northwind.example")
    assert log("signin") == log("signin", of=other_partner) == [("signin.done", "member@northwind.example")]


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/program/program/"])
def test_operators_reach_their_site_through_the_same_sign_in(path, db, web):
    stranger = WebClient().get(path, follow=True)
    assert stranger.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    assert web("admin").get(path).status_code == 404
    operator = web("operator")
    page = operator.get(path, follow=True)
    assert page.status_code == 200
    assert page.request["PATH_INFO"].startswith("/admin/")


def test_somebody_without_a_partner_is_told_so(web):
    page = web("nobody").get("/dashboard/team/")
    assert page.status_code == 403
    assert "You belong to no partner organisation" in page.content.decode()
