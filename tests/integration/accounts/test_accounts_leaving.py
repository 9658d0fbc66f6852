"""Who leaves takes nothing along, and a later invitation gives nothing of it back."""

import re

import pytest

from partner_portal.lib.rows.events import member_left


def membership(partner, user):
    from accounts.models import Membership
    from accounts.scope import partner_scope

    with partner_scope(partner):
        return Membership.objects.get(partner=partner, user=user)


def api(client, text):
    return client.get("/api/v1/progress", headers={"Authorization": f"Bearer {text}"}).status_code


@pytest.fixture
def belongings(partner, person, scope_of):
    """A member's token, calendar address, reminder, ready file and place in a schedule."""
    from datetime import timedelta

    from api.services import make_token
    from partner_portal.lib.dates import clock
    from renewals.services import new_calendar, remind_me
    from reports.models import Export, Recipient, SavedReport, Schedule

    scope = scope_of("member")
    _token, text = make_token(scope=scope, name="sheet", role="member", days=30)
    calendar = f"/renewals/calendar/northwind/{new_calendar(scope=scope)}.ics"
    remind_me(scope=scope, days_before=30)
    export = Export.objects.create(
        partner=partner, owner=scope.user, name="clients", title="Clients", dataset="clients", format="csv",
        request_key="x", state="ready", file="exports/none.csv", size=1, expires_at=clock.now() + timedelta(days=7),
    )  # fmt: skip
    report = SavedReport.objects.create(partner=partner, owner=person("admin"), name="R", dataset="clients")
    schedule = Schedule.objects.create(
        partner=partner, owner=person("admin"), report=report, frequency="daily", at="08:00", zone="UTC"
    )
    Recipient.objects.create(partner=partner, schedule=schedule, user=scope.user)
    return {"token": text, "calendar": calendar, "export": f"/exports/{export.pk}/", "pk": export.pk}


def test_an_invitation_after_leaving_gives_nothing_back(confirmed, web, person, partner, belongings, log):
    from accounts.models import Membership
    from accounts.scope import partner_scope
    from renewals.models import RenewalReminder
    from reports.models import Export, Recipient

    theirs, anonymous, admin = web("member"), web(None), confirmed("admin")
    theirs.post("/accounts/reauthenticate/", {"password": "partner-portal-demo"})
    from accounts.known_devices import COOKIE

    signed_in = web(None)
    signed_in.post("/accounts/login/", {"login": "member@northwind.example", "password": "partner-portal-demo"})
    assert COOKIE in signed_in.cookies
    assert api(anonymous, belongings["token"]) == 200
    assert anonymous.get(belongings["calendar"]).status_code == 200
    assert signed_in.get(belongings["export"]).status_code == 200

    admin.post(f"/accounts/members/{membership(partner, person('member')).pk}/remove/")
    assert api(anonymous, belongings["token"]) == 401
    assert anonymous.get(belongings["calendar"]).status_code == 404
    assert signed_in.get("/dashboard/")["Location"].startswith("/accounts/login/"), "signed out"

    admin.post("/accounts/members/", {"email": "member@northwind.example", "role": "member"})
    assert api(anonymous, belongings["token"]) == 401
    assert anonymous.get(belongings["calendar"]).status_code == 404
    assert signed_in.get("/dashboard/")["Location"].startswith("/accounts/login/")
    with partner_scope(partner):
        assert Membership.objects.get(user=person("member"), partner=partner).ranges == {}
        assert not RenewalReminder.objects.filter(partner=partner, user=person("member")).exists()
        assert not Recipient.objects.filter(partner=partner, user=person("member")).exists()
        export = Export.objects.get(pk=belongings["pk"])
    assert (export.state, export.file.name) == ("expired", "")
    assert ("api_token.revoked", "sheet") in log("api_token")
    assert ("renewals.calendar_revoked", "member@northwind.example") in log("renewals.calendar_rev")


def test_a_session_of_a_second_partner_goes_on_and_opens_the_first_no_more(web, person, partner, other_partner):
    from accounts.models import Membership
    from accounts.scope import partner_scope, system_scope
    from accounts.services import add_member, remove_member

    user = person("member")
    with partner_scope(other_partner):
        add_member(scope=system_scope(other_partner), email=user.email, role="member")
    client = web(None)
    sign_in = {"login": user.email, "password": "partner-portal-demo"}
    client.post("/accounts/login/", sign_in)
    assert "Northwind Growth" in client.get("/dashboard/team/").content.decode()
    with partner_scope(partner):
        remove_member(scope=system_scope(partner), membership_id=Membership.objects.get(user=user, partner=partner).pk)
    page = client.get("/dashboard/team/")
    assert page.status_code == 200
    assert "Northwind Growth" not in page.content.decode(), "the other partner is shown"
    with partner_scope(partner):
        add_member(scope=system_scope(partner), email=user.email, role="member")
    client.post("/accounts/partner/", {"partner": partner.pk})
    assert "Northwind Growth" not in client.get("/dashboard/team/").content.decode()
    client.post("/accounts/logout/")
    client.post("/accounts/login/", sign_in)
    client.post("/accounts/partner/", {"partner": partner.pk})
    assert "Northwind Growth" in client.get("/dashboard/team/").content.decode(), "a new sign-in opens it"


def test_a_closed_account_ends_like_a_membership_and_opens_empty(web, person, partner, belongings, log):
    from io import StringIO

    from django.core.management import CommandError, call_command

    from accounts.models import User

    said = StringIO()
    call_command("close_account", "Member@northwind.example", stdout=said)
    assert said.getvalue() == "member@northwind.example can no longer sign in, and is signed out everywhere.\n"
    User.objects.filter(email="member@northwind.example").update(is_active=True)
    assert api(web(None), belongings["token"]) == 401
    assert web(None).get(belongings["calendar"]).status_code == 404
    assert log("member") == [("member.closed", "member@northwind.example")]
    with pytest.raises(CommandError, match=r"Nobody has the address nobody@else\.example"):
        call_command("close_account", "nobody@else.example")


def test_every_app_with_secrets_hears_of_a_leaver():
    heard = {re.sub(r"\W.*", "", str(key[0])) for key, *_rest in member_left.receivers}
    assert heard >= {"api", "renewals", "reports"}
