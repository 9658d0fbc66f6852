"""The form of a schedule: the next runs it shows, the test it sends, and the schedule it starts."""

import smtplib
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import time_machine
from django.core import mail
from django.urls import reverse

from accounts.models import AuditEvent, Partner
from reports.models import Export, SavedReport, Schedule, State

PASSWORD = "partner-portal-demo"
LOST = "changes-lost-sold"
YEAR = "?changes_range=last-12-months"
NOW = datetime(2026, 11, 23, 6, 31, tzinfo=UTC)


@pytest.fixture(autouse=True)
def on_that_monday():
    with time_machine.travel(NOW, tick=True):
        yield


def send(client, person, htmx=False, **changes):
    given = {
        "name": "Lost points", "frequency": "reviews", "at": "07:30", "zone": "Europe/Amsterdam", "format": "xlsx",
        "dialect": "point", "delivery": "link", "when_empty": "skip", "people": [person.pk], "outside": "", "key": str(uuid4()),
    } | changes  # fmt: skip
    headers = {"HX-Request": "true", "HX-Target": "page-side"} if htmx else {}
    return client.post(reverse("schedule_new", args=[LOST]) + YEAR, given, headers=headers)


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({}, ["Sat 16 Jan 2027 07:30", "Fri 16 Jul 2027 07:30", "Sun 16 Jan 2028 07:30"]),
        ({"frequency": "weekdays"}, ["Tue 24 Nov 2026 07:30", "Wed 25 Nov 2026 07:30", "Thu 26 Nov 2026 07:30"]),
        ({"frequency": "weekly", "weekday": 4}, ["Fri 27 Nov 2026 07:30", "Fri 4 Dec 2026 07:30", "Fri 11 Dec 2026 07:30"]),
        ({"frequency": "monthly", "month_day": 0}, ["Mon 30 Nov 2026 07:30", "Thu 31 Dec 2026 07:30", "Sun 31 Jan 2027 07:30"]),
        ({"frequency": "monthly", "month_day": -1}, ["Tue 1 Dec 2026 07:30", "Fri 1 Jan 2027 07:30", "Mon 1 Feb 2027 07:30"]),
        ({"frequency": "monthly", "month_day": 31}, ["Mon 30 Nov 2026 07:30", "Thu 31 Dec 2026 07:30", "Sun 31 Jan 2027 07:30"]),
        ({"frequency": "quarterly", "month_day": 15}, ["Fri 15 Jan 2027 07:30", "Thu 15 Apr 2027 07:30"]),
    ],
)  # fmt: skip
def test_it_shows_the_next_three_runs_and_keeps_nothing(web, person, chosen, shown):
    page = send(web("manager"), person("manager"), then="look", **chosen).content.decode()
    found = [page.find(slot) for slot in shown]
    assert -1 not in found
    assert found == sorted(found)
    assert not Schedule.objects.exists()
    assert not SavedReport.objects.exists()


def test_a_test_goes_to_the_one_who_asks_and_keeps_the_file_alone(web, person):
    answer = send(web("manager"), person("manager"), then="test", people=[person("admin").pk], htmx=True)
    assert "A test is on its way to manager@northwind.example." in answer.content.decode()
    [told] = mail.outbox
    assert told.to == ["manager@northwind.example"]
    assert "This is a test. Only you got it." in told.body
    assert Export.objects.get().state == State.READY
    assert not Schedule.objects.exists()
    assert not SavedReport.objects.exists()


def test_a_test_that_does_not_go_out_says_so(web, person, monkeypatch):
    def refuse(self, **_options):
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    answer = send(web("manager"), person("manager"), then="test", htmx=True)
    assert "The mail server did not take the mail. Try again later." in answer.content.decode()


def test_it_starts_one_schedule_however_often_it_is_sent(web, person):
    client, key = web("manager"), str(uuid4())
    for _time in range(2):
        assert send(client, person("manager"), key=key).status_code == 302
    schedule = Schedule.objects.get()
    assert (schedule.often, schedule.next_slot) == (
        "The day after each review",
        datetime(2027, 1, 16, 6, 30, tzinfo=UTC),
    )
    assert schedule.report.params == {"changes_range": "last-12-months"}  # moves with the day
    for address in (reverse("schedules"), reverse("exports")):
        assert "16 Jan 2027, 16 Jul 2027, 16 Jan 2028" in " ".join(client.get(address).content.decode().split())
    edit = client.get(reverse("schedule_edit", args=[schedule.pk]))
    assert edit.context["form"]["frequency"].value() == "reviews"


def test_a_refused_form_stores_nothing_and_its_correction_starts_a_whole_schedule(web, person, partner):
    """The same form, with the same key, once with an address that is not allowed and then without it."""
    client, key = web("manager"), str(uuid4())
    for wrong in ({"outside": "eve@notallowed.example"}, {"people": []}):
        answer = send(client, person("manager"), key=key, **wrong)
        assert answer.context["form"].errors
        assert not Schedule.objects.exists()
        assert not SavedReport.objects.exists()
    assert not AuditEvent.objects.filter(action__in=["report.saved", "schedule.made"]).exists()
    Partner.objects.filter(pk=partner.pk).update(mail_domains="auditor.example")
    people = [person("manager").pk, person("member").pk]
    assert send(client, person("manager"), key=key, people=people, outside="eve@auditor.example").status_code == 302
    recipients = Schedule.objects.get().recipients.order_by("pk")
    assert [recipient.address for recipient in recipients] == [
        "manager@northwind.example", "member@northwind.example", "eve@auditor.example",
    ]  # fmt: skip
    # A change that is refused leaves the schedule as it is.
    schedule = Schedule.objects.get()
    edit = reverse("schedule_edit", args=[schedule.pk])
    given = {"frequency": "daily", "at": "09:00", "zone": "UTC", "format": "csv", "dialect": "point", "delivery": "file",
             "when_empty": "send", "key": key, "people": people, "outside": "eve@notallowed.example"}  # fmt: skip
    assert client.post(edit, given).context["form"].errors
    schedule.refresh_from_db()
    assert (schedule.frequency, schedule.zone, schedule.recipients.count()) == ("reviews", "Europe/Amsterdam", 3)


def test_settings_name_the_schedules_that_a_change_of_domains_stops(web, person, partner):
    Partner.objects.filter(pk=partner.pk).update(mail_domains="auditor.example\nbank.example")
    send(web("manager"), person("manager"), outside="eve@auditor.example leo@bank.example", frequency="daily")
    admin = web("admin")
    admin.post("/accounts/reauthenticate/", {"password": PASSWORD})
    given = {"name": partner.name, "time_zone": partner.time_zone, "language": partner.language,
             "payout_currency": partner.payout_currency, "stale_after_days": partner.stale_after_days}  # fmt: skip

    def domains():
        return Partner.objects.get(pk=partner.pk).mail_domains

    answer = admin.post(reverse("settings"), given | {"mail_domains": "bank.example"}).content.decode()
    assert "With these mail domains this schedule stops sending:" in answer
    assert "“Lost points” of Tomas Okafor, to eve@auditor.example" in answer
    assert "leo@bank.example" not in answer
    assert domains() == "auditor.example\nbank.example"
    assert admin.post(reverse("settings"), given | {"mail_domains": "bank.example", "sure": "yes"}).status_code == 302
    assert domains() == "bank.example"
    # What stops nothing is saved at once.
    assert admin.post(reverse("settings"), given | {"mail_domains": "bank.example other.example"}).status_code == 302


def test_finance_schedules_what_it_may_see(web, person):
    client = web("finance")
    rows = client.get(reverse("dataset_rows", args=["commission-lines"])).content.decode()
    assert reverse("schedule_new", args=["commission-lines"]) in rows
    assert client.post(
        reverse("schedule_new", args=["commission-lines"]),
        {"frequency": "daily", "at": "07:30", "zone": "UTC", "format": "csv", "dialect": "point", "delivery": "file",
         "when_empty": "send", "people": [person("finance").pk], "key": str(uuid4())},
    ).status_code == 302  # fmt: skip
    assert Schedule.objects.get().owner == person("finance")
    assert "1 schedule" in client.get(reverse("schedules")).content.decode()
    # It sees its own only, and nobody else's.
    send(web("manager"), person("manager"))
    theirs = Schedule.objects.get(owner=person("manager"))
    assert client.get(reverse("schedule", args=[theirs.pk])).status_code == 404
    assert client.post(reverse("schedule_state", args=[theirs.pk]), {"do": "pause"}).status_code == 404


def test_tests_count_towards_the_limits(web, person, settings):
    settings.EXPORT_AN_HOUR = 2
    client = web("manager")
    for _time in range(3):
        answer = send(client, person("manager"), then="test", htmx=True)
    assert "You asked for 2 files within an hour." in answer.content.decode()
    assert (Export.objects.count(), len(mail.outbox)) == (2, 2)
    assert not Schedule.objects.exists()


def test_a_large_test_is_left_to_a_worker(web, person, settings, monkeypatch):
    settings.EXPORT_ROWS_AT_ONCE = 3
    monkeypatch.setattr("reports.tasks.enqueue_export", lambda export: None)
    answer = send(web("manager"), person("manager"), then="test", delivery="file", format="csv", htmx=True)
    export = Export.objects.get()
    assert export.rows > 3
    said = (
        f"The file has {export.rows} rows, so it is made in the background. The test goes to manager@northwind.example"
    )
    assert said in answer.content.decode()
    assert mail.outbox == []
    assert export.state == State.QUEUED


@pytest.mark.parametrize(
    "given", ["Lost\npoints", "Lost\r\nX-Bad: 1\r\npoints", "Lost\u2028points\x07", " Lost\tpoints\x1b "]
)
def test_a_name_is_one_line_in_forms_and_in_mails(web, person, given):
    client = web("manager")
    assert send(client, person("manager"), name=given).status_code == 302
    name = SavedReport.objects.get().name
    assert name == " ".join(given.replace("\x07", "").replace("\x1b", "").split())
    # One that was stored before is folded where it is printed.
    SavedReport.objects.update(name="First\nBcc: line")
    client.post(
        reverse("schedule_of_report", args=[SavedReport.objects.get().pk]),
        {"frequency": "daily", "at": "07:30", "zone": "UTC", "format": "xlsx", "dialect": "point", "delivery": "link",
         "when_empty": "skip", "people": [person("manager").pk], "key": str(uuid4()), "then": "test"},
    )  # fmt: skip
    assert "First Bcc: line" in mail.outbox[-1].body
    assert "\nBcc" not in mail.outbox[-1].body + mail.outbox[-1].subject


def test_a_programme_without_reviews_offers_none(web, person):
    from program.models import Program, Review

    Review.objects.all().delete()
    Program.objects.update(revision=20_000)
    page = web("manager").get(reverse("schedule_new", args=[LOST])).content.decode()
    assert "The day after each review" not in page
    assert send(web("manager"), person("manager")).context["form"]["frequency"].errors
    assert not Schedule.objects.exists()


def test_who_may_not_schedule_is_offered_nothing(web, person):
    name = "member"
    client = web(name)
    assert reverse("schedule_new", args=[LOST]) not in client.get(reverse("dataset_rows", args=[LOST])).content.decode()
    assert send(client, person(name)).status_code == 403
