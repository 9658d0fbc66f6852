"""What people are told of: the figures of the demo partner, and what other apps tell of."""

from decimal import Decimal

import pytest

from accounts.models import Membership
from accounts.scope import partner_scope, system_scope
from commissions import services as commissions
from commissions.models import LineQuestion, QuestionStatus, StatementLine
from imports import services as imports
from imports.models import BatchStatus, ImportBatch
from notices.kinds import KINDS, NoticeKind
from notices.models import EventCheck, Notice, NoticeSettings
from notices.queries import notices, shown
from notices.services import check_for_events
from partner_portal.lib.rows.events import attended, noteworthy
from reports.models import Export


def titles(scope, **filters):
    """What the user was told, and where it leads."""
    return {row.words.title: row.words.link for row in shown(list(notices(scope).filter(**filters)))}


def test_a_look_tells_what_holds_in_the_demo(db, partner, scope_of):
    with partner_scope(partner):
        check_for_events(scope=system_scope(partner))
    told = titles(scope_of("admin"))
    assert told["Diamond is at risk: the review of 15 Jan 2027 would make it Platinum"] == "/tiers/"
    assert told["7 statements arrived"] == "/commissions/rows/statements/"
    assert told["Lines of 4 statements don’t add up"] == "/commissions/rows/checks/"
    assert told["4 cancellations requested"] == "/renewals/?status=cancellation_requested"
    assert not {title for title in titles(scope_of("member")) if "statements" in title}


def test_a_fall_of_points_is_told_once_a_week_beyond_each_persons_number(db, partner, scope_of):
    with partner_scope(partner):
        scope = system_scope(partner)
        check_for_events(scope=scope)
        member = Membership.objects.get(user__email="member@northwind.example")
        NoticeSettings.objects.create(partner=partner, user=member.user, fall=100)
        EventCheck.objects.update(week="2026-11-16", total=EventCheck.objects.get().total + Decimal(60))
        check_for_events(scope=scope)
        check_for_events(scope=scope)
    fallen = titles(scope_of("admin"), kind="points_fallen")
    assert list(fallen) == ["Your points fell by 60 this week"]
    [link] = fallen.values()
    assert link.startswith("/dashboard/changes/lost-")
    assert "changes_from=2026-11-23&changes_to=2026-11-23" in link
    assert titles(scope_of("member"), kind="points_fallen") == {}
    with partner_scope(partner):
        NoticeSettings.objects.update(fall=50)
        check_for_events(scope=system_scope(partner))
    assert len(titles(scope_of("member"), kind="points_fallen")) == 1
    assert Notice.objects.filter(kind="points_fallen", user__email="admin@northwind.example").count() == 1


def test_whoever_asked_is_told_of_the_answer(db, partner, scope_of):
    finance = scope_of("finance")
    line = StatementLine.objects.filter(partner=partner).first()
    question = commissions.ask(scope=finance, line=line, text="Why?")
    commissions.follow_up(scope=finance, question=question, status=QuestionStatus.ANSWERED, answer="So.")
    assert titles(finance) == {}  # they wrote it themselves
    admin = scope_of("admin")
    question = LineQuestion.objects.get()
    commissions.follow_up(scope=admin, question=question, status=QuestionStatus.ANSWERED, answer="So.")
    [title] = titles(finance)
    assert title == f"Your query on line {line.line_no} of statement {line.statement_id} was answered"


def test_whoever_started_an_import_is_told_that_it_failed(db, partner, scope_of):
    manager = scope_of("manager")
    batch = ImportBatch.objects.create(partner=partner, user=manager.user, status=BatchStatus.CHECKING)
    imports.fail(scope=manager, batch_id=batch.pk, reason="No.")
    assert titles(manager) == {f"Import no. {batch.pk} failed": f"/imports/{batch.pk}/"}
    assert titles(scope_of("admin")) == {}


def test_a_file_that_was_downloaded_is_no_news(db, partner, scope_of):
    member = scope_of("member")
    values = {"export": 7, "name": "rows.csv", "rows": 1}
    given = {"scope": member, "kind": "file_ready", "key": "7"}
    noteworthy.send(Export, **given, values=values, people=[member.user.pk])
    assert titles(member, read_at=None) == {"rows.csv is ready": "/exports/7/"}
    attended.send(Export, **given)
    assert titles(member, read_at=None) == {}


ROWS = {
    NoticeKind.TIER_REACHED: {"on": "2026-10-15", "before": "", "after": "Gold"},
    NoticeKind.TIER_LOST: {"on": "2026-10-15", "before": "Gold", "after": ""},
    NoticeKind.CERTIFICATION_LAPSING: {"person": "Ada", "certifications": "Partner", "on": "2026-12-01"},
    NoticeKind.CONNECTION_FAILED: {
        "connection": 3, "name": "HubSpot", "why": "token_rejected", "details": {}, "vendor": "HubSpot", "zone": "UTC",
    },
    NoticeKind.DATA_STALE: {"as_of": "2026-11-01"},
    NoticeKind.SCHEDULE_PAUSED: {"schedule": 4, "name": "Weekly", "reason": "Its owner has left."},
    NoticeKind.FILE_FAILED: {"export": 7, "name": "rows.csv", "reason": "The disk is full."},
    NoticeKind.CHANNEL_DEAD: {"channel": 5, "name": "Sales"},
}  # fmt: skip


@pytest.mark.parametrize("kind", ROWS)
def test_every_sentence_says_what_and_leads_to_a_page(kind, db, scope):
    from notices.texts import sentences

    words = sentences(kind, {"count": 1, "rows": [ROWS[kind]]})
    assert words.title
    assert "%" not in words.title + words.why
    assert words.link.startswith("/")
    assert KINDS[kind].label
