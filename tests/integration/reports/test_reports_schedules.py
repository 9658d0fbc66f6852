"""Schedules against a real mail server on loopback: slots, recipients, rights at run time, trouble, and saying no."""

import email
import email.policy
import io
import re
import socket
from datetime import UTC, datetime, time, timedelta

import openpyxl
import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.conf import settings
from django.test import Client as WebClient

from accounts.models import Membership, Partner, User
from accounts.scope import member_scope, memberships_of, outside_partners, partner_scope, user_scope
from ledger.models import PointEntry, Posting
from partner_portal.lib.rows.datasets import select
from reports.models import Export, RunState, Schedule, ScheduleRun
from reports.services import due_runs, recipients, schedule_runs
from reports.services import saved as report_services
from reports.services import schedules as services

NOW = datetime(2026, 11, 23, 6, 31, tzinfo=UTC)  # Monday 07:31 in Amsterdam
LOST = "changes-lost-sold"


class Inbox:
    """Takes every mail and keeps it."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        self.mails.append(
            (envelope.rcpt_tos[0], email.message_from_bytes(envelope.content, policy=email.policy.default))
        )
        return "250 OK"

    def of(self, address):
        return [mail for to, mail in self.mails if to == address]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def smtp(settings):
    """A mail server; `start` and `stop` it as a real one goes up and down."""
    inbox = Inbox()
    inbox.port = free_port()
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": inbox.port, "use_tls": False, "timeout": 5},
        }
    }
    controller = []

    def start():
        controller.append(Controller(inbox, hostname="127.0.0.1", port=inbox.port))
        controller[-1].start()

    inbox.start, inbox.stop = start, lambda: controller.pop().stop()
    yield inbox
    while controller:
        controller.pop().stop()


@pytest.fixture(autouse=True)
def on_that_monday():
    """The clock of this process goes on from NOW, whatever day it is."""
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def northwind(committed):
    return Partner.objects.get(slug="northwind")


def scope_for(name):
    user = User.objects.get(email=f"{name}@northwind.example")
    with user_scope(user):
        membership = memberships_of(user)[0]
    membership.user = user
    return member_scope(membership)


def make(
    partner,
    owner="manager",
    to=("manager", "member"),
    outside=(),
    columns=("client", "points", "on"),
    query=None,
    **values,
):
    given = {"frequency": "weekly", "day": 0, "at": time(7, 30), "zone": "Europe/Amsterdam", "format": "xlsx"} | values
    with partner_scope(partner):
        scope = scope_for(owner)
        with partner_scope(partner, scope.user):
            selection = select(LOST, scope, query or {"changes_range": "last-30-days"}).with_columns(columns)
            report = report_services.save_report(
                scope=scope, selection=selection, fixed=False, appearance={"name": "Lost points"}
            )
            people = [User.objects.get(email=f"{name}@northwind.example").pk for name in to]
            schedule = services.make_schedule(
                scope=scope, report=report, values=given, member_ids=people, addresses=list(outside)
            )
            Schedule.objects.filter(pk=schedule.pk).update(next_slot=datetime(2026, 11, 23, 6, 30, tzinfo=UTC))
    return schedule


def run_due(partner, now=NOW):
    return [
        schedule_runs.run_schedule(partner_id=partner.pk, run_id=pk)
        for pk in due_runs.claim_due(partner=partner, now=now)
    ]


def runs(partner):
    with partner_scope(partner):
        return list(ScheduleRun.objects.order_by("pk"))


def test_a_slot_is_sent_once_with_days_rows_and_links(northwind, smtp):
    smtp.start()
    make(northwind)
    ids = due_runs.claim_due(partner=northwind, now=NOW)
    assert len(ids) == 1
    assert due_runs.claim_due(partner=northwind, now=NOW) == []
    assert schedule_runs.run_schedule(partner_id=northwind.pk, run_id=ids[0]) == "sent"
    assert schedule_runs.run_schedule(partner_id=northwind.pk, run_id=ids[0]) == "sent"  # delivered twice: one result
    assert sorted(to for to, _mail in smtp.mails) == ["manager@northwind.example", "member@northwind.example"]
    mail = smtp.of("manager@northwind.example")[0]
    text = mail.get_body(("plain",)).get_content()
    with partner_scope(northwind):
        lost = PointEntry.objects.exclude(track="managed").filter(points__lt=0, on__range=("2026-10-25", "2026-11-23"))
        points, clients = sum(entry.points for entry in lost), len({entry.client_id for entry in lost})
        names = {entry.client.name for entry in lost.select_related("client")}
    figure = f"−{-points:.1f} points"
    assert mail["Subject"] == f"Lost points: {figure}, 25 Oct – 23 Nov 2026"
    assert f"{figure} from {len(lost)} entries of {clients} clients" in text
    assert "25 Oct 2026 to 23 Nov 2026, both days included (Europe/Amsterdam)" in text
    shown = re.findall(r"^- (.+?)\r?\n  Points: −.+ · Lost on: ", text, re.MULTILINE)
    assert len(shown) == min(len(lost), 10)
    assert set(shown) <= names
    for words in ("/reports/rows/changes-lost-sold/?changes_from=2026-10-25", "/schedules/leave/", "Data as of"):
        assert words in text
        assert words in mail.get_body(("html",)).get_content()
    assert mail["List-Unsubscribe"]
    with partner_scope(northwind):
        assert Schedule.objects.get().next_slot == datetime(2026, 11, 30, 6, 30, tzinfo=UTC)


def test_what_fell_due_since_the_last_posting_is_in_the_file(northwind, smtp, settings):
    """Two weeks without anybody on a page, and the worker that posts by the clock comes later than the slot."""
    smtp.start()
    make(northwind)
    later = NOW + timedelta(weeks=2)
    settings.PORTAL_TODAY = "2026-12-07"
    with time_machine.travel(later, tick=True):
        assert run_due(northwind, later) == ["sent"]
    with partner_scope(northwind):
        assert str(Posting.objects.get().posted_through) == "2026-12-07"
        lost = PointEntry.objects.exclude(track="managed").filter(points__lt=0, on__range=("2026-11-08", "2026-12-07"))
        assert lost.filter(on__gt="2026-11-23").exists()
        assert runs(northwind)[0].rows == lost.count()


def test_an_attachment_only_for_those_who_may_see_its_columns(northwind, smtp):
    smtp.start()
    make(northwind, delivery="file", columns=("client", "amount", "points"))
    assert run_due(northwind) == ["sent"]
    attached = list(smtp.of("manager@northwind.example")[0].iter_attachments())
    book = openpyxl.load_workbook(io.BytesIO(attached[0].get_content()))
    assert "Amount" in [cell.value for cell in next(book["Entries"].iter_rows())]
    member = smtp.of("member@northwind.example")[0]
    assert list(member.iter_attachments()) == []
    assert "columns that your role does not see" in member.get_body(("plain",)).get_content()
    amounts = [
        " Amount: " in mail.get_body(("plain",)).get_content()
        for mail in (smtp.of("manager@northwind.example")[0], member)
    ]
    assert amounts == [True, False], "the rows in a mail are those its reader may see"


def test_a_right_that_was_lost_pauses_and_tells_owner_and_admin_once(northwind, smtp):
    smtp.start()
    make(northwind)
    with partner_scope(northwind):
        Membership.objects.filter(user__email="manager@northwind.example").update(role="member")
    assert run_due(northwind) == ["failed"]
    assert sorted(to for to, _mail in smtp.mails) == ["admin@northwind.example", "manager@northwind.example"]
    assert "may no longer send files" in smtp.of("admin@northwind.example")[0].get_body(("plain",)).get_content()
    with partner_scope(northwind):
        schedule = Schedule.objects.get()
        assert not Export.objects.exists()
    assert (schedule.paused, schedule.next_slot) == ("Its owner may no longer send files.", None)
    assert run_due(northwind, NOW + timedelta(days=30)) == []
    assert len(smtp.mails) == 2


@pytest.mark.parametrize("fate", ["deactivated", "left", "deleted"])
def test_owner_gone_or_report_gone_pauses(northwind, smtp, fate):
    smtp.start()
    schedule = make(northwind)
    with partner_scope(northwind):
        if fate == "deactivated":
            with outside_partners():
                User.objects.filter(pk=schedule.owner_id).update(is_active=False)
        elif fate == "left":
            Membership.objects.filter(user_id=schedule.owner_id).delete()
        else:
            type(schedule.report).objects.update(deleted_at=NOW)
    assert run_due(northwind) == ["failed"]
    with partner_scope(northwind):
        paused = Schedule.objects.get().paused
    assert paused == (
        "Its report was deleted." if fate == "deleted" else "Its owner has left. An admin can take it over."
    )
    assert len(smtp.of("admin@northwind.example")) == 1
    if fate == "left":
        with partner_scope(northwind):
            admin = scope_for("admin")
            with partner_scope(northwind, admin.user):
                services.resume_schedule(scope=admin, schedule=Schedule.objects.select_related("report").get())
            assert Schedule.objects.get().owner == admin.user


def test_a_mail_server_that_is_down_then_up_sends_once(northwind, smtp):
    make(northwind)
    assert run_due(northwind) == ["retrying"]
    run = runs(northwind)[0]
    assert run.reason == "The mail server did not take the mail."
    assert run_due(northwind, NOW + timedelta(seconds=1)) == []  # not before its time
    smtp.start()
    with partner_scope(northwind):
        ScheduleRun.objects.update(not_before=NOW)
    assert run_due(northwind, NOW) == ["sent"]
    assert len(smtp.mails) == 2
    with partner_scope(northwind):
        assert Export.objects.count() == 1  # the file of the first attempt was used


def test_five_failures_in_a_row_pause_it(northwind, smtp):
    make(northwind)
    with partner_scope(northwind):
        Schedule.objects.update(failures=4)
    due_runs.claim_due(partner=northwind, now=NOW)
    run_id = runs(northwind)[0].pk
    states = []
    for _attempt in range(5):
        states.append(schedule_runs.run_schedule(partner_id=northwind.pk, run_id=run_id))
    assert states == ["retrying"] * 4 + ["failed"]
    with partner_scope(northwind):
        assert Schedule.objects.get().paused.startswith("It failed 5 times in a row: The mail server")


def test_empty_is_skipped_or_sent_as_chosen(northwind, smtp):
    smtp.start()
    nothing = {"changes_from": "2020-01-01", "changes_to": "2020-01-02"}
    make(northwind, query=nothing)
    assert run_due(northwind) == ["skipped"]
    assert smtp.mails == []
    with partner_scope(northwind):
        Schedule.objects.update(next_slot=None, deleted_at=NOW)
    make(northwind, query=nothing, when_empty="send")
    assert run_due(northwind) == ["sent"]
    assert "0 points from 0 entries of 0 clients" in smtp.mails[0][1].get_body(("plain",)).get_content()


def test_after_downtime_the_latest_slot_runs_and_says_so(northwind, smtp):
    smtp.start()
    make(northwind)
    assert run_due(northwind, NOW + timedelta(weeks=3)) == ["sent"]
    run = runs(northwind)[0]
    assert (run.slot, run.late) == (datetime(2026, 12, 14, 6, 30, tzinfo=UTC), 3)
    assert "when 3 earlier ones were due" in smtp.mails[0][1].get_body(("plain",)).get_content()


def test_a_clock_that_jumps_ahead_and_back_sends_each_slot_once(northwind, smtp):
    smtp.start()
    make(northwind)
    assert run_due(northwind, NOW + timedelta(weeks=3)) == ["sent"]  # put ahead: the latest slot, once
    assert run_due(northwind, NOW) == []  # put back: that slot is not sent again ...
    assert run_due(northwind, NOW + timedelta(weeks=1)) == ["sent"]  # ... and those before it come in their time
    assert run_due(northwind, NOW + timedelta(weeks=1)) == []
    assert run_due(northwind, NOW + timedelta(weeks=3)) == []
    assert [run.slot for run in runs(northwind)] == [
        datetime(2026, 12, 14, 6, 30, tzinfo=UTC),
        datetime(2026, 11, 30, 6, 30, tzinfo=UTC),
    ]
    assert len(smtp.mails) == 4  # manager and member, once for each
    with partner_scope(northwind):
        assert Schedule.objects.get().next_slot == datetime(2026, 12, 21, 6, 30, tzinfo=UTC)


def test_a_run_that_waits_for_a_time_that_a_wrong_clock_gave_is_tried_again(northwind, smtp):
    make(northwind)
    assert run_due(northwind) == ["retrying"]
    smtp.start()
    with partner_scope(northwind):
        ScheduleRun.objects.update(not_before=NOW + timedelta(days=400))
    assert run_due(northwind) == ["sent"]
    assert len(smtp.mails) == 2


def test_the_last_twenty_runs_are_kept(northwind, smtp):
    smtp.start()
    schedule = make(northwind)
    with partner_scope(northwind):
        for week in range(1, 25):
            at = NOW - timedelta(weeks=week)
            ScheduleRun.objects.create(partner=northwind, schedule=schedule, slot=at, state="sent", finished_at=at)
    assert run_due(northwind) == ["sent"]
    kept = sorted(run.slot for run in runs(northwind))
    assert len(kept) == 20
    assert (kept[0], kept[-1]) == (NOW - timedelta(weeks=19), datetime(2026, 11, 23, 6, 30, tzinfo=UTC))


def test_outside_addresses_need_an_allowed_domain_and_a_yes(northwind, smtp):
    smtp.start()
    with pytest.raises(recipients.RecipientError):
        make(northwind, outside=["a@auditor.example"])
    Partner.objects.filter(pk=northwind.pk).update(mail_domains="auditor.example")
    northwind.refresh_from_db()
    with partner_scope(northwind):
        Schedule.objects.update(next_slot=None)
    make(northwind, to=(), outside=["a@auditor.example"])
    asked = smtp.of("a@auditor.example")
    assert len(asked) == 1
    assert run_due(northwind) == ["failed"]  # it reached nobody
    assert runs(northwind)[-1].reason == "a@auditor.example: has not said yes yet"
    assert len(smtp.of("a@auditor.example")) == 1  # not without a yes
    link = re.search(r"/schedules/confirm/\S+", asked[0].get_body(("plain",)).get_content())[0]
    visitor = WebClient()
    assert visitor.get(link).status_code == 200
    assert visitor.post(link).status_code == 200
    with partner_scope(northwind):
        Schedule.objects.filter(next_slot__isnull=False).update(next_slot=NOW + timedelta(minutes=1))
    assert run_due(northwind, NOW + timedelta(days=8)) == ["sent"]
    mail = smtp.of("a@auditor.example")[1]
    assert len(list(mail.iter_attachments())) == 1
    leave = re.search(r"/schedules/leave/\S+", mail.get_body(("plain",)).get_content())[0]
    assert visitor.get(leave).status_code == 200
    assert visitor.post(leave).status_code == 200
    with partner_scope(northwind):
        assert Schedule.objects.filter(recipients__left_at__isnull=False).exists()
    assert visitor.get("/schedules/leave/made-up/").status_code == 404


def test_states_are_what_the_page_shows(northwind, smtp):
    smtp.start()
    schedule = make(northwind, owner="admin")
    run_due(northwind)
    assert runs(northwind)[0].state == RunState.SENT
    client = WebClient()
    client.force_login(schedule.owner, backend=settings.AUTHENTICATION_BACKENDS[0])
    page = client.get(f"/schedules/{schedule.pk}/").content.decode()
    for words in ("Every Monday", "07:30", "Europe/Amsterdam", "Sent", "Pia Lundquell"):
        assert words in page
    client.post(f"/schedules/{schedule.pk}/state/", {"do": "pause"})
    assert "Paused by Pia Lundquell." in client.get("/schedules/").content.decode()
    client.post(f"/schedules/{schedule.pk}/state/", {"do": "resume"})
    assert "Active" in client.get("/exports/").content.decode()
    client.post(f"/schedules/{schedule.pk}/state/", {"do": "delete"})
    assert client.get(f"/schedules/{schedule.pk}/").status_code == 404
