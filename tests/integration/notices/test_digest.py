"""The digest and the mails of notices: what they say, when they go out, and that each goes out once."""

import re
import smtplib
from datetime import UTC, datetime, time
from decimal import Decimal

import pytest
import time_machine
from django.core import mail as outbox
from django.core.mail.backends.locmem import EmailBackend

from accounts.scope import owner_scope, partner_scope, system_scope
from ledger.queries import points_on
from notices import sending
from notices.digest import digest_of
from notices.events import Event
from notices.kinds import NoticeKind
from notices.models import DigestRun, Notice, NoticeSettings
from notices.rules import after_quiet
from notices.services import NoticeChoices, choose, notify

FINANCE = "finance@northwind.example"
BERLIN = "Europe/Berlin"


@pytest.fixture
def subscriber(partner, person):
    """Somebody of finance who gets a digest on Mondays at 7:30."""
    user = person("finance")
    with partner_scope(partner, user):
        choices = NoticeChoices({}, 25, None, "weekly", time(7, 30))
        choose(scope=owner_scope(partner, user), choices=choices)
    return user


def due(partner):
    """Let the digest be due now, and return the runs that a tick starts."""
    with partner_scope(partner):
        NoticeSettings.objects.update(next_slot=datetime(2026, 11, 23, 6, 30, tzinfo=UTC))
    return sending.claim_digests(partner=partner, now=datetime(2026, 11, 23, 8, tzinfo=UTC))


def set_before(partner, **figures):
    with partner_scope(partner):
        chosen = NoticeSettings.objects.get()
        NoticeSettings.objects.update(figures=chosen.figures | figures)


def test_nothing_is_sent_when_nothing_happened(db, partner, subscriber):
    [run] = due(partner)
    assert sending.send_digest(partner_id=partner.pk, run_id=run) == "skipped"
    assert outbox.outbox == []


def test_a_digest_says_what_changed_and_why_and_leads_to_the_rows(db, partner, subscriber):
    with partner_scope(partner):
        total = points_on(system_scope(partner), system_scope(partner).today).total
    set_before(partner, on="2026-11-16", total=str(total + 26), statements=[])
    [run] = due(partner)
    assert sending.send_digest(partner_id=partner.pk, run_id=run) == "sent"
    [sent] = outbox.outbox
    html = sent.alternatives[0].content
    assert sent.to == [FINANCE]
    assert sent.subject == "Northwind Growth: Total points 1,235.05 (−26)"
    for text in (sent.body, html):
        assert "−26" in text
        assert "What changed since 16 Nov 2026" in text
        assert "/dashboard/?changes_from=2026-11-17&" in text.replace("&amp;", "&")
        assert "/dashboard/expiring/?by=review" in text
        assert "/commissions/rows/statements/" in text
    assert set(re.findall(r"https?://\S+?(?=[\s\"<])", html.replace("&amp;", "&"))) == set(
        re.findall(r"https?://\S+", sent.body)
    )
    assert sent.message()["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # The next one has nothing to tell.
    with partner_scope(partner):
        DigestRun.objects.all().delete()
    [again] = due(partner)
    assert sending.send_digest(partner_id=partner.pk, run_id=again) == "skipped"


def test_a_digest_is_in_its_readers_language(db, partner, subscriber):
    subscriber.language = "nl"
    subscriber.save()
    set_before(partner, total="1")
    [run] = due(partner)
    sending.send_digest(partner_id=partner.pk, run_id=run)
    assert 'lang="nl"' in outbox.outbox[0].alternatives[0].content
    assert "15 januari 2027" in outbox.outbox[0].body


def test_a_member_is_told_nothing_of_commission(db, partner, person):
    with partner_scope(partner, person("member")):
        digest = digest_of(owner_scope(partner, person("member")), {"on": "2026-11-16", "statements": [], "renewals": [],
            "tier": "", "after": "", "total": "0", "sold": "0", "managed": "0", "review": "", "expiring": ""})  # fmt: skip
    assert not [table for table in digest.tables if "commission" in table.address]
    assert digest.figures["statements"] == []


def test_a_slot_has_one_digest_whatever_is_killed_or_delivered_twice(db, partner, subscriber, monkeypatch):
    set_before(partner, total="1")
    [run] = due(partner)
    assert due(partner) == []  # the slot has its run
    send = EmailBackend.send_messages

    def killed(self, messages):
        raise KeyboardInterrupt  # as a signal does: nothing below it runs

    monkeypatch.setattr(EmailBackend, "send_messages", killed)
    with pytest.raises(KeyboardInterrupt):
        sending.send_digest(partner_id=partner.pk, run_id=run)
    assert outbox.outbox == []
    monkeypatch.setattr(EmailBackend, "send_messages", send)
    assert sending.claim_digests(partner=partner, now=datetime(2026, 11, 23, 8, 6, tzinfo=UTC)) == [run]
    assert sending.send_digest(partner_id=partner.pk, run_id=run) == "sent"
    assert sending.send_digest(partner_id=partner.pk, run_id=run) == "sent"  # delivered twice
    [sent] = outbox.outbox
    assert f"digest-{run}@" in sent.message()["Message-ID"]


def test_a_dead_mail_server_puts_it_off_and_a_rejected_address_ends_it(db, partner, subscriber, monkeypatch):
    set_before(partner, total="1")
    [run] = due(partner)
    errors = iter([ConnectionRefusedError(), smtplib.SMTPRecipientsRefused({FINANCE: (550, b"no such mailbox")})])

    def refuse(self, messages):
        raise next(errors)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    assert sending.send_digest(partner_id=partner.pk, run_id=run) == "retrying"
    assert sending.send_digest(partner_id=partner.pk, run_id=run) == "failed"
    with partner_scope(partner):
        assert "no such mailbox" in NoticeSettings.objects.get().refusal


def test_one_click_ends_the_digest_without_a_session(db, partner, subscriber, web):
    set_before(partner, total="1")
    [run] = due(partner)
    sending.send_digest(partner_id=partner.pk, run_id=run)
    address = outbox.outbox[0].extra_headers["List-Unsubscribe"].strip("<>").partition("/notices/")[2]
    browser = web(None)
    assert "Stop the digest of Northwind" in browser.get(f"/notices/{address}").content.decode()
    assert browser.post(f"/notices/{address}", {"List-Unsubscribe": "One-Click"}).status_code == 200
    with partner_scope(partner):
        assert NoticeSettings.objects.get().next_slot is None
    assert browser.get("/notices/stop/invented/").status_code == 404


def test_notices_are_mailed_at_once_but_not_in_quiet_hours(db, partner, subscriber):
    with partner_scope(partner):
        NoticeSettings.objects.update(places={"tier_lost": ["mail"]}, quiet_from=time(20), quiet_until=time(7))
        for hour, review in ((12, "2026-07-15"), (23, "2026-10-15")):
            with time_machine.travel(datetime(2026, 11, 23, hour, tzinfo=UTC), tick=False):
                event = Event(NoticeKind.TIER_LOST, review, {"on": review, "before": "Elite", "after": "Gold"})
                notify(scope=system_scope(partner), events=[event])
        at = [row.mail_at for row in Notice.objects.filter(user=subscriber).order_by("pk")]
        assert at == [datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 24, 6, tzinfo=UTC)]
    with time_machine.travel(datetime(2026, 11, 23, 12, 1, tzinfo=UTC)):
        assert sending.mail_notices(partner_id=partner.pk) == 1
        assert sending.mail_notices(partner_id=partner.pk) == 0
    assert "You fell from Elite to Gold" in outbox.outbox[0].subject


@pytest.mark.parametrize(
    ("now", "quiet", "expected"),
    [
        ("2026-11-23T12:00+00:00", (time(20), time(7)), "2026-11-23T12:00+00:00"),
        ("2026-11-23T19:00+00:00", (time(20), time(7)), "2026-11-24T06:00+00:00"),  # 20:00 in Berlin
        ("2026-11-23T05:59+00:00", (time(20), time(7)), "2026-11-23T06:00+00:00"),
        ("2026-11-23T06:00+00:00", (time(20), time(7)), "2026-11-23T06:00+00:00"),
        ("2026-11-23T11:30+00:00", (time(12), time(14)), "2026-11-23T13:00+00:00"),
        ("2026-11-23T19:00+00:00", None, "2026-11-23T19:00+00:00"),
    ],
)
def test_quiet_hours_end_in_the_partners_zone(now, quiet, expected):
    assert after_quiet(datetime.fromisoformat(now), quiet, BERLIN) == datetime.fromisoformat(expected)


def test_settings_are_chosen_on_a_page(db, partner, web):
    browser = web("member")
    page = browser.get("/notices/settings/")
    assert "statement_arrived" not in page.content.decode()
    sent = {"fall": "40", "digest": "daily", "digest_at": "08:15", "tier_lost-mail": "on", "quiet_from": "20:00"}
    assert browser.post("/notices/settings/", sent).status_code == 422
    assert browser.post("/notices/settings/", sent | {"quiet_until": "07:00"}).status_code == 302
    with partner_scope(partner):
        chosen = NoticeSettings.objects.get()
    assert (chosen.fall, chosen.digest, chosen.places["tier_lost"], chosen.places["tier_reached"]) == (
        40, "daily", ["mail"], [],
    )  # fmt: skip
    assert chosen.next_slot is not None
    assert Decimal(chosen.figures["total"]) > 0


def test_a_tick_enqueues_what_is_due_of_each_sort(db, partner, subscriber, monkeypatch):
    from notices import tasks

    enqueued = []
    for task in (tasks.send_digest, tasks.mail_notices, tasks.send_to_channel):
        monkeypatch.setattr(task, "delay", lambda *arguments, task=task: enqueued.append(task.name.rpartition(".")[2]))
    assert tasks.send_due() == 0
    with partner_scope(partner):
        NoticeSettings.objects.update(next_slot=datetime(2026, 11, 23, 6, 30, tzinfo=UTC))
        Notice.objects.create(
            partner=partner, user=subscriber, kind="tier_lost", key="1", mail_at=datetime(2026, 11, 23, tzinfo=UTC)
        )
    assert tasks.send_due() == 2
    assert enqueued == ["send_digest", "mail_notices"]
