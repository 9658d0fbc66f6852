"""Changing one's address: the old one counts until the link in the new mailbox is followed."""

import re
import threading

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import Client as WebClient

from accounts.scope import outside_partners

PASSWORD = "partner-portal-demo"
OLD = "member@northwind.example"
NEW = "milo.anders@northwind.example"


def sign_in(email, password=PASSWORD):
    return WebClient().post("/accounts/login/", {"login": email, "password": password}).status_code == 302


def ask_for_reset(email):
    before = len(mail.outbox)
    WebClient().post("/accounts/password/reset/", {"email": email})
    return [message.to for message in mail.outbox[before:]]


def change(client, email, action="action_add"):
    return client.post("/accounts/email/", {"email": email, action: ""}, follow=True)


def link_in(message):
    return re.search(r"http://localhost:8000(/accounts/confirm-email/\S+)", message.body).group(1)


def addresses(user):
    rows = EmailAddress.objects.filter(user=user).order_by("pk")
    return [(row.email, row.verified, row.primary) for row in rows]


def test_the_old_address_counts_until_the_new_one_is_confirmed(confirmed, person, log):
    client = confirmed("member")
    page = change(client, NEW).content.decode()
    assert f"Until you open it, you sign in with {OLD}" in page
    assert "Send the link again" in page
    assert (person("member").email, addresses(person("member"))) == (OLD, [(OLD, True, True), (NEW, False, False)])
    [question] = mail.outbox
    assert question.to == [NEW]
    assert sign_in(OLD)
    assert not sign_in(NEW), "nobody has shown yet whose it is"
    assert ask_for_reset(NEW) == []
    assert ask_for_reset(OLD) == [[OLD]]

    link = link_in(question)
    assert f"From now on you sign in with {NEW}" in WebClient().get(link).content.decode()
    assert WebClient().post(link).status_code == 302
    from accounts.models import User

    user = User.objects.get(name="Milo Anders")
    assert (user.email, addresses(user)) == (NEW, [(NEW, True, True)])
    assert (sign_in(NEW), sign_in(OLD)) == (True, False)
    assert (ask_for_reset(NEW), ask_for_reset(OLD)) == ([[NEW]], [])
    [told] = [message for message in mail.outbox if message.subject.endswith("Your address was changed")]
    assert told.to == [OLD], "the old mailbox hears of it"
    assert f"From now on you sign in with {NEW}" in told.body
    assert [subject for action, subject in log("email.changed")] == [NEW]
    assert "This link no longer works" in WebClient().get(link).content.decode()


def test_a_mistyped_address_is_corrected_sent_again_and_given_up(confirmed, person):
    """A lone admin who mistypes their address loses nothing."""
    client = confirmed("admin")
    change(client, "admni@northwind.example")
    change(client, "admni@northwind.example")
    assert [message.to for message in mail.outbox] == [["admni@northwind.example"]] * 2, "sent again"
    assert link_in(mail.outbox[0]).split(":")[0] == link_in(mail.outbox[1]).split(":")[0], "both links are of one row"
    change(client, NEW)
    assert [row[0] for row in addresses(person("admin"))] == ["admin@northwind.example", NEW]
    assert WebClient().post(link_in(mail.outbox[0])).status_code == 404, "the mistyped one is gone"
    page = change(client, NEW, "action_remove").content.decode()
    assert f"The change to {NEW} is cancelled." in page
    assert addresses(person("admin")) == [("admin@northwind.example", True, True)]
    assert WebClient().post(link_in(mail.outbox[-1])).status_code == 404
    assert len(mail.outbox) == 3, "nothing changed, so nobody is told"
    assert sign_in("admin@northwind.example")
    assert client.get("/accounts/members/").status_code == 200


def test_nobody_loses_the_address_that_counts(confirmed, person):
    client = confirmed("member")
    for action in ("action_remove", "action_primary", "action_send"):
        change(client, OLD, action)
    assert "This is your address already." in change(client, OLD.upper()).content.decode()
    assert (person("member").email, addresses(person("member"))) == (OLD, [(OLD, True, True)])
    assert {message.to[0] for message in mail.outbox} <= {OLD}


def test_somebody_elses_address_is_claimed_in_vain_and_nothing_is_revealed(confirmed, person):
    client = confirmed("outsider")
    free, taken = (
        change(client, email).content.decode().replace(email, "X")
        for email in ("nobody.has.it@northwind.example", "admin@northwind.example")
    )
    strip = r'"[^"]*"|\{[^}]*\}'
    assert re.sub(strip, "", free) == re.sub(strip, "", taken)
    told = mail.outbox[-1]
    assert (told.to, told.subject) == (
        ["admin@northwind.example"],
        "[Partner Portal] Your address was entered for another account",
    )
    assert "/confirm-email/" not in told.body
    assert not sign_in("nobody.has.it@northwind.example")
    assert sign_in("admin@northwind.example")
    assert person("outsider").email == "admin@southwind.example"


def test_an_address_that_was_given_away_meanwhile_is_refused_at_its_link(confirmed, person):
    from accounts.models import User

    change(confirmed("member"), "late@northwind.example")
    link = link_in(mail.outbox[-1])
    User.objects.create_user("late@northwind.example", PASSWORD)
    assert "belongs to another account already" in WebClient().get(link).content.decode()
    assert WebClient().post(link).status_code < 500
    assert person("member").email == OLD


def test_opening_the_link_while_somebody_of_another_partner_is_signed_in(confirmed, web):
    change(confirmed("member"), NEW)
    assert web("outsider").post(link_in(mail.outbox[-1])).status_code == 302
    assert sign_in(NEW)


@pytest.mark.parametrize("email", ["", "Member@Northwind.example"])
def test_the_database_refuses_an_empty_address_and_one_that_somebody_has(person, email):
    from accounts.models import User

    person("member")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(email="admin@northwind.example").update(email=email)


def test_a_person_has_a_confirmed_address_however_they_are_made(person, confirmed):
    from accounts.models import User

    confirmed("admin").post("/accounts/members/", {"email": "invited@northwind.example", "role": "member"})
    person("nobody")
    with outside_partners():
        people = {user.email: addresses(user) for user in User.objects.all()}
    assert {"operator@portal.example", "invited@northwind.example", "nobody@nowhere.example", OLD} <= people.keys()
    for email, rows in people.items():
        assert rows == [(email, True, True)]


@pytest.mark.slow
def test_two_people_who_confirm_one_address_at_once_get_an_answer_each(committed):
    from accounts.models import User

    links, answers = [], []
    for name in ("manager", "finance"):
        row = EmailAddress.objects.create(user=User.objects.get(email=f"{name}@northwind.example"), email=NEW)
        from allauth.account.models import EmailConfirmationHMAC

        links.append(f"/accounts/confirm-email/{EmailConfirmationHMAC(row).key}/")

    def confirm(link):
        try:
            answers.append(WebClient().post(link).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=confirm, args=[link]) for link in links]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(answers) == [302, 302]
    assert User.objects.filter(email=NEW).count() == 1
    kept = {"manager@northwind.example", "finance@northwind.example", NEW}
    assert set(User.objects.filter(email__in=kept).values_list("email", flat=True)) < kept


def test_existing_people_get_an_address_and_an_emptied_one_is_found_in_the_log(partner, person, monkeypatch):
    """What the migration does with people of before: none had a row, one had lost the address to an unfinished change."""
    from importlib import import_module

    from django.apps import apps

    from accounts.audit import record_for_person
    from accounts.models import User

    record_for_person(person("finance"), "signin.done")
    EmailAddress.objects.all().delete()
    EmailAddress.objects.create(user=person("manager"), email="manager@northwind.example")  # from a visit of the page
    EmailAddress.objects.create(user=person("manager"), email="pending@northwind.example")
    migration = import_module("accounts.migrations.0003_confirmed_addresses")

    class Editor:
        pass

    Editor.connection = connection
    migration.give_addresses(apps, Editor)
    assert addresses(person("manager")) == [
        ("manager@northwind.example", True, True),
        ("pending@northwind.example", False, False),
    ]
    assert all((user.email, True, True) in addresses(user) for user in User.objects.all())
    finance = person("finance").pk
    with monkeypatch.context() as patch:
        patch.setattr(migration, "LAST_SEEN", migration.LAST_SEEN.replace("subject FROM", "'x' || subject FROM"))
        assert migration.last_address(apps, Editor, finance) == "xfinance@northwind.example"
    assert migration.last_address(apps, Editor, finance) is None, "somebody has it"
