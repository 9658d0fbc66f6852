"""The portfolio: everybody is in it, its points are the partner's points, and health follows from the facts."""

import csv
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.queries import points_on
from partner_portal.lib.rows.datasets import select
from portfolio.client_list import health_counts, portfolio

ROOT = Path(__file__).resolve().parents[3]


def read(kind):
    with (ROOT / f"demo/northwind/{kind}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_all_clients_and_all_points(scope):
    selection = select("clients", scope)
    points = points_on(scope, scope.today)
    assert selection.count == len(read("clients")) == 140
    assert selection.totals["points_total"] == points.total
    assert selection.totals["points_sourced"] == points.sourced
    assert selection.totals["points_managed"] == points.managed


def test_mrr_is_that_of_the_last_complete_month(scope):
    paid = {
        row["client_id"]: (Decimal(row["mrr"]), row["currency"])
        for row in read("mrr_history")
        if row["month"] == "2026-10"
    }
    found = {
        row["client_id"]: (row["mrr"], row["mrr_currency"])
        for row in portfolio(scope).values("client_id", "mrr", "mrr_currency")
    }
    assert {client: value for client, value in found.items() if value[0] is not None} == paid


def test_health_follows_from_the_facts(scope):
    today = scope.today
    history = {(row["client_id"], row["month"]): Decimal(row["mrr"]) for row in read("mrr_history")}
    clients = {row["client_id"]: row for row in read("clients")}
    renewals = read("renewals")
    asked = {
        r["client_id"] for r in renewals if r["status"] == "cancellation_requested" and r["renews_on"] >= str(today)
    }
    late = {r["client_id"] for r in renewals if r["status"] != "renewed" and r["renews_on"] < str(today)}
    for row in portfolio(scope).values("client_id", "health", "state", "reason"):
        key, client = row["client_id"], clients[row["client_id"]]
        now, before = history.get((key, "2026-10")), history.get((key, "2026-07"))
        active = client["last_active_on"] and date.fromisoformat(client["last_active_on"])
        if key in late:
            reason = "overdue"
        elif row["state"] != "client":  # by whose reasons, see test_states_of_clients
            assert row["health"] == row["state"]
            continue
        elif key in asked:
            reason = "cancelling"
        elif now is not None and before is not None and now < before:
            reason = "shrinking"
        elif active and active < today - timedelta(days=60):
            reason = "quiet"
        elif client["tool_usage"] and int(client["tool_usage"]) < 2:
            reason = "unused"
        elif not active and not client["tool_usage"]:
            reason = "unknown"
        else:
            reason = ""
        assert row["reason"] == reason, key
    counted = Counter(portfolio(scope).values_list("health", flat=True))
    assert (
        {each.key: each.clients for each in health_counts(scope)}
        == {"risk": 7, "watch": 23, "good": 78, "unknown": 0, "prospect": 6, "gone": 26}
        == dict.fromkeys(("unknown",), 0) | counted
    )
    for each in health_counts(scope):
        assert select("clients", scope, {"health": each.key}).count == each.clients


@pytest.mark.parametrize("sort", ["client", "-points_total", "next_renewal", "-last_active_on", "tool_usage", "health"])
def test_the_page_sorts_filters_and_searches(web, sort):
    assert web("member").get(f"/clients/?sort={sort}&q=b&holds=renewing").status_code == 200


def test_a_member_sees_no_amounts(web, scope_of):
    html = web("member").get("/clients/").content.decode()
    assert "MRR at the end" not in html
    assert "US$" not in html
    assert "EUR " not in html
    assert "MRR at the end of October 2026" in web("finance").get("/clients/").content.decode()
    assert not {c.name for c in select("clients", scope_of("member")).columns} & {"mrr", "mrr_usd", "mrr_currency"}


def test_the_number_of_queries_is_the_same_for_one_client_and_for_many(scope):
    def count(query):
        fresh = replace(scope, memo={})
        with CaptureQueriesContext(connection) as made:
            selection = select("clients", fresh, query)
            rows = list(selection.iterate())
            selection.totals  # noqa: B018
        return len(rows), len(made)

    one, many = count({"q": "C029"}), count({})
    assert one[0] == 1 < many[0]
    assert one[1] == many[1]


def test_another_partner_sees_its_own_clients_only(web):
    html = web("outsider").get("/clients/").content.decode()
    assert "Aozora" not in html
    assert html.count("/clients/SW-") == 3


def test_totals_and_health_are_counted_once_for_all_readers(web, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        web("member").get("/clients/")
    with CaptureQueriesContext(connection) as made:
        web("member").get("/clients/")
    over_all = [
        query for query in made.captured_queries if "clients_client" in query["sql"] and "COUNT(" in query["sql"]
    ]
    assert not over_all


def test_the_record_of_a_client_reads_no_days_of_all_points(web, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        web("member").get("/clients/C001/")
    with CaptureQueriesContext(connection) as made:
        assert web("member").get("/clients/C001/").status_code == 200
    assert not [query for query in made.captured_queries if 'SUM("ledger_dailypoints' in query["sql"]]
