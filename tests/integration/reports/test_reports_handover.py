"""What somebody leaves behind: shared reports pass to an admin, schedules wait for one, and nobody is told twice."""

from datetime import time

import pytest
from django.core import mail
from django.urls import reverse

from accounts.audit import named_actions
from accounts.models import AuditEvent, Membership
from accounts.scope import outside_partners, set_tenant
from partner_portal.lib.rows.datasets import select
from reports.models import Pinned, SavedReport, Schedule
from reports.services.handover import OwnershipTransfer, hand_over
from reports.services.saved import save_report
from reports.services.schedules import make_schedule

LOST = "changes-lost-sold"
SCHEDULE = {"frequency": "daily", "day": 0, "at": time(7, 30), "zone": "Europe/Amsterdam", "format": "xlsx"}


@pytest.fixture
def managers_things(scope_of):
    """Of a manager: a shared report on everybody's dashboard, a private one with a schedule, and a private one."""
    scope = scope_of("manager")

    def save(name, **looks):
        return save_report(
            scope=scope, selection=select(LOST, scope, {"changes_range": "last-30-days"}), fixed=False,
            appearance={"name": name} | looks,
        )  # fmt: skip

    save("shared", shared=True, pinned=Pinned.PARTNER)
    sent = save("sent", pinned=Pinned.MINE)
    save("private")
    make_schedule(scope=scope, report=sent, values=SCHEDULE, member_ids=[scope.user.pk], addresses=[])
    return scope.user


def reports():
    return {
        saved.name: (saved.owner.email, saved.pinned) for saved in SavedReport.objects.select_related("owner").order_by("pk")
    }  # fmt: skip


AFTERWARDS = {
    "shared": ("admin@northwind.example", Pinned.PARTNER),
    "sent": ("admin@northwind.example", Pinned.NO),
    "private": ("manager@northwind.example", Pinned.NO),
}


def test_removing_a_member_hands_over_and_says_so(
    managers_things, web, person, scope_of, django_capture_on_commit_callbacks
):
    membership = Membership.objects.get(user=managers_things)
    client = web("admin")
    with django_capture_on_commit_callbacks(execute=True):
        page = client.post(reverse("accounts_member_remove", args=[membership.pk]), follow=True)
        if "password" in page.request["PATH_INFO"] or "reauthenticate" in page.request["PATH_INFO"]:
            client.post(
                page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"], {"password": "partner-portal-demo"}
            )
            page = client.post(reverse("accounts_member_remove", args=[membership.pk]), follow=True)
    text = page.content.decode()
    assert "2 of their reports are used by others and have passed to an admin." in text
    assert "1 of their schedules is paused until an admin takes it over." in text
    scope = scope_of("admin")
    assert reports() == AFTERWARDS
    schedule = Schedule.objects.get()
    assert (schedule.owner, schedule.next_slot) == (managers_things, None)
    assert [(sent.to, sent.subject) for sent in mail.outbox] == [(["admin@northwind.example"], "“sent” is paused")]
    assert "An admin can take it over" in mail.outbox[0].body
    assert hand_over(scope=scope) == OwnershipTransfer(0, 0)
    assert len(mail.outbox) == 1
    for address in (reverse("schedules"), reverse("schedule", args=[schedule.pk])):
        assert "Take over" in client.get(address).content.decode()
    client.post(reverse("schedule_state", args=[schedule.pk]), {"do": "resume"})
    set_tenant(scope.partner.pk, scope.user.pk)
    schedule.refresh_from_db()
    assert (schedule.owner, schedule.paused) == (person("admin"), "")
    assert schedule.next_slot is not None
    assert "Take over" not in client.get(reverse("schedule", args=[schedule.pk])).content.decode()


def test_an_account_that_was_closed_is_found_by_the_clock(
    managers_things, scope_of, django_capture_on_commit_callbacks
):
    scope = scope_of("admin")
    assert hand_over(scope=scope) == OwnershipTransfer(0, 0)
    managers_things.is_active = False
    with outside_partners():
        managers_things.save()
    with django_capture_on_commit_callbacks(execute=True):
        assert hand_over(scope=scope) == OwnershipTransfer(2, 1)
        assert hand_over(scope=scope) == OwnershipTransfer(0, 0)
    assert reports() == AFTERWARDS
    assert len(mail.outbox) == 1
    passed = AuditEvent.objects.filter(action="report.handed_over")
    assert [(event.subject, event.details) for event in passed.order_by("pk")] == [
        ("shared", {"to": "admin@northwind.example"}),
        ("sent", {"to": "admin@northwind.example"}),
    ]
    assert "report.handed_over" in dict(named_actions())


def test_without_an_admin_reports_stay_and_schedules_pause(managers_things, scope_of):
    scope = scope_of("admin")
    Membership.objects.filter(role="admin", partner=scope.partner).update(role="finance")
    Membership.objects.filter(user=managers_things).delete()
    assert hand_over(scope=scope) == OwnershipTransfer(0, 1)
    assert reports()["shared"][0] == "manager@northwind.example"
