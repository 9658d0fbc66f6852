"""The partner's settings, its contacts, and the team tab."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

VALUES = {
    "name": "Northwind Growth",
    "time_zone": "Europe/Amsterdam",
    "language": "en",
    "payout_currency": "USD",
    "mail_domains": "",
    "stale_after_days": "7",
}
CONTACT = {"name": "Ines Okoye", "role": "Renewal Manager", "email": "ines@vendor.example", "description": "Renewals"}


def contacts(partner):
    from accounts.models import TeamContact
    from accounts.scope import partner_scope

    with partner_scope(partner):
        return list(TeamContact.objects.filter(partner=partner).values_list("name", "position"))


def contact_id(partner, name):
    from accounts.models import TeamContact
    from accounts.scope import partner_scope

    with partner_scope(partner):
        return TeamContact.objects.get(partner=partner, name=name).pk


def test_an_admin_changes_the_partner(confirmed, partner, log):
    generation = partner.generation
    response = confirmed("admin").post(
        "/settings/",
        VALUES
        | {
            "name": "Northwind Group",
            "time_zone": "America/Bogota",
            "language": "nl",
            "payout_currency": "EUR",
            "mail_domains": "Northwind.example, bücher.example\nnorthwind.example",
            "stale_after_days": "3",
        },
    )
    assert response["Location"] == "/settings/"
    partner.refresh_from_db()
    assert (partner.name, partner.time_zone, partner.language) == ("Northwind Group", "America/Bogota", "nl")
    assert (partner.payout_currency, partner.stale_after_days) == ("EUR", 3)
    assert partner.mail_domains == "northwind.example\nbücher.example"
    assert partner.generation == generation + 1
    assert log("settings") == [("settings.changed", "northwind")]


def test_saving_what_is_there_changes_nothing(confirmed, partner, log):
    generation = partner.generation
    confirmed("admin").post("/settings/", VALUES)
    partner.refresh_from_db()
    assert partner.generation == generation
    assert log("settings") == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "This field is required."),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus is not one of the available choices"),
        ({"payout_currency": "EURO"}, "“EURO” is no currency code such as USD."),
        ({"language": "xx"}, "xx is not one of the available choices"),
        ({"mail_domains": "northwind.example domain!"}, "“domain!” is not a domain name."),
        ({"stale_after_days": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(confirmed, partner, log, wrong, told):
    response = confirmed("admin").post("/settings/", VALUES | {"name": "Something else"} | wrong)
    text = unescape(response.content.decode())
    assert response.status_code == 422
    assert told in text
    assert "<b>Northwind Growth</b>" in text, "the bar on top keeps the name that holds"
    partner.refresh_from_db()
    assert partner.name == "Northwind Growth"
    assert log("settings") == []


def test_settings_are_asked_for_again_before_they_change(web, partner):
    response = web("admin").post("/settings/", VALUES | {"payout_currency": "EUR"})
    assert response["Location"].startswith("/accounts/reauthenticate/")
    partner.refresh_from_db()
    assert partner.payout_currency == "USD"


def test_contacts_are_added_changed_and_moved(web, partner, log):
    client = web("admin")
    client.post("/settings/contacts/new/", CONTACT)
    assert contacts(partner) == [("Uma Costa", 0), ("Chloé Tanaka", 1), ("Ines Okoye", 2)]
    ines = contact_id(partner, "Ines Okoye")
    client.post(f"/settings/contacts/{ines}/", CONTACT | {"role": "Renewals"})
    client.post(f"/settings/contacts/{ines}/move/", {"earlier": ""})
    client.post(f"/settings/contacts/{ines}/move/", {"earlier": ""})
    client.post(f"/settings/contacts/{ines}/move/", {"earlier": ""})
    assert contacts(partner) == [("Ines Okoye", 0), ("Uma Costa", 1), ("Chloé Tanaka", 2)]
    client.post(f"/settings/contacts/{ines}/move/", {"later": ""})
    assert contacts(partner) == [("Uma Costa", 0), ("Ines Okoye", 1), ("Chloé Tanaka", 2)]
    assert [action for action, _ in log("contact")] == ["contact.added", "contact.changed"] + ["contact.moved"] * 3
    text = client.get("/dashboard/team/").content.decode().partition("Contacts at the vendor")[2]
    assert text.index("Uma Costa") < text.index("Ines Okoye") < text.index("Chloé Tanaka")


def test_a_contact_needs_a_name_and_an_address(web, partner):
    response = web("admin").post("/settings/contacts/new/", CONTACT | {"name": "", "email": "not an address"})
    text = response.content.decode()
    assert response.status_code == 422
    assert "This field is required." in text
    assert "Enter a valid email address." in text
    assert len(contacts(partner)) == 2


def test_a_removed_contact_comes_back_as_and_where_it_was_once(web, partner, log):
    client = web("admin")
    uma = contact_id(partner, "Uma Costa")
    page = client.post(f"/settings/contacts/{uma}/remove/", follow=True).content.decode()
    assert "Uma Costa was removed." in page
    assert contacts(partner) == [("Chloé Tanaka", 0)]
    assert "was removed" not in client.get("/settings/").content.decode(), "said once"
    signed = re.search(r'name="contact" value="([^"]+)"', page).group(1)
    for _ in range(2):
        client.post("/settings/contacts/restore/", {"contact": signed})
        assert contacts(partner) == [("Uma Costa", 0), ("Chloé Tanaka", 1)]
    assert log("contact") == [("contact.removed", "Uma Costa"), ("contact.restored", "Uma Costa")]


def test_what_was_removed_elsewhere_is_not_restored_here(web, partner, other_partner):
    uma = contact_id(partner, "Uma Costa")
    page = web("admin").post(f"/settings/contacts/{uma}/remove/", follow=True).content.decode()
    signed = re.search(r'name="contact" value="([^"]+)"', page).group(1)
    client = web("outsider")
    for value in (signed, "made-up"):
        client.post("/settings/contacts/restore/", {"contact": value})
    assert [name for name, _ in contacts(other_partner)] == ["Noor Vermeulen"]


def test_another_partners_contacts_do_not_exist(web, partner):
    uma = contact_id(partner, "Uma Costa")
    client = web("outsider")
    assert client.get(f"/settings/contacts/{uma}/").status_code == 404
    for step in ("", "move/", "remove/"):
        assert client.post(f"/settings/contacts/{uma}/{step}", CONTACT).status_code == 404
    for path in ("/settings/", "/dashboard/team/"):
        assert "Uma Costa" not in client.get(path).content.decode()
    assert contacts(partner) == [("Uma Costa", 0), ("Chloé Tanaka", 1)]


@pytest.mark.parametrize("role", ["manager", "finance", "member"])
def test_only_admins_change_settings(web, partner, role):
    client = web(role)
    uma = contact_id(partner, "Uma Costa")
    for path in ("/settings/", "/settings/contacts/new/", f"/settings/contacts/{uma}/"):
        page = client.get(path)
        assert page.status_code == 403
        assert "You don’t have access to this page" in page.content.decode()
    for path in ("/settings/", "/settings/contacts/new/", f"/settings/contacts/{uma}/remove/"):
        assert client.post(path, CONTACT).status_code == 403
    assert len(contacts(partner)) == 2
    assert client.get("/dashboard/team/").status_code == 200


def test_the_team_tab_without_contacts_says_who_can_add_them(web, partner):
    from accounts.models import TeamContact
    from accounts.scope import partner_scope

    with partner_scope(partner):
        TeamContact.objects.all().delete()
    assert "/settings/contacts/new/" in web("admin").get("/dashboard/team/").content.decode()
    member = web("member").get("/dashboard/team/").content.decode()
    assert "An admin of your organisation can add" in member
    assert "/settings/" not in member


def test_the_pages_ask_the_database_as_often_for_one_contact_as_for_three(web, partner):
    from accounts import services
    from accounts.scope import partner_scope, system_scope

    def queries():
        counts = []
        for path in ("/dashboard/team/", "/settings/"):
            with CaptureQueriesContext(connection) as asked:
                assert client.get(path).status_code == 200
            counts.append(len(asked))
        return counts

    client = web("admin")
    client.get("/dashboard/team/")
    with partner_scope(partner):
        services.remove_contact(scope=system_scope(partner), contact_id=contact_id(partner, "Uma Costa"))
    one = queries()
    with partner_scope(partner):
        for name in ("Ines", "Kofi"):
            services.add_contact(scope=system_scope(partner), values=CONTACT | {"name": name})
    assert queries() == one
    assert max(one) <= 21


def test_the_reset_of_the_demo_asks_first(web, settings, tmp_path):
    settings.DEMO, settings.RESET_DEMO_FILE = True, tmp_path / "reset"
    client = web("admin")
    assert 'href="/settings/reset-demo/"' in client.get("/settings/").text
    question = client.get("/settings/reset-demo/").text
    assert "Reset the demo?" in question
    assert "cannot be undone" in question
    assert not settings.RESET_DEMO_FILE.exists(), "looking resets nothing"
    assert client.post("/settings/reset-demo/").status_code == 302
    assert settings.RESET_DEMO_FILE.exists()
    assert web("manager").get("/settings/reset-demo/").status_code == 403
    settings.DEMO = False
    assert client.get("/settings/reset-demo/").status_code == 404
    assert "reset-demo" not in client.get("/settings/").text


def test_the_command_that_resets_the_demo_says_what_it_would_do(db):
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match=r"deletes all data of northwind and southwind.*Repeat with --yes"):
        call_command("reset_demo")
