"""Shared selling and retention on the front page: figures as in the expected files, and every figure opens its rows."""

import csv
import json
import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from clients.models import Deal
from clients.pipeline import pipeline, stalled_after, stuck
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rounding import half_even
from partner_portal.lib.rows.datasets import select
from tiers.queries import retention

ROOT = Path(__file__).resolve().parents[3]
DAYS = ["2023-06-30", "2024-02-29", "2025-07-20", "2026-01-15", "2026-11-23"]


@pytest.fixture(scope="module")
def deals():
    with (ROOT / "demo/northwind/deals.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("which", ["created", "in-flight", "won"])
def test_the_rows_add_up_to_the_expected_figures(scope, day, which):
    expected = json.loads((ROOT / f"tests/expected/{day}.json").read_text(encoding="utf-8"))
    days = expected["changes"]
    selection = select(f"shared-{which}", scope, {"shared_from": days["from"], "shared_to": days["to"]})
    figure = expected["shared_selling"][which.replace("-", "_")]
    assert selection.figure == selection.count == figure["count"]
    assert str(half_even(selection.totals["mrr_usd"], 2)) == figure["mrr"]


def test_a_member_gets_numbers_of_deals_and_no_amounts(scope_of):
    names = {column.name for column in select("shared-won", scope_of("member")).columns}
    assert not names & {"mrr", "currency", "mrr_usd"}
    assert "mrr_usd" not in select("shared-won", scope_of("member")).totals


def test_the_pipeline_of_a_month_counted_from_the_file(scope, deals):
    months = pipeline(scope)
    assert [months[0].month, months[-1].month, len(months)] == [date(2025, 11, 1), date(2026, 11, 1), 13]
    assert [each.partial for each in months] == [False] * 12 + [True]
    shared = [deal for deal in deals if deal["registered"] == "yes"]
    for each in months[:-1]:
        key = f"{each.month:%Y-%m}"
        closed = [deal for deal in shared if deal["closed_on"][:7] == key]
        won = [deal for deal in closed if deal["stage"] == "won"]
        assert each.created == sum(deal["created_on"][:7] == key for deal in shared)
        assert (each.won, each.lost) == (len(won), sum(deal["stage"] == "lost" for deal in closed))
        took = sorted(
            (date.fromisoformat(deal["closed_on"]) - date.fromisoformat(deal["created_on"])).days for deal in won
        )
        middle = None if not took else Fraction(took[(len(took) - 1) // 2] + took[len(took) // 2], 2)
        assert (each.days_to_close is None) == (middle is None)
        assert middle is None or Fraction(each.days_to_close) == middle


def test_stuck_deals_are_named(scope, deals):
    found = stuck(scope)
    after, median = stalled_after(scope)
    assert median is not None
    assert after == max(30, int(2 * median))
    open_ones = [deal for deal in deals if deal["registered"] == "yes" and deal["stage"] == "open"]
    stalled = {d["deal_id"] for d in open_ones if (scope.today - date.fromisoformat(d["created_on"])).days > after}
    past = {d["deal_id"] for d in open_ones if d["closed_on"] and date.fromisoformat(d["closed_on"]) < scope.today}
    assert (found.stalled, found.past_close) == (len(stalled), len(past))
    for why, ids in (("stalled", stalled), ("past_close", past), ("", stalled | past)):
        rows = select("shared-stuck", scope, {"why": why}).rows
        assert set(rows.values_list("deal_id", flat=True)) == ids


def test_the_first_stuck_deals_are_named_on_the_front_page_those_past_their_close_first(scope, web):
    late = Deal.objects.get(partner=scope.partner, deal_id="D0639")  # C034, open and registered
    Deal.objects.filter(pk=late.pk).update(closed_on=scope.today - timedelta(days=1))
    found = stuck(replace(scope, memo={}))
    stalled = Deal.objects.filter(partner=scope.partner, registered=True, stage="open").exclude(pk=late.pk)
    oldest = list(stalled.order_by("created_on", "deal_id").values_list("deal_id", flat=True)[:4])
    assert [each.deal_id for each in found.first] == ["D0639", *oldest]
    assert (found.first[0].days_past, found.first[1].days_past) == (1, None)
    assert found.count == select("shared-stuck", scope, {}).count > len(found.first)
    html = web("member").get("/dashboard/").content.decode()
    panel = " ".join(re.sub("<[^>]+>", " ", html.split('id="shared"')[1].split('<details class="sheet')[0]).split())
    days = (scope.today - late.created_on).days
    assert f"Marketing Hub Professional (D0639): 1 day past its expected close, open for {days} days" in panel
    assert f"All {found.count} deals to check" in panel
    assert "US$" not in panel


def test_the_charts_of_the_pipeline_have_the_numbers_of_its_table(web):
    shared = web("member").get("/dashboard/").context["shared"]
    months = shared.months

    def drawn(chart, stroke):
        solid = [line for line in chart.lines if line.marker and line.stroke == stroke]
        return [value for line in solid for _place, value in line.points]

    def values(values):
        return [None if value is None else float(value) for value in values]

    assert drawn(shared.chart, "l-second") == values(each.created for each in months)
    assert drawn(shared.chart, "l-first") == values(each.won for each in months)
    assert drawn(shared.rate_chart, "l-first") == values(each.win_rate for each in months)
    assert drawn(shared.days_chart, "l-first") == values(each.days_to_close for each in months)
    assert {chart.stops[12].lines[0] for chart in (shared.chart, shared.rate_chart, shared.days_chart)} == {
        "Nov 26, so far"
    }


def test_the_clients_behind_every_month_add_up_to_its_retention(scope):
    found = retention(scope, scope.today)
    assert len(found.series) == 12
    lost = 0
    for month in found.series:
        rows = select("retention-lost", scope, {"month": f"{month.month:%Y-%m}"})
        assert abs(rows.totals["churned_usd"] - month.churned) < Decimal("1e-20")
        assert abs(rows.totals["contracted_usd"] - (month.start - month.churned - month.kept)) < Decimal("1e-20")
        lost += rows.count
    assert lost > 12


def test_a_churned_client_stays_visible_with_its_name(scope, deals):
    with (ROOT / "demo/northwind/mrr_history.csv").open(encoding="utf-8-sig", newline="") as file:
        history = list(csv.DictReader(file))
    before = {row["client_id"] for row in history if row["month"] == "2026-08" and Decimal(row["mrr"])}
    after = {row["client_id"] for row in history if row["month"] == "2026-09" and Decimal(row["mrr"])}
    rows = select("retention-lost", scope, {"month": "2026-09", "kind": "churned"}).rows
    assert {row["client_id"] for row in rows} == before - after


@pytest.mark.parametrize("name", ["admin", "finance", "member"])
def test_the_front_page_shows_every_panel_the_reader_may_see(web, name):
    html = web(name).get("/dashboard/").content.decode()
    for panel in ("shared", "renewals", "retention"):
        assert f'id="{panel}"' in html
    assert ('id="commission"' in html) == (name != "member")
    assert ("MRR change" in html) == (name != "member")


@pytest.mark.parametrize(
    "address",
    ["/dashboard/shared/created/", "/dashboard/shared/in-flight/", "/dashboard/shared/won/", "/dashboard/stuck-deals/",
     "/dashboard/retention/"],
)  # fmt: skip
def test_rows_open_as_a_page_and_in_the_dialog(web, address):
    assert web("member").get(address).status_code == 200
    part = web("member").get(address, headers={"HX-Request": "true", "HX-Target": "dialog"})
    assert part.status_code == 200
    assert "<html" not in part.content.decode()
    assert web().get("/dashboard/shared/lost/").status_code == 404


def test_an_own_range_moves_its_panel_only(web):
    headers = {
        "HX-Request": "true",
        "HX-Target": "shared",
        "HX-Current-URL": "http://testserver/dashboard/?target=gold",
    }
    part = web().get("/dashboard/?shared_range=previous-quarter", headers=headers)
    html = part.content.decode()
    assert html.strip().startswith('<details class="sheet half" id="shared"')
    assert part["HX-Push-Url"] == "/dashboard/?target=gold&shared_range=previous-quarter"
    assert 'shared_range=previous-quarter"' in html


def test_a_range_of_one_day_has_both_days_included(scope, deals):
    day = next(deal["created_on"] for deal in deals if deal["registered"] == "yes")
    rows = select("shared-created", scope, {"shared_from": day, "shared_to": day})
    assert rows.params["period"] == Period(date.fromisoformat(day), date.fromisoformat(day))
    assert rows.count == sum(deal["registered"] == "yes" and deal["created_on"] == day for deal in deals)
