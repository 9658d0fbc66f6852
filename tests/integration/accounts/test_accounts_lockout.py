"""A stranger who guesses passwords keeps nobody out, and does not get in."""

import threading
from datetime import timedelta

import pytest
from django.core import mail, signing
from django.core.cache import cache
from django.db import connection
from django.test import Client as WebClient

from accounts.known_devices import COOKIE

PASSWORD = "partner-portal-demo"
ADMIN = "admin@northwind.example"
TOO_MANY = "Too many wrong tries"


def sign_in(client, email=ADMIN, password=PASSWORD, ip="192.0.2.1", **headers):
    return client.post("/accounts/login/", {"login": email, "password": password}, REMOTE_ADDR=ip, **headers)


def guess(times, email=ADMIN, client=None, ip="198.51.100.7"):
    """How many of so many wrong passwords were looked at."""
    answers = [sign_in(client or WebClient(), email, f"wrong-{n}", ip).content.decode() for n in range(times)]
    return sum(TOO_MANY not in answer for answer in answers)


@pytest.fixture
def known(partner):
    """The admin's browser, signed out again."""
    client = WebClient()
    assert sign_in(client).status_code == 302
    client.post("/accounts/logout/")
    return client


def test_the_known_device_and_the_way_by_mail_stay_open_and_the_owner_is_told_once(known, partner):
    assert guess(12) == 5
    assert TOO_MANY in sign_in(WebClient()).content.decode(), "a new device waits"
    assert sign_in(known).status_code == 302
    [told] = mail.outbox
    assert (told.to, told.subject) == ([ADMIN], "[Partner Portal] Somebody tried to sign in as you")
    assert "198.51.100.7" in told.body
    assert "http://localhost:8000/accounts/password/reset/" in told.body
    for _hour in range(12):
        WebClient().post("/accounts/password/reset/", {"email": ADMIN}, REMOTE_ADDR="198.51.100.7")
    before = len(mail.outbox)
    WebClient().post("/accounts/password/reset/", {"email": ADMIN}, REMOTE_ADDR="192.0.2.1")
    assert len(mail.outbox) == before + 1, "somebody else's requests do not count as the owner's"
    assert before == 1 + 5, "and fill nobody's mailbox"


def test_the_cookie_is_closed_to_scripts_and_other_sites(known):
    cookie = known.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 31_536_000)


def test_a_stolen_cookie_gives_a_few_more_guesses_and_no_more(known):
    assert guess(40, client=known) == 10, "five of the device, then five as a stranger"
    assert TOO_MANY in sign_in(known).content.decode()
    cache.clear()
    assert guess(4, client=known) == 4
    assert sign_in(known).status_code == 302


def test_a_cookie_is_good_for_its_person_only_and_until_the_password_changes(known, person):
    assert guess(12, "manager@northwind.example", client=known) == 5
    person("admin")
    forged = WebClient()
    forged.cookies[COOKIE] = signing.dumps([[person("admin").pk, "x", "0" * 32]], salt="accounts.known_devices")
    assert guess(12, client=forged, ip="192.0.2.99") == 5
    assert TOO_MANY not in sign_in(known, password="wrong").content.decode(), "the owner's own is another allowance"
    admin = person("admin")
    admin.set_password("a-better-one-4711")
    admin.save()
    assert TOO_MANY in sign_in(known, password="a-better-one-4711").content.decode()


def test_guesses_from_one_network_address_do_not_stop_known_devices_behind_it(known, partner):
    proxy = "10.0.0.1"
    for number in range(40):
        sign_in(WebClient(), f"stranger{number}@northwind.example", "wrong", proxy)
        WebClient().post("/accounts/password/reset/", {"email": f"s{number}@northwind.example"}, REMOTE_ADDR=proxy)
    assert TOO_MANY in sign_in(WebClient(), "finance@northwind.example", ip=proxy).content.decode()
    assert sign_in(known, ip=proxy).status_code == 302
    known.post("/accounts/logout/")
    asked = known.post("/accounts/password/reset/", {"email": ADMIN}, REMOTE_ADDR=proxy)
    assert asked.status_code == 302
    assert mail.outbox[-1].to == [ADMIN]


def test_another_host_header_gives_no_further_guesses(partner):
    for port in range(12):
        sign_in(WebClient(), password="wrong", HTTP_HOST=f"localhost:{9000 + port}")
    assert TOO_MANY in sign_in(WebClient(), HTTP_HOST="localhost:1").content.decode()


def test_somebody_signed_in_proves_who_they_are_while_a_stranger_guesses(web):
    client = web("admin")
    assert guess(12) == 5
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    answers = [client.post("/accounts/reauthenticate/", {"password": "wrong"}).content.decode() for _ in range(8)]
    assert sum(TOO_MANY not in answer for answer in answers) <= 5


def test_a_new_password_by_mail_opens_at_once(partner):
    import re

    guess(12)
    WebClient().post("/accounts/password/reset/", {"email": ADMIN})
    owner = WebClient()
    link = re.search(r"http://localhost:8000(/\S+/key/\S+)", mail.outbox[-1].body).group(1)
    form = owner.get(link, follow=True).request["PATH_INFO"]
    password = "a-better-one-4711"
    assert owner.post(form, {"password1": password, "password2": password}).status_code == 302
    assert sign_in(owner, password=password).status_code == 302


def test_links_in_account_mails_never_follow_the_host_header(partner, confirmed):
    host = {"HTTP_HOST": "localhost:9999"}
    WebClient().post("/accounts/password/reset/", {"email": ADMIN}, **host)
    client = confirmed("admin")
    client.post("/accounts/email/", {"email": "new.admin@northwind.example", "action_add": ""}, **host)
    client.post("/accounts/members/", {"email": "x@northwind.example", "role": "member"}, **host)
    assert len(mail.outbox) == 3
    for message in mail.outbox:
        assert "http://localhost:8000/accounts/" in message.body
        assert "9999" not in message.body


def test_a_page_does_the_same_for_an_address_that_nobody_has(partner, monkeypatch):
    """It asks the database the same and hands the same to a worker: what takes time is done there."""
    from django.test.utils import CaptureQueriesContext

    handed = []
    monkeypatch.setattr("accounts.tasks.later", lambda task, *arguments: handed.append(task.name))
    asked = []
    for email in (ADMIN, "nobody@northwind.example"):
        with CaptureQueriesContext(connection) as queries:
            WebClient().post("/accounts/password/reset/", {"email": email})
        asked.append(len(queries))
    assert asked[0] == asked[1]
    assert handed == ["accounts.tasks.mail_reset_link"] * 2
    handed.clear()
    guess(5)
    guess(5, "nobody@northwind.example", ip="203.0.113.1")
    assert handed == ["accounts.tasks.mail_about_guessing"] * 2


def test_the_owner_is_told_again_after_six_hours(partner, monkeypatch):
    from accounts import account_mails

    spans = []
    monkeypatch.setattr(cache, "add", lambda name, value, span: spans.append(span) or len(spans) == 1)
    assert account_mails.mail_about_guessing(ADMIN, "192.0.2.1")
    assert not account_mails.mail_about_guessing(ADMIN, "192.0.2.1")
    assert spans == [timedelta(hours=6).total_seconds()] * 2
    assert not account_mails.mail_about_guessing("nobody@northwind.example", "192.0.2.1")


@pytest.mark.slow
def test_parallel_guesses_are_counted_one_by_one(committed):
    looked_at = []

    def one(number):
        try:
            looked_at.append(guess(1, ip=f"198.51.100.{number}"))
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=[number]) for number in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (len(looked_at), sum(looked_at)) == (25, 5)
