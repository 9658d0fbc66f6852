"""Invitations to a tier: recorded by an admin on the tier page, counted by the credited tier, taken back again."""

from datetime import date

import pytest

from accounts.models import AuditEvent
from accounts.scope import partner_scope
from tiers import services
from tiers.models import Invitation, TierChange
from tiers.queries import invitable, invitations

DAY = "2026-11-01"


def told(response):
    """The messages of the page that a form leads to."""
    return [str(message) for message in response.context["messages"]]


def test_only_tiers_by_invitation_can_be_invited_to(scope):
    assert invitable(scope) == ["Elite"]


def test_recorded_shown_and_taken_back(web, scope):
    admin = web("admin")
    assert "Add an invitation" in admin.get("/tiers/").text
    answer = admin.post("/tiers/invitations/", {"tier": "Elite", "on": DAY}, follow=True)
    assert answer.redirect_chain == [("/tiers/#history", 302)]
    assert told(answer) == ["The invitation to Elite is saved."]
    assert [(each.tier, each.on) for each in invitations(scope)] == [("Elite", date(2026, 11, 1))]
    assert "Invited to Elite on" in web("member").get("/tiers/").text
    assert "Invited to Elite on" not in admin.get("/tiers/?on=2026-10-31").text
    assert AuditEvent.objects.filter(partner=scope.partner, action="tiers.invitation", subject="Elite").count() == 1

    answer = admin.post("/tiers/invitations/", {"remove": "Elite"}, follow=True)
    assert told(answer) == ["The invitation is removed."]
    scope.forget()
    assert invitations(scope) == []
    assert admin.post("/tiers/invitations/", {"remove": "Elite"}).status_code == 404


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"tier": "Gold", "on": DAY}, "Gold is not one of the available choices."),
        ({"tier": "Elite", "on": "2026-11-24"}, "Enter a date that is not after today."),
        ({"tier": "Elite", "on": "0001-01-01"}, "Enter a date within this programme."),
        ({"tier": "Elite", "on": "soon"}, "Enter a valid date."),
        ({"tier": "Elite"}, "This field is required."),
    ],
)
def test_what_cannot_be_is_refused_with_words(web, values, problem):
    answer = web("admin").post("/tiers/invitations/", values, follow=True)
    assert problem in " ".join(told(answer))
    assert Invitation.objects.count() == 0


@pytest.mark.parametrize("who", ["manager", "finance", "member"])
def test_only_who_may_change_settings_records_one(web, who):
    assert web(who).post("/tiers/invitations/", {"tier": "Elite", "on": DAY}).status_code == 403
    assert "Add an invitation" not in web(who).get("/tiers/").text


def test_another_partners_invitation_is_not_there(web, other_partner):
    with partner_scope(other_partner):
        Invitation.objects.create(partner=other_partner, tier="Elite", on=DAY)
    assert web("admin").post("/tiers/invitations/", {"remove": "Elite"}).status_code == 404
    assert "Invited to Elite" not in web("admin").get("/tiers/").text


def test_an_invitation_moves_what_was_remembered_and_the_history(scope):
    before = scope.partner.generation
    rows = list(TierChange.objects.filter(partner=scope.partner).values_list("on", "after"))
    services.record_invitation(scope=scope, tier="Elite", on=date(2026, 11, 1))
    assert scope.partner.generation == before + 1
    # Elite is not met on any day, so that the invitation alone credits nothing.
    assert list(TierChange.objects.filter(partner=scope.partner).values_list("on", "after")) == rows
