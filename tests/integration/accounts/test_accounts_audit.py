"""The audit log: what an admin finds in it, and nobody else."""

from datetime import UTC, datetime
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext


@pytest.fixture
def events(partner, person):
    """Two people's events around midnight in Amsterdam, which is 23:00 in UTC."""
    from accounts.models import AuditEvent
    from accounts.scope import within

    def add(who, at, action, subject, **details):
        user = person(who) if who else None
        AuditEvent.objects.create(partner=partner, user=user, at=at, action=action, subject=subject, details=details)

    with within(partner):
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
    assert "No event fits" in text
    assert "0 events" in text


def test_pages_keep_the_filter(web, partner, person):
    from accounts.models import AuditEvent
    from accounts.scope import within

    with within(partner):
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
