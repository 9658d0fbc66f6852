"""Operators see all partners and none of their rows, and create a partner with its first admin."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

NEW = {
    "slug": "eastwind", "name": "Eastwind Digital", "payout_currency": "EUR", "time_zone": "Europe/Amsterdam", "language": "nl",
    "admin_email": "Ada@Eastwind.example", "admin_name": "Ada",
}  # fmt: skip


@pytest.fixture
def operator(confirmed):
    return confirmed("operator")


def text(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_all_partners_with_size_age_and_faults(operator, scope):
    from imports.models import BatchStatus, ImportBatch
    from reports.models import Export

    ImportBatch.objects.create(partner=scope.partner, status=BatchStatus.FAILED)
    Export.objects.create(
        partner=scope.partner, owner=scope.user, state="failed", reason="x", format="csv", name="x", title="x"
    )
    page = operator.get("/admin/partners/")

    rows = {row.partner.slug: row for row in page.context["rows"]}
    stored = _stored(scope)
    assert (rows["northwind"].people, rows["northwind"].rows, rows["northwind"].faults) == (4, stored, 2)
    assert rows["southwind"].faults == 0
    assert "1 failed import 1 failed export" in text(page.text)
    assert "Northwind Growth" in page.text
    assert "Ardent" not in page.text, "no client of anybody"


def _stored(scope):
    from partner_portal.lib.rows.facts import kinds

    return sum(kind.model.objects.filter(partner=scope.partner).count() for kind in kinds())


def test_as_many_queries_for_many_partners(operator):
    from accounts.models import Partner

    def queries():
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert operator.get("/admin/partners/").status_code == 200
        return len(seen)

    few = queries()
    Partner.objects.bulk_create(Partner(slug=f"p{n}", name=f"P{n}") for n in range(30))
    assert queries() == few


def test_a_partner_and_its_first_admin_are_one_step(operator, mailoutbox):
    from accounts.models import AuditEvent, Membership, Partner
    from accounts.scope import partner_scope

    answer = operator.post("/admin/partners/new/", NEW, follow=True)
    assert "Eastwind Digital is created, and ada@eastwind.example is invited as its admin." in answer.text

    partner = Partner.objects.get(slug="eastwind")
    with partner_scope(partner):
        [member] = Membership.objects.filter(partner=partner)
        assert (member.user.email, member.role) == ("ada@eastwind.example", "admin")
        event = AuditEvent.objects.get(partner=partner, action="partner.handed_over")
        assert set(event.details) == {"operator"}
    [mail] = mailoutbox
    assert mail.to == ["ada@eastwind.example"]
    assert "Eastwind Digital" in mail.subject


def test_nothing_is_created_when_the_mail_cannot_be_sent(operator, monkeypatch):
    from accounts import invitations
    from accounts.models import Partner, User

    def broken(*_):
        raise OSError("no mail server")

    monkeypatch.setattr(invitations, "send", broken)
    answer = operator.post("/admin/partners/new/", NEW)
    assert answer.status_code == 422
    assert "nothing was created" in answer.text
    assert not Partner.objects.filter(slug="eastwind").exists()
    assert not User.objects.filter(email="ada@eastwind.example").exists()


@pytest.mark.parametrize("who", ["admin", "member"])
def test_the_pages_do_not_exist_for_members(web, who):
    assert web(who).get("/admin/partners/").status_code == 404
    assert web(who).post("/admin/partners/new/", NEW).status_code == 404
