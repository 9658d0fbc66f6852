"""The checklist of the first day: what is open, for whom, and until when."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.first_day import checklist, next_step
from tests.conftest import PASSWORD


def open_steps(scope):
    return {str(step.label) for step in checklist(scope) if not step.done}


@pytest.fixture
def fresh(db):
    """The admin of a partner that has nothing yet."""
    from django.core.management import call_command

    from accounts.models import User
    from accounts.scope import member_scope, memberships_of, outside_partners, set_tenant, user_scope

    call_command("create_partner", "fresh", name="Fresh", currency="USD", verbosity=0)
    call_command("create_member", "admin@fresh.example", partner="fresh", role="admin", verbosity=0)
    with outside_partners():
        user = User.objects.get(email="admin@fresh.example")
    with user_scope(user):
        membership = memberships_of(user)[0]
    membership.user = user
    set_tenant(membership.partner_id, user.pk)
    return member_scope(membership)


def test_a_new_partner_is_told_what_to_bring_and_what_it_switches_on(fresh):
    assert open_steps(fresh) == {
        "Clients", "Deals", "Services", "Certifications", "Renewals", "MRR by month, 13 months", "Commission statements",
        "Contacts at the vendor", "Colleagues", "Time zone", "Tier thresholds",
    }  # fmt: skip
    certifications = next(step for step in checklist(fresh) if step.label == "Certifications")
    assert str(certifications.why) == "Without one there is no tier."
    assert (certifications.address, certifications.template) == ("/imports/", "/imports/columns/certifications.csv")


def test_each_step_leads_to_the_next_that_is_open(fresh, rf):
    request = rf.get("/")
    request.scope, request.memberships = fresh, []
    after = {key: next_step(request, key).key for key in ("", "statement_lines", "thresholds", "contacts", "members")}
    assert after == {
        "": "clients", "statement_lines": "thresholds", "thresholds": "contacts", "contacts": "members",
        "members": "time_zone",
    }  # fmt: skip
    assert next_step(request, "time_zone").key == "clients", "what was passed over comes at the end"


def test_own_thresholds_are_done(fresh):
    from accounts.models import Partner
    from program.queries import rulebook

    start = rulebook(fresh).rule_set(fresh.today).start
    fresh.partner.thresholds = {start.isoformat(): {"source": "agreement", "values": []}}
    assert "Tier thresholds" not in open_steps(fresh)
    assert Partner.objects.get(pk=fresh.partner.pk).thresholds == {}


def test_a_saved_setting_names_the_next_step_and_no_other_page_does(scope, web):
    from accounts.models import TeamContact

    TeamContact.objects.all().delete()
    client = web("admin")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    saved = client.post(
        "/settings/contacts/new/", {"name": "Uma", "role": "PDM", "email": "uma@vendor.example"}, follow=True
    )
    assert "Next:" not in saved.text, "with the contact all is done"
    TeamContact.objects.all().delete()
    values = {
        "name": "Northwind", "time_zone": "Europe/Amsterdam", "language": "en", "payout_currency": "USD",
        "mail_domains": "", "stale_after_days": "7",
    }  # fmt: skip
    saved = client.post("/settings/", values, follow=True)
    assert 'Next: <a href="/tiers/thresholds/">Tier thresholds</a>' in saved.text


def test_what_is_there_is_done(scope, scope_of):
    from accounts.models import TeamContact

    assert checklist(scope) == [], "the demo partner has everything"
    TeamContact.objects.all().delete()
    assert open_steps(scope_of("admin")) == {"Contacts at the vendor", "Tier thresholds"}
    assert checklist(scope_of("manager")) == [], "who may not change settings is not asked to"
    assert checklist(scope_of("member")) == []


def test_it_stands_on_the_dashboard_until_it_is_hidden(scope, web):
    from accounts.models import TeamContact

    TeamContact.objects.all().delete()
    client = web("admin")
    page = client.get("/dashboard/").content.decode()
    assert re.search(r'<a href="/settings/contacts/new/">Contacts at the vendor</a>', page)
    assert client.post("/dashboard/checklist/")["Location"] == "/dashboard/"
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/dashboard/").content.decode()
    assert "first-day" not in page
    assert not any("accounts_teamcontact" in query["sql"] for query in queries), "what is hidden is not asked"
