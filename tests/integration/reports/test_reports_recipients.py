"""Each recipient of a schedule on their own: a mailbox that is gone, one that is full, a domain that is not allowed any more."""

import socket
from datetime import UTC, datetime, time, timedelta
from email import message_from_string, policy
from unittest.mock import patch

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.conf import settings
from django.test import Client as WebClient

from accounts.models import Membership, Partner, User
from accounts.scope import member_scope, memberships_of, partner_scope, user_scope
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import select
from reports.models import Recipient, Schedule, ScheduleRun
from reports.services import due_runs, exports, recipients, schedule_runs, trials
from reports.services import saved as report_services
from reports.services import schedules as services

NOW = datetime(2026, 11, 23, 6, 31, tzinfo=UTC)  # Monday 07:31 in Amsterdam
PEOPLE = ("admin", "manager", "finance", "member")


class Server:
    """A mail server: `answers` says what it replies to RCPT (or, after "data:", to DATA) for an address; 250 to the others."""

    def __init__(self):
        self.answers, self.accepted, self.refused = {}, [], []

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802 -- aiosmtpd's name
        if answer := self.answers.get(address):
            self.refused.append(address)
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        [address] = envelope.rcpt_tos
        if answer := self.answers.get(f"data:{address}"):
            self.refused.append(address)
            return answer
        self.accepted.append((address, envelope.content.decode()))
        return "250 OK"

    def reports(self):
        """Who got the report itself, in order."""
        return [address for address, text in self.accepted if "List-Unsubscribe: <" in text]

    def notices(self):
        """Who got another mail, with its plain text."""
        others = [(address, text) for address, text in self.accepted if "List-Unsubscribe: <" not in text]
        mails = [(address, message_from_string(text, policy=policy.default)) for address, text in others]
        return [(address, mail.get_body(("plain",)).get_content()) for address, mail in mails]


def address(name):
    return f"{name}@northwind.example"


@pytest.fixture
def server(settings):
    found = Server()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": port, "use_tls": False, "timeout": 5},
        }
    }
    settings.SITE_URL = "https://portal.northwind-growth-agency.example"
    yield found
    controller.stop()


@pytest.fixture(autouse=True)
def on_that_monday():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def northwind(committed):
    Partner.objects.filter(slug="northwind").update(mail_domains="auditor.example")
    return Partner.objects.get(slug="northwind")


def scope_for(name):
    user = User.objects.get(email=address(name))
    with user_scope(user):
        membership = memberships_of(user)[0]
    membership.user = user
    return member_scope(membership)


def make(partner, *, to=PEOPLE, outside=(), owner="manager"):
    values = {"frequency": "daily", "day": 0, "at": time(7, 30), "zone": "Europe/Amsterdam", "format": "csv"}
    values |= {"dialect": "point", "delivery": "file", "when_empty": "send"}
    with partner_scope(partner):
        scope = scope_for(owner)
        with partner_scope(partner, scope.user):
            selection = select("clients", scope, {}).with_columns(["name", "points_total"])
            report = report_services.save_report(
                scope=scope, selection=selection, fixed=False, appearance={"name": "Clients"}
            )
            schedule = services.make_schedule(
                scope=scope, report=report, values=values,
                member_ids=[User.objects.get(email=address(name)).pk for name in to], addresses=list(outside),
            )  # fmt: skip
        Recipient.objects.filter(schedule=schedule).update(confirmed_at=NOW)
        Schedule.objects.filter(pk=schedule.pk).update(next_slot=NOW)
    return schedule


def run_at(partner, moment):
    """What a worker does at that moment: the states of the runs it took up."""
    with patch.object(clock, "now", lambda: moment):
        due = due_runs.claim_due(partner=partner, now=moment)
        return [schedule_runs.run_schedule(partner_id=partner.pk, run_id=run) for run in due]


def run_day(partner, day):
    """All attempts of a day, first and later ones."""
    moments = [NOW + timedelta(days=day, minutes=wait) for wait in (0, 2, 10, 30, 100, 200)]
    return [state for moment in moments for state in run_at(partner, moment)]


def runs(partner):
    with partner_scope(partner):
        return list(ScheduleRun.objects.order_by("pk"))


def test_one_refused_mailbox_starves_nobody(northwind, server):
    """The field case: five days, a colleague who has left, and everybody else has the report every day."""
    server.answers[address("manager")] = "550 5.1.1 no such mailbox"
    schedule = make(northwind, owner="admin")
    assert [run_day(northwind, day) for day in range(5)] == [["sent"]] * 5
    assert server.reports() == [address(name) for name in ("admin", "finance", "member")] * 5
    assert server.refused == [address("manager")]  # asked once; suspended since
    [(told, text)] = server.notices()  # the owner is the only admin
    assert told == address("admin")
    assert "Tomas Okafor: refused by the mail server: 550 5.1.1 no such mailbox" in text
    for run in runs(northwind):
        assert len(run.reached) == 3
        assert run.reason == "Tomas Okafor: refused by the mail server: 550 5.1.1 no such mailbox"
    with partner_scope(northwind):
        stored = Schedule.objects.get()
        assert (stored.failures, stored.paused) == (0, "")
        suspended = [recipient.address for recipient in Recipient.objects.all() if recipient.suspended]
        assert suspended == [address("manager")]
    # The page names the mailbox and what was answered, and tries again.
    web = WebClient()
    web.force_login(User.objects.get(email=address("admin")), backend=settings.AUTHENTICATION_BACKENDS[0])
    page = web.get(f"/schedules/{schedule.pk}/").content.decode()
    assert "Mail to manager@northwind.example was refused on 23 Nov 2026: 550 5.1.1 no such mailbox." in page
    assert "1 refused" in web.get("/schedules/").content.decode()
    with partner_scope(northwind):
        recipient = Recipient.objects.get(user__email=address("manager")).pk
    web.post(f"/schedules/{schedule.pk}/state/", {"do": "retry", "recipient": recipient})
    server.answers.clear()
    assert run_day(northwind, 5) == ["sent"]
    assert server.reports()[-4:] == [address(name) for name in PEOPLE]
    assert len(server.notices()) == 1


def test_a_refusal_after_the_text_of_the_mail_is_one_too(northwind, server):
    server.answers[f"data:{address('finance')}"] = "554 5.7.1 not wanted here"
    make(northwind, to=("finance", "member"))
    assert run_day(northwind, 0) == ["sent"]
    assert server.reports() == [address("member")]
    assert sorted(who for who, _text in server.notices()) == [address("admin"), address("manager")]


def test_a_mailbox_that_is_full_is_tried_again_alone(northwind, server):
    server.answers[address("manager")] = "452 4.2.2 mailbox full"
    make(northwind)
    assert run_at(northwind, NOW) == ["retrying"]
    assert server.reports() == [address(name) for name in ("admin", "finance", "member")]
    server.answers.clear()
    assert run_at(northwind, NOW + timedelta(minutes=2)) == ["sent"]
    assert server.reports()[3:] == [address("manager")]
    assert server.notices() == []
    # Full for a whole day: the others have theirs once, and owner and admins hear of it once, however many days.
    server.answers[address("manager")] = "452 4.2.2 mailbox full"
    for day in (1, 2):
        assert run_day(northwind, day) == ["retrying"] * 4 + ["sent"]
    assert server.reports()[4:] == [address(name) for name in ("admin", "finance", "member")] * 2
    assert len([1 for who, _text in server.notices() if who == address("admin")]) == 1
    assert "Tomas Okafor: the mail server put it off: 452 4.2.2 mailbox full" in runs(northwind)[-1].reason


def test_a_run_that_reached_nobody_failed_and_five_pause(northwind, server):
    server.answers[address("member")] = "550 gone"
    make(northwind, to=("member",))
    assert [run_day(northwind, day) for day in range(6)] == [["failed"]] * 5 + [[]]
    assert [run.reached for run in runs(northwind)] == [[]] * 5
    with partner_scope(northwind):
        assert Schedule.objects.get().paused.startswith("It failed 5 times in a row: ")
    # Owner and admin: one mail for each failed run, none beside it about the refusal.
    assert sorted(who for who, _text in server.notices()) == [address("admin")] * 5 + [address("manager")] * 5


def test_a_withdrawn_domain_ends_the_mails_at_the_next_sending(northwind, server):
    make(northwind, to=("member",), outside=["eve@auditor.example", "leo@auditor.example"])
    server.accepted.clear()  # the questions whether they want it
    assert run_day(northwind, 0) == ["sent"]
    assert server.reports() == [address("member"), "eve@auditor.example", "leo@auditor.example"]
    Partner.objects.filter(pk=northwind.pk).update(mail_domains="other.example")
    for day in (1, 2):
        assert run_day(northwind, day) == ["sent"]
    assert server.reports()[3:] == [address("member")] * 2
    told = server.notices()
    assert sorted(who for who, _text in told) == [address("admin"), address("manager")]
    for _who, text in told:
        assert "eve@auditor.example: the mail domain is no longer allowed" in text
        assert "leo@auditor.example: the mail domain is no longer allowed" in text
    Partner.objects.filter(pk=northwind.pk).update(mail_domains="auditor.example")
    assert run_day(northwind, 3) == ["sent"]
    assert server.reports()[5:] == [address("member"), "eve@auditor.example", "leo@auditor.example"]


def test_one_click_in_the_mail_program_ends_the_mails(northwind, server):
    make(northwind, to=("member", "finance"))
    assert run_day(northwind, 0) == ["sent"]
    # As it travels: on one line, not encoded, or no mail program follows it (RFC 8058).
    raw = next(text for who, text in server.accepted if who == address("member"))
    [line] = [line for line in raw.splitlines() if line.startswith("List-Unsubscribe: ")]
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw.splitlines()
    site = "https://portal.northwind-growth-agency.example"
    link = line.removeprefix(f"List-Unsubscribe: <{site}").removesuffix(">")
    assert link.startswith("/schedules/leave/")
    program = WebClient(enforce_csrf_checks=True)
    assert program.get(link).status_code == 200  # a scanner that looks at every link stops nothing
    for _time in range(2):
        answer = program.post(link, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 200
    assert run_day(northwind, 1) == ["sent"]
    assert server.reports()[2:] == [address("finance")]
    assert program.post(link[:-2] + "x/").status_code == 404
    # Whoever changes the schedule does not bring them back; they can themselves.
    with partner_scope(northwind):
        scope, schedule = scope_for("manager"), Schedule.objects.select_related("report").get()
        ids = list(User.objects.filter(email__in=map(address, ("member", "finance"))).values_list("pk", flat=True))
        services.change_schedule(scope=scope, schedule=schedule, values={}, member_ids=ids, addresses=[])
        Schedule.objects.update(next_slot=NOW + timedelta(days=2))
    assert run_day(northwind, 2) == ["sent"]
    assert server.reports()[3:] == [address("finance")]
    assert program.post(link, {"then": "again"}).status_code == 200
    assert run_day(northwind, 3) == ["sent"]
    assert sorted(server.reports()[4:]) == [address("finance"), address("member")]


def test_a_large_test_is_mailed_when_a_worker_has_made_its_file(northwind, server, settings):
    settings.EXPORT_ROWS_AT_ONCE = 3
    schedule = make(northwind, to=("member",))
    with partner_scope(northwind):
        scope = scope_for("manager")
        with partner_scope(northwind, scope.user):
            selection = select("clients", scope, {}).with_columns(["name", "points_total"])
            export = trials.send_test(scope=scope, selection=selection, schedule=schedule)
    assert (export.state, server.accepted) == ("queued", [])
    assert exports.run_export(partner_id=northwind.pk, export_id=export.pk) == "ready"
    [(told, text)] = server.accepted
    assert told == address("manager")
    assert "This is a test. Only you got it." in text
    assert f'filename="{export.file_name}"' in text


def test_a_refused_change_of_a_schedule_changes_nothing(northwind, server):
    schedule = make(northwind, to=("member",))
    with partner_scope(northwind):
        before = Schedule.objects.filter(pk=schedule.pk).values().get()
        with pytest.raises(recipients.RecipientError):
            services.change_schedule(
                scope=scope_for("manager"), schedule=Schedule.objects.select_related("report").get(),
                values={"at": time(9, 0), "frequency": "weekly"}, member_ids=[], addresses=["eve@elsewhere.example"],
            )  # fmt: skip
        assert Schedule.objects.filter(pk=schedule.pk).values().get() == before
        assert Recipient.objects.count() == 1


def test_large_export_mails_go_to_each_admin_alone(northwind, server):
    with partner_scope(northwind):
        Membership.objects.filter(user__email__in=[address("finance"), address("member")]).update(role="admin")
        scope = scope_for("manager")
        with partner_scope(northwind, scope.user):
            export_request = exports.ExportRequest(name="all", format="csv")
            export = exports.request_export(
                scope=scope, selection=select("clients", scope, {}), export_request=export_request
            )
    server.answers = {address("admin"): "550 gone", address("finance"): "452 full"}
    with pytest.raises(exports.UnnotifiedError) as waiting:
        exports.notify_large(partner_id=northwind.pk, export_id=export.pk)
    assert waiting.value.people == [User.objects.get(email=address("finance")).pk]
    server.answers.clear()
    again = exports.notify_large(partner_id=northwind.pk, export_id=export.pk, only=waiting.value.people)
    assert again == 1
    assert [who for who, _text in server.accepted] == [address("member"), address("finance")]
