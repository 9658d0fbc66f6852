"""Commission against the demo partner's files: sums worked out here from the CSV, pages, rights, questions."""

import csv
import json
from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from django.urls import reverse

from commissions import outlook, queries, services
from commissions.quarter_variance import past_quarters, variance_of
from commissions.questions import questions
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.rows.datasets import select
from portfolio.commission import client_commission

ROOT = Path(__file__).resolve().parents[3]
CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def lines():
    with (ROOT / "demo/northwind/statement_lines.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def recomputed(line):
    product = Decimal(line["net_revenue"]) * Decimal(line["rate"]) * Decimal(line["fx_rate"])
    return product.quantize(CENT, ROUND_HALF_UP)


def test_statements_are_those_of_the_expected_figures(scope):
    expected = json.loads((ROOT / "tests/expected/2026-11-23.json").read_text(encoding="utf-8"))["statements"]
    found = [
        {
            "statement_id": each.statement_id,
            "period": each.period,
            "status": each.status,
            "total": str(each.total),
            "currency": each.currency,
            "pay_on": each.pay_on.isoformat(),
            "variances": each.variances,
        }
        for each in reversed(queries.statement_summaries(scope))
    ]
    assert found == expected


def test_lines_that_do_not_recompute_are_named(scope, lines):
    wrong = {
        (line["statement_id"], int(line["line_no"]))
        for line in lines
        if Decimal(line["commission"]) != recomputed(line)
    }
    found = select("commission-lines", scope, {"show": "variance"}).rows.values_list("statement_id", "line_no")
    assert set(found) == wrong
    assert len(wrong) == 6


def test_what_has_become_of_the_money(scope, lines):
    sums = defaultdict(Decimal)
    for line in lines:
        sums[line["status"]] += Decimal(line["commission"])
    found = queries.standings(scope)
    assert {name: stand.amount for name, stand in found.items() if stand.lines} == dict(sums)
    for name, stand in found.items():
        assert select("commission-lines", scope, {"standing": name}).figure == stand.amount


def test_paid_in_a_range_is_the_sum_of_its_rows(scope, lines):
    query = {"pay_from": "2026-01-01", "pay_to": "2026-06-30"}
    rows = select("commission-paid", scope, query)
    by_hand = sum(
        Decimal(line["commission"])
        for line in lines
        if line["status"] == "paid" and "2026-01-01" <= line["paid_on"] <= "2026-06-30"
    )
    assert rows.figure == by_hand > 0
    assert queries.paid_in(scope, rows.params["period"]).amount == by_hand


def test_expected_commission_of_a_deal_worked_by_hand(scope):
    # D0550, USD 850.00 closed 2026-08: three whole months a quarter, 850 x 0.2 x 3 = 510.00.
    rows = [row for row in outlook.deal_quarters(scope) if row.earning.deal_id == "D0550"]
    assert [(row.quarter, str(row.commission)) for row in rows] == [
        ("2026-Q4", "510.00"), ("2027-Q1", "510.00"), ("2027-Q2", "510.00"), ("2027-Q3", "510.00"),
    ]  # fmt: skip


def test_expected_by_quarter_is_the_sum_of_its_rows(scope):
    ahead = {each.quarter: each.expected for each in outlook.quarters(scope) if not each.over}
    assert len(ahead) == 4
    for quarter, amount in ahead.items():
        assert select("commission-expected", scope, {"quarter": quarter}).figure == amount > 0
    assert (
        outlook.commission_outlook(scope).amount == sum(ahead.values()) == select("commission-expected", scope).figure
    )


def test_expected_by_client_adds_up_whatever_is_shown(scope):
    ahead = {each.quarter: each.expected for each in outlook.quarters(scope) if not each.over}
    everyone, few = outlook.ahead_by_client(scope, 1000), outlook.ahead_by_client(scope, 3)
    assert dict(zip(everyone.quarters, everyone.amounts, strict=True)) == ahead
    assert (everyone.others, len(few.clients), few.others) == (0, 3, len(everyone.clients) - 3)
    assert everyone.clients[:3] == few.clients
    assert [each.total for each in everyone.clients] == sorted((c.total for c in everyone.clients), reverse=True)
    shown = [sum(column) for column in zip(*(each.amounts for each in few.clients), few.others_amounts, strict=True)]
    assert shown == list(few.amounts) == list(ahead.values())
    for each in few.clients:
        rows = select("commission-expected", scope, {"client": each.client_id})
        assert rows.figure == each.total > 0
        assert len({row["deal_id"] for row in rows.rows}) == each.deals


def test_every_expected_quarter_and_client_opens_its_deals(web, scope):
    html = web("finance").get("/commissions/").content.decode()
    found = outlook.ahead_by_client(scope, 1000)
    for quarter in found.quarters:
        # The chart's table, the head, and all clients; the next payment stands in the first sentence as well.
        first = quarter == found.quarters[0]
        assert html.count(f'href="/commissions/rows/expected/?quarter={quarter}"') == 3 + first
    assert f'href="/commissions/rows/expected/?client={found.clients[0].client_id}"' in html
    assert "Q4 2026" in web("finance").get("/commissions/rows/expected/").content.decode()


def test_the_causes_of_every_client_and_quarter_add_up(scope):
    quarters = past_quarters(scope)
    assert len(quarters) == 6
    for quarter in quarters:
        found = variance_of(scope, quarter)
        for client in found.clients:
            assert sum(each.amount for each in client.differences) == client.difference
        assert select("commission-variance", scope, {"quarter": quarter}).figure == found.difference


def test_a_quarter_without_a_statement_is_a_difference_once_its_pay_day_has_passed(scope, web):
    from commissions.models import StatementLine

    StatementLine.objects.filter(partner=scope.partner, period="2026-Q3").delete()
    paid_on_14_november = outlook.quarters(replace(scope, memo={}))[-5]
    assert (paid_on_14_november.quarter, paid_on_14_november.missing) == ("2026-Q3", True)
    before = replace(scope, today=date(2026, 11, 14), memo={})  # the pay day itself is not past
    assert not any(each.missing for each in outlook.quarters(before))
    assert "2026-Q3" not in past_quarters(before)
    found = select("commission-variance", replace(scope, memo={}), {"quarter": "2026-Q3"})
    assert {row["cause"] for row in found.rows} == {"missing"}
    assert found.figure == -paid_on_14_november.expected < 0
    assert "no statement" in web().get("/commissions/").content.decode()


@pytest.mark.parametrize("day", ["2026-11-23", "2026-08-31", "2025-03-04", "2023-05-01"])
def test_stored_earnings_and_the_engine_agree(scope, day):
    """What is stored for every day and what the engine says of all deals are the same."""
    from clients.models import Client
    from commissions.earnings import earnings
    from commissions.expected import earning, earns_within
    from ledger.engine import deal_lives
    from ledger.facts_of_clients import load_facts
    from ledger.records import ClientFacts
    from program.queries import rulebook

    def in_order(found):
        return sorted(found, key=lambda each: (each.client, each.deal_id))

    scope = replace(scope, today=date.fromisoformat(day), memo={})
    book = rulebook(scope)
    until = add_months(scope.today, 39)
    found = []
    for loaded in load_facts(scope, list(Client.objects.filter(partner=scope.partner).values_list("pk", flat=True))):
        known = loaded.facts
        deals = [deal for deal in known.deals if deal.closed_on and deal.closed_on <= scope.today]
        for life in deal_lives(ClientFacts(known.country, deals, (), known.cancellations), book, until):
            each = earning(loaded.client_pk, life, book.commission)
            if each:
                found.append(each)
    assert found
    assert earnings(scope) == in_order(found)
    months = (date(2024, 1, 1), date(2024, 3, 1))
    assert earnings(scope, months) == in_order(each for each in found if earns_within(each.stretches, *months))


PAGES = [
    "/commissions/", "/commissions/statements/S-2026Q3/", "/commissions/statements/S-2026Q3/print/",
    "/commissions/questions/", "/commissions/questions/S-2026Q3/209/",
    *(f"/commissions/rows/{name}/" for name in ("lines", "paid", "statements", "expected", "variance", "questions")),
]  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_pages_open_for_those_who_may_see_money_only(web, address):
    assert web("finance").get(address).status_code == 200
    assert web("member").get(address).status_code == 403
    assert web(None).get(address).status_code == 302


@pytest.mark.parametrize("address", ["/commissions/statements/S-2026Q3/", "/commissions/questions/S-2026Q3/209/"])
def test_another_partners_statement_is_not_there(web, address):
    assert web("outsider").get(address).status_code == 404


def test_a_statement_can_be_checked_by_hand_from_its_page(web, lines):
    html = web().get("/commissions/statements/S-2026Q3/print/").content.decode()
    own = [line for line in lines if line["statement_id"] == "S-2026Q3"]
    assert html.count('<tr id="line-') + html.count('<tr class="variance" id="line-') == len(own) == 310
    assert html.count('class="variance"') == 1
    assert "should be 57.59" in html  # 5,130.00 x 0.2 x 0.056134 = 57.593..., the line says 57.60
    assert "S-2026Q2/174" in html
    assert "10,635.22" in html


def test_a_question_is_asked_followed_up_and_taken_back(web, scope):
    address = reverse("commission_question", args=["S-2026Q3", 209])
    browser = web("manager")
    assert browser.post(address, {"action": "ask", "text": ""}).status_code == 422
    assert browser.post(address, {"action": "ask", "text": "Why 57.60?"}).status_code == 302
    assert [(str(each.line), each.status) for each in questions(scope)] == [("S-2026Q3/209", "open")]
    browser.post(address, {"action": "follow", "status": "answered", "answer": "Rounded twice."})
    assert questions(scope).get().answer == "Rounded twice."
    assert "Answered" in browser.get("/commissions/statements/S-2026Q3/?q=C014").content.decode()
    browser.post(address, {"action": "withdraw"})
    assert not questions(scope).exists()


def test_one_file_for_the_vendor_has_questioned_wrong_and_missing_lines(scope, web):
    line = queries.line(scope, "S-2026Q3", 209)
    services.ask(scope=scope, line=line, text="Why 57.60?")
    services.follow_up(scope=scope, question=questions(scope).get(), status="sent", answer="")
    everything = select("commission-variance", scope)
    chosen = select("commission-variance", scope, {"show": "vendor"})
    assert {row["pk"] for row in chosen.rows} == {
        row["pk"]
        for row in everything.rows
        if row["line"] == "S-2026Q3/209" or row["cause"] in {"missing", "recompute"}
    }
    asked = select("commission-variance", scope, {"show": "questioned"})
    # One difference for the cent and one for the net revenue, both of line 209.
    assert [(row["line"], row["question"], row["question_status"]) for row in asked.rows] == [
        ("S-2026Q3/209", "Why 57.60?", "sent")
    ] * 2
    assert {"question", "question_status"} <= {column.name for column in chosen.columns}
    html = web("finance").get("/commissions/rows/variance/?show=questioned").content.decode()
    assert "Sent to the vendor" in html
    assert "Why 57.60?" in html
    assert "?show=vendor" in web("finance").get("/commissions/").content.decode()


def test_a_rate_of_the_payout_currency_has_no_day(scope):
    days = {row["currency"]: row["fx_on"] for row in select("commission-expected", scope, {"quarter": "2026-Q4"}).rows}
    assert days["USD"] is None
    assert {str(day) for currency, day in days.items() if currency != "USD"} == {"2026-10-31"}


def test_the_table_of_points_stands_beside_the_rates_of_a_statement(web):
    html = web().get("/commissions/statements/S-2026Q3/").content.decode()
    assert "fixed currency table of 15" in html.replace("\xa0", " ").replace('<time datetime="2025-07-15">', "")


def test_finance_questions_a_line_in_two_clicks_and_a_member_never(web, scope):
    address = reverse("commission_question", args=["S-2026Q3", 209])
    assert web("member").post(address, {"action": "ask", "text": "Why?"}).status_code == 403
    assert not questions(scope).exists()
    browser = web("finance")
    start = browser.get("/commissions/").content.decode()
    rows = "/commissions/rows/variance/?quarter=2026-Q3"
    assert f'href="{rows}"' in start
    listed = browser.get(f"{rows}&cause=recompute").content.decode()
    assert listed.count(f'<a href="{address}">Query this line') == 1
    assert browser.post(address, {"action": "ask", "text": "Why 57.60?"}).status_code == 302
    assert [(str(each.line), each.asked_by.email) for each in questions(scope)] == [
        ("S-2026Q3/209", "finance@northwind.example")
    ]


def test_an_unknown_range_is_said_and_falls_back(web):
    html = web().get("/commissions/?pay_range=yesterday").content.decode()
    assert "There is no range called “yesterday”." in html
    assert "34,734.47" in html


def test_a_clients_record_brings_its_commission_along(web, scope, lines):
    found = client_commission(scope, "C014")
    by_hand = sum(
        Decimal(line["commission"]) for line in lines if line["client_id"] == "C014" and line["status"] == "paid"
    )
    assert found.paid == by_hand > 0
    for quarter in found.quarters:
        if quarter.over:
            figure = select("commission-variance", scope, {"quarter": quarter.quarter, "client": "C014"}).figure
            assert figure == quarter.difference
    assert 'hx-get="/commissions/clients/C014/"' in web("finance").get("/clients/C014/").content.decode()
    assert "/commissions/clients/" not in web("member").get("/clients/C014/").content.decode()
    assert web("finance").get("/commissions/clients/C014/").status_code == 200
    assert web("member").get("/commissions/clients/C014/").status_code == 403
    assert web("outsider").get("/commissions/clients/C014/").status_code == 404


def test_the_number_of_queries_is_the_same_for_one_statement_and_for_three(scope):
    from dataclasses import replace

    from django.core.cache import cache
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from commissions.forms import PaidForm
    from commissions.models import StatementLine
    from commissions.page import overview_of, variance_shown

    def count(statements):
        StatementLine.objects.filter(partner=scope.partner).exclude(statement_id__in=statements).delete()
        cache.clear()
        fresh = replace(scope, memo={})
        with CaptureQueriesContext(connection) as made:
            form = PaidForm({}, scope=fresh)
            form.is_valid()
            shown = overview_of(fresh, form)
            variance_shown(fresh, "2026-Q3")
        return len(shown.statements), len(made)

    three, one = count(["S-2026Q1", "S-2026Q2", "S-2026Q3"]), count(["S-2026Q3"])
    assert (three[0], one[0]) == (3, 1)
    assert three[1] == one[1]
