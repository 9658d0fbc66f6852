"""Renewals against the demo partner's file: which are shown, what they add up to, rights, reminders, the calendar."""

import csv
import email.policy
import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from django.core import mail
from django.test import Client as WebClient
from django.urls import reverse
from django.utils.html import strip_tags

from partner_portal.lib.dates.clock import moved_to
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import select
from renewals import datasets, page, queries, services, tasks

ROOT = Path(__file__).resolve().parents[3]
TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def file_rows():
    with (ROOT / "demo/northwind/renewals.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row | {"on": date.fromisoformat(row["renews_on"])} for row in csv.DictReader(file)]


def keys(rows):
    return sorted((row["client_id"], row["product_line"], str(row["renews_on"])) for row in rows)


def test_the_next_90_days_with_the_overdue_ones(scope, file_rows):
    last = TODAY + timedelta(days=89)
    wanted = [
        row for row in file_rows if TODAY <= row["on"] <= last or (row["on"] < TODAY and row["status"] != "renewed")
    ]
    selection = select("renewals", scope)
    assert keys(selection.rows) == keys(wanted)
    assert selection.count == 25
    first = selection.ordered()[0]
    assert (first["c_days"], first["c_renews_on"]) == (-39, date(2026, 10, 15))


def test_looking_back_shows_what_was_renewed_and_no_outlook(scope, file_rows):
    selection = select("renewals", scope, {"renewals_from": "2026-10-01", "renewals_to": "2026-10-31"})
    assert keys(selection.rows) == keys([row for row in file_rows if row["on"].month == 10 and row["on"].year == 2026])
    assert all(row["review"] == date(2027, 1, 15) for row in selection.rows)


def test_points_at_stake_of_one_client_are_what_its_lots_have_left(scope):
    from ledger.models import Lot

    checked = 0
    for row in queries.renewal_rows(scope, Period(TODAY, TODAY + timedelta(days=89))):
        lots = Lot.objects.filter(
            client=row.client_pk, deal__product_line=row.product_line, earned_on__lte=row.renews_on,
            expires_on__gt=max(row.renews_on, TODAY), remaining__gt=0,
        )  # fmt: skip
        if row.renews_on >= TODAY:
            assert row.stake_sold == sum((lot.remaining for lot in lots), Decimal(0))
            checked += bool(row.stake_sold)
    assert checked > 3


def test_totals_are_sums_of_rows_in_points_dollars(scope, file_rows):
    selection = select("renewals", scope)
    per_unit = {"USD": 100, "EUR": 88, "GBP": 74, "AUD": 154, "CAD": 130, "JPY": 14400}
    known = [row for row in selection.rows if row["currency"] in per_unit]
    assert known
    for row in known:
        assert abs(row["change_usd"] - row["change"] * 100 / per_unit[row["currency"]]) < Decimal("1e-30")
    with localcontext(prec=80):
        assert selection.totals["change_usd"] == sum(row["change_usd"] for row in selection.rows)
    assert selection.totals["stake"] == sum(row["stake"] for row in selection.rows)


def test_every_page_opens_and_a_member_sees_no_amounts(web):
    for address in (
        "/renewals/",
        "/renewals/rows/",
        "/renewals/reminders/",
        "/renewals/?renewals_range=last-12-months",
    ):
        assert web("admin").get(address).status_code == 200
    html = web("member").get("/renewals/").content.decode()
    assert "MRR" not in strip_tags(html)
    assert "US$" not in html
    assert "MRR change" in web("finance").get("/renewals/").content.decode()


def row_of(html, client_id):
    """The row of a client as text, tags taken out."""
    row = html.split(f'href="/clients/{client_id}/"')[1].split("</tr>")[0]
    return " ".join(re.sub("<[^>]+>", " ", "<a" + row).split())


def test_an_overdue_renewal_says_when_it_had_to_be_decided_and_what_it_is_worth(web):
    # C034 renews on 15 October 2026, EUR 770.00 now and EUR 731.50 then: to be decided by 31 August.
    row = row_of(web("finance").get("/renewals/").content.decode(), "C034")
    assert "39 days overdue 15 Oct 2026 Pending 31 Aug 2026 passed −38.50 now EUR 770.00 then EUR 731.50 Pending" in row
    assert "31 Aug 2026 passed Pending" in row_of(web("member").get("/renewals/").content.decode(), "C034")


def test_a_confirmed_renewal_keeps_its_deadline_and_is_decided(web, file_rows):
    row = row_of(web("member").get("/renewals/").content.decode(), "C049")
    assert {(each["status"], each["renews_on"]) for each in file_rows if each["client_id"] == "C049"} >= {
        ("confirmed", "2026-12-21")
    }
    assert "6 Nov 2026 decided Confirmed" in row


def test_passed_deadlines_are_counted_as_their_filter_shows_them(scope):
    late = select("renewals", scope, {"show": "late"})
    assert page.summary(queries.renewal_rows(scope, late.params["period"])).late == late.count > 4


@pytest.mark.parametrize("address", ["/renewals/", "/renewals/clients/C034/"])
def test_a_renewal_that_would_cost_the_tier_says_so(web, monkeypatch, address):
    def falling(*args, **kwargs):
        return [
            replace(row, impact=replace(row.impact, with_tier="Platinum", without_tier="Gold"))
            for row in renewal_rows(*args, **kwargs)
            if row.client_id == "C034"
        ]

    renewal_rows = queries.renewal_rows
    monkeypatch.setattr(queries, "renewal_rows", falling)
    monkeypatch.setattr(datasets, "renewal_rows", falling)
    html = web("member").get(address).content.decode()
    assert "Platinum → Gold" in html
    assert "stays Gold" not in html


def test_an_unassigned_manager_is_said_and_a_known_one_can_be_mailed(web):
    html = web().get("/renewals/").content.decode()
    assert "Not assigned" in html
    assert 'href="mailto:' in html
    assert "?subject=Renewal%20of%20" in html


@pytest.mark.parametrize("address", ["/renewals/", "/renewals/rows/", "/renewals/reminders/"])
def test_strangers_are_sent_to_sign_in(web, address):
    assert web(None).get(address).status_code == 302


def test_queries_do_not_grow_with_the_renewals(scope, django_assert_max_num_queries):
    def count(days):
        fresh = replace(scope, memo={})
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as made:
            rows = queries._rows(fresh, queries.renewals(fresh, Period(TODAY, TODAY + timedelta(days=days))))
        return len(rows), len(made)

    few, many = count(3), count(179)
    assert few[0] < many[0]
    assert few[1] == many[1]


def test_reminders_tell_each_renewal_once(scope, person):
    # Pending renewals whose deadline (45 days before) lies within the next 30 days.
    services.remind_me(scope=scope, days_before=30)
    first, last = TODAY + timedelta(days=45), TODAY + timedelta(days=75)
    reminder = queries.reminder_of(scope)
    due = queries.to_remind(scope, reminder)
    assert due
    assert all(row.status == "pending" and first <= row.renews_on <= last for row in due)
    assert services.send_reminder(scope=scope, reminder=reminder) == len(due)
    assert services.send_reminder(scope=scope, reminder=reminder) == 0
    sent = mail.outbox
    assert [message.to for message in sent] == [["admin@northwind.example"]]
    assert all(row.client.name in sent[0].body for row in due)
    assert "/renewals/" in sent[0].body
    assert not any(word in sent[0].body for word in ("USD", "EUR", "US$"))


def test_one_click_in_the_mail_program_stops_the_reminders(scope, settings):
    settings.SITE_URL = "https://portal.northwind-growth-agency.example"
    services.remind_me(scope=scope, days_before=30)
    assert services.send_reminder(scope=scope, reminder=queries.reminder_of(scope))
    raw = mail.outbox[0].message(policy=email.policy.SMTP).as_bytes().decode().splitlines()
    [line] = [line for line in raw if line.startswith("List-Unsubscribe: ")]
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
    link = line.removeprefix(f"List-Unsubscribe: <{settings.SITE_URL}").removesuffix(">")
    program = WebClient(enforce_csrf_checks=True)
    assert "Stop the reminders of renewals of Northwind Growth?" in program.get(link).content.decode()
    assert queries.reminder_of(scope) is not None
    for _time in range(2):
        assert program.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
        assert queries.reminder_of(scope) is None
    assert program.post(link[:-2] + "x/").status_code == 404


def test_the_task_leaves_out_people_who_left(scope, person):
    from accounts.models import Membership

    services.remind_me(scope=scope, days_before=60)
    Membership.objects.filter(user=scope.user).delete()
    assert tasks.remind_partner(scope.partner.pk) == 0
    assert mail.outbox == []


def test_a_partner_with_a_reminder_due_is_a_task_of_its_own_and_reminded_of_points_that_are_up_to_date(
    scope, partner, other_partner, monkeypatch
):
    from ledger.models import Posting

    services.remind_me(scope=scope, days_before=60)
    handed = []
    monkeypatch.setattr(tasks.remind_partner, "delay", handed.append)
    assert tasks.remind_of_renewals() == 1
    assert handed == [partner.pk]  # nobody of the other partner wants reminders
    later = TODAY + timedelta(days=1)
    with moved_to(later):
        assert tasks.remind_partner(partner.pk) == 1
    assert len(mail.outbox) == 1
    assert Posting.objects.get(partner=partner).posted_through == later


def test_the_calendar_is_read_without_signing_in_until_it_is_revoked(web):
    browser, nobody = web("member"), web(None)
    html = browser.post(reverse("renewal_reminders"), {"action": "calendar"}).content.decode()
    address = html.split("<code>")[1].split("</code>")[0]
    path = "/renewals/calendar/" + address.split("/renewals/calendar/")[1]
    answer = nobody.get(path)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    body = answer.content.decode().replace("\r\n ", "")
    assert body.count("BEGIN:VEVENT") > 20
    assert "SUMMARY:Decide: " in body
    assert not any(word in body for word in ("USD", "EUR", "MRR"))
    assert nobody.get(path.replace("northwind", "southwind")).status_code == 404
    assert nobody.get(path.replace(".ics", "x.ics")).status_code == 404
    browser.post(reverse("renewal_reminders"), {"action": "revoke"})
    assert nobody.get(path).status_code == 404


def test_a_reminder_needs_a_number_of_days(web):
    answer = web().post(reverse("renewal_reminders"), {"action": "remind", "active": "on", "days_before": ""})
    assert answer.status_code == 422
    assert "How many days before?" in answer.content.decode()


def test_on_the_day_itself_and_the_day_after(scope_of):
    with moved_to(date(2026, 11, 25)):
        scope = scope_of("admin")
        days = {row["days"] for row in select("renewals", scope).rows if row["renews_on"] == date(2026, 11, 25)}
        assert days == {0}


def test_a_clients_record_says_what_is_at_stake(web):
    html = web("member").get("/renewals/clients/C034/", headers={"HX-Request": "true"}).content.decode()
    assert html.strip().startswith('<section class="sheet" id="client-stakes"')
    assert "39 days overdue" in html
    assert "MRR" not in strip_tags(html)
    assert 'hx-get="/renewals/clients/C034/"' in web("member").get("/clients/C034/").content.decode()
    assert "Hart Tuinbouw" not in web("outsider").get("/renewals/clients/C034/").content.decode()
