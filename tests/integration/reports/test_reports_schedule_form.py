"""The form of a schedule: the next runs it shows, the test it sends, and the schedule it starts."""

import smtplib
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import time_machine
from django.core import mail
from django.urls import reverse

from reports.models import Export, SavedReport, Schedule, State

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
        assert "16 Jan 2027, 16 Jul 2027, 16 Jan 2028" in client.get(address).content.decode()
    edit = client.get(reverse("schedule_edit", args=[schedule.pk]))
    assert edit.context["form"]["frequency"].value() == "reviews"


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
