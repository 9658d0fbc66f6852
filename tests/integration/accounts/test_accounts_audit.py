"""The audit log: what an admin finds in it, and nobody else."""

import csv
import io
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from partner_portal.lib.dates import clock
from partner_portal.postgres.role import as_owner


@pytest.fixture
def events(partner, person):
    """Two people's events around midnight in Amsterdam, which is 23:00 in UTC."""
    from accounts.models import AuditEvent
    from accounts.scope import partner_scope

    def add(who, at, action, subject, **details):
        user = person(who) if who else None
        AuditEvent.objects.create(partner=partner, user=user, at=at, action=action, subject=subject, details=details)

    with partner_scope(partner):
        add(
            "admin", datetime(2026, 3, 1, 22, 59, 59, tzinfo=UTC), "settings.changed", "first of March", fields=["name"]
        )
        add("manager", datetime(2026, 3, 1, 23, 0, 0, tzinfo=UTC), "contact.added", "second of March", role="PDM")
        add("manager", datetime(2026, 3, 2, 22, 59, 59, tzinfo=UTC), "contact.moved", "still the second", place=1)
        add(None, datetime(2026, 3, 2, 23, 0, 0, tzinfo=UTC), "thing.nobody_named", "third of March")


SUBJECTS = ("first of March", "second of March", "still the second", "third of March")


def shown(client, query):
    page = client.get(f"/accounts/audit/?{query}")
    assert page.status_code == 200
    text = page.content.decode()
    return [subject for subject in SUBJECTS if f"<td>{subject}</td>" in text]


def test_newest_first_in_words(web, events):
    text = unescape(web("admin").get("/accounts/audit/").content.decode())
    assert [text.index(subject) for subject in SUBJECTS] == sorted(
        (text.index(subject) for subject in SUBJECTS), reverse=True
    )
    for words in (
        "Partner settings changed",
        "fields: name",
        "2 Mar 2026, 00:00:00",
        "Tomas Okafor",
        "the portal",
        "thing.nobody_named",
        "times in Europe/Amsterdam",
    ):
        assert words in text


def test_both_days_are_included_in_the_partners_time_zone(web, events):
    client = web("admin")
    assert shown(client, "since=2026-03-02&until=2026-03-02") == ["second of March", "still the second"]
    assert shown(client, "until=2026-03-01") == ["first of March"]
    assert shown(client, "since=2026-03-03") == ["third of March"]


def test_by_person_and_by_action(web, events, person):
    client = web("admin")
    assert shown(client, f"person={person('manager').pk}") == ["second of March", "still the second"]
    assert shown(client, f"person={person('manager').pk}&action=contact.moved") == ["still the second"]
    assert shown(client, "action=settings.changed") == ["first of March"]


def test_a_filter_that_is_wrong_is_named_and_left_out(web, events):
    client = web("admin")
    assert shown(client, "since=yesterday") == list(SUBJECTS)
    assert "Enter a valid date" in client.get("/accounts/audit/?since=yesterday").content.decode()
    backwards = client.get("/accounts/audit/?since=2026-03-03&until=2026-03-01").content.decode()
    assert "The end lies before the start." in backwards
    assert shown(client, "page=999") == list(SUBJECTS)


def test_nothing_found_says_so(web, events):
    text = web("admin").get("/accounts/audit/?until=2020-01-01").content.decode()
    assert "No events found" in text
    assert "0 events" in text


def test_pages_keep_the_filter(web, partner, person):
    from accounts.models import AuditEvent
    from accounts.scope import partner_scope

    with partner_scope(partner):
        AuditEvent.objects.bulk_create(
            AuditEvent(partner=partner, user=person("admin"), action="contact.moved", subject=f"number {number}")
            for number in range(51)
        )
    client = web("admin")
    first = client.get("/accounts/audit/?action=contact.moved").content.decode()
    assert "1 to 50 of 51" in first
    assert "?action=contact.moved&amp;page=2" in first
    assert "<td>number 0</td>" not in first
    assert "<td>number 0</td>" in client.get("/accounts/audit/?action=contact.moved&page=2").content.decode()


def test_htmx_gets_the_events_alone(web, events):
    part = web("admin").get("/accounts/audit/", headers={"HX-Request": "true", "HX-Target": "events"})
    text = part.content.decode()
    assert text.strip().startswith('<div class="stack" id="events"')
    assert "<html" not in text
    assert part["Cache-Control"] == "private, no-store"
    assert {name.strip() for name in part["Vary"].split(",")} >= {"HX-Request", "HX-Target"}


def test_another_partners_log_is_not_there(web, events):
    assert shown(web("outsider"), "") == []


@pytest.mark.parametrize("role", ["manager", "finance", "member"])
def test_only_admins_read_it(web, role):
    assert web(role).get("/accounts/audit/").status_code == 403


def test_the_page_asks_the_database_as_often_for_one_event_as_for_four(web, events, partner, person):
    def queries(query):
        with CaptureQueriesContext(connection) as asked:
            web_client.get(f"/accounts/audit/?{query}")
        return len(asked)

    web_client = web("admin")
    queries("")
    assert queries("action=settings.changed") == queries("") <= 17


def downloaded(client, query=""):
    answer = client.get(f"/accounts/audit/file/?{query}")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    assert answer["Content-Disposition"] == 'attachment; filename="audit-log_2026-11-23.csv"'
    return b"".join(answer.streaming_content).decode("utf-8")


def test_the_file_holds_what_the_filter_shows_and_is_noted(web, events, partner, person):
    from accounts.models import AuditEvent
    from accounts.scope import partner_scope

    with partner_scope(partner):
        AuditEvent.objects.create(
            partner=partner, user=person("manager"), at=datetime(2026, 3, 2, 12, tzinfo=UTC), action="contact.moved",
            subject="=1+1", details={"place": 2},
        )  # fmt: skip
    client = web("admin")
    text = downloaded(client, f"action=contact.moved&person={person('manager').pk}")
    assert text.startswith("\ufeffWhen,Who,E-mail,What,Action,About,Details\r\n")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))[1:]
    who = [str(person("manager")), "manager@northwind.example", "Contact moved", "contact.moved"]
    assert rows == [
        ["2026-03-02 23:59:59+01:00", *who, "still the second", "place: 1"],
        ["2026-03-02 13:00:00+01:00", *who, "'=1+1", "place: 2"],
    ]
    with partner_scope(partner):
        [noted] = AuditEvent.objects.filter(action="audit.exported")
    assert (noted.user, noted.details) == (person("admin"), {"rows": 2})
    assert "file/?action=contact.moved" in client.get("/accounts/audit/?action=contact.moved").content.decode()


def test_the_file_splits_at_semicolons_for_dutch_readers(web, events, person):
    admin = person("admin")
    admin.language = "nl"
    admin.save()
    assert downloaded(web("admin")).count(";") > 20


@pytest.mark.parametrize("role", ["manager", "finance", "member"])
def test_only_admins_take_it_out(web, events, role):
    assert web(role).get("/accounts/audit/file/").status_code == 403


def test_old_events_are_deleted_by_the_owner_alone_and_that_is_noted(committed):
    from accounts.models import AuditEvent, Partner
    from accounts.scope import partner_scope

    partner = Partner.objects.get(slug="northwind")

    def subjects():
        with partner_scope(partner):
            return list(AuditEvent.objects.filter(subject__startswith="day ").values_list("subject", flat=True))

    with partner_scope(partner):
        for days in (99, 101):
            at = clock.now() - timedelta(days=days)
            AuditEvent.objects.create(partner=partner, at=at, action="settings.changed", subject=f"day {days}")
    call_command("forget_audit", verbosity=0)  # no limit is set
    assert subjects() == ["day 99", "day 101"]
    call_command("forget_audit", days=100, verbosity=0)
    assert subjects() == ["day 99"]
    with partner_scope(partner):
        noted = AuditEvent.objects.get(action="audit.forgotten")
        assert noted.details["rows"] == 1
        with pytest.raises(ProgrammingError), transaction.atomic():
            AuditEvent.objects.filter(pk=noted.pk).delete()  # the pages' role still may not
    connection.close()
    with as_owner(), partner_scope(partner), pytest.raises(IntegrityError), transaction.atomic():
        AuditEvent.objects.filter(pk=noted.pk).delete()  # and the owner only by that command
    connection.close()
