"""The rows behind a figure: they add up to it, for every role, range and filter, on every way that leads to them."""

import html
import re
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

HTMX = {"HX-Request": "true"}
COUNTERS = ("new-sold", "lost-sold", "new-managed", "lost-managed")
RANGES = (
    "changes_range=last-30-days",
    "changes_range=last-12-months",
    "changes_range=previous-quarter",
    "changes_range=review-window",
    "changes_from=2024-02-29&changes_to=2024-02-29",
    "changes_from=2021-01-01&changes_to=2026-11-23",
)


def total(page: str) -> Decimal:
    """The total row's points; 0 when there are no rows."""
    found = re.search(r"<tfoot>.*?<data value=\"([^\"]+)\"", page, re.S)
    return Decimal(found[1]) if found else Decimal(0)


def rows(page: str) -> list[str]:
    """The markup of the rows."""
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.S)
    return re.findall(r"<tr.*?</tr>", body[1], re.S) if body else []


def every_row(client, address: str) -> list[str]:
    """The rows of all pages, without the frame around them."""
    found: list[str] = []
    while address:
        page = client.get(address, headers={**HTMX, "HX-Target": "page-rows"}).text
        found += rows(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = html.unescape(following[1]) if following else ""
    return found


@pytest.mark.parametrize(
    ("who", "range_"),
    [
        ("admin", RANGES[0]),
        ("finance", RANGES[3]),
        ("member", RANGES[4]),
        *(pytest.param("admin", each, marks=pytest.mark.sweep) for each in RANGES[1:]),
        *(pytest.param(who, RANGES[1], marks=pytest.mark.sweep) for who in ("finance", "member")),
    ],
)
def test_number_is_rows(web, who, range_):
    client = web(who)
    panel = client.get(f"/dashboard/?{range_}", headers={**HTMX, "HX-Target": "changes"}).text
    counters = re.findall(
        r'<a class="counter"[^>]*href="([^"]+)".*?<data value="([^"]+)".*?(\d[\d,]*) entr\w+,\s+(\d[\d,]*) client',
        panel,
        re.S,
    )
    assert len(counters) == 4
    for address, points, entries, clients in counters:
        address = html.unescape(address)
        page = client.get(address).text
        assert abs(total(page)) == Decimal(points)
        listed = every_row(client, address)
        assert len(listed) == int(entries.replace(",", ""))
        summed = sum(Decimal(re.search(r'<td class="n">\s*<data value="([^"]+)"', row)[1]) for row in listed)
        assert abs(summed) == Decimal(points)
        assert len({re.search(r'<th scope="row">\s*<a href="([^"]+)"', row)[1] for row in listed}) == int(
            clients.replace(",", "")
        )
        if listed:
            assert f"from {entries} entr" in page


def test_every_cell_of_the_causes_opens_its_rows(web):
    client = web("admin")
    panel = client.get(
        "/dashboard/?changes_from=2021-01-01&changes_to=2026-11-23", headers={**HTMX, "HX-Target": "changes"}
    ).text
    table = re.search(r"<table.*?</table>", panel, re.S)[0]
    cells = re.findall(r'<a href="([^"]+)"[^>]*>\s*<data value="([^"]+)"', table)
    assert len(cells) >= 8
    for address, points in cells:
        assert total(client.get(html.unescape(address)).text) == Decimal(points), address


def test_every_month_opens_its_lots_and_together_they_are_the_sold_points(web):
    client = web("member")
    page = client.get("/dashboard/").text
    months = re.findall(r'href="(/dashboard/expiring/\?month=[^"]+)"[^>]*><data value="([^"]+)"', page)
    for address, points in months:
        assert total(client.get(address).text) == Decimal(points)
    assert sum(Decimal(points) for _address, points in months) == total(client.get("/dashboard/expiring/").text)


def test_an_empty_range_leads_to_the_nearest_one_that_has_rows(web):
    client = web("admin")
    page = client.get("/dashboard/changes/lost-managed/?changes_range=last-30-days").text
    assert "The nearest range of 30 days with any is 24 Sep – 23 Oct 2026" in page.replace("&nbsp;", " ")
    [address] = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>\s*Show 24 Sep', page)
    assert every_row(client, html.unescape(address))


def test_every_row_has_a_sentence_and_a_cause(web):
    for row in every_row(web("admin"), "/dashboard/changes/lost-sold/?changes_range=last-12-months"):
        assert re.search(r'<span class="tag[^"]*"><svg.*?</svg>(Expired|Downgraded|Churned)</span>', row)
        sentence = re.search(r'<td class="state">(.*?)</td>', row, re.S)[1]
        assert re.search(r"points of deal D\d+|Downgrade D\d+", sentence)


def test_a_correction_is_a_marked_pair_and_the_figure_still_adds_up(web, scope):
    from clients.models import Deal
    from ledger.services import post

    address = "/dashboard/changes/new-sold/?changes_from=2026-11-17&changes_to=2026-11-17"
    client = web("admin")
    assert total(client.get(address).text) == Decimal("1.6154")
    deal = Deal.objects.get(partner=scope.partner, deal_id="D0652")
    Deal.objects.filter(pk=deal.pk).update(mrr=Decimal("84.00"))
    post(scope=scope, client_ids=[deal.client_id])
    page = client.get(address).text
    assert total(page) == Decimal("3.2308")
    found = rows(page)
    assert len(found) == 3
    marks = [re.search(r"Correction</span> ([^<]+)", row) for row in found]
    assert sorted(mark[1].strip() for mark in marks if mark) == ["Replaces it", "Reverses an earlier entry"]


def test_search_and_filters_narrow_the_figure_and_say_so(web):
    client = web("admin")
    address = "/dashboard/changes/lost-sold/?changes_range=last-90-days"
    everything = total(client.get(address).text)
    sourced = client.get(f"{address}&track=sourced").text
    assisted = client.get(f"{address}&track=assisted").text
    assert total(sourced) + total(assisted) == everything
    assert "Track: Sourced" in sourced
    one = client.get(f"{address}&q=langford&sort=points").text
    assert len(rows(one)) == 3
    assert all("Langford" in row for row in rows(one))
    assert 'name="sort" value="points"' in one
    nothing = client.get(f"{address}&q=%25_%27").text
    assert "Nothing found with this search and these filters" in nothing


def test_values_with_commas_and_quotes_survive_the_address(web):
    page = (
        web("admin")
        .get("/dashboard/changes/new-sold/", {"changes_range": "last-12-months", "q": 'Hale & Reed, "x"'})
        .text
    )
    assert 'value="Hale &amp; Reed, &quot;x&quot;"' in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sort=secret", "There is no column “secret” to sort by"),
        ("cause=magic", "is not one of the choices"),
        ("changes_range=nope", "There is no range called “nope”"),
    ],
)
def test_what_an_address_asks_in_vain_is_said(web, query, words):
    response = web("admin").get(f"/dashboard/changes/lost-sold/?{query}")
    assert response.status_code == 200
    assert words in html.unescape(response.text)


@pytest.mark.parametrize("page", ["0", "-3", "999", "x"])
def test_a_page_that_does_not_exist_is_the_nearest_that_does(web, page):
    response = web("admin").get(f"/dashboard/changes/new-sold/?changes_range=last-12-months&page={page}")
    assert response.status_code == 200
    assert rows(response.text)


@pytest.mark.parametrize("column", ["amount", "currency"])
def test_a_member_cannot_even_sort_by_money(web, column):
    page = web("member").get(f"/dashboard/changes/lost-sold/?sort={column}").text
    assert "There is no column" in page


def test_an_empty_range_names_the_nearest_one_that_has_rows(web):
    client = web("admin")
    page = client.get("/dashboard/changes/lost-managed/?changes_range=last-30-days").text
    assert "Lost managed points: none, 25 Oct – 23 Nov 2026" in page
    there = html.unescape(re.search(r'<a class="btn" href="([^"]+)">Show ', page)[1])
    assert there == "/dashboard/changes/lost-managed/?changes_from=2026-09-24&changes_to=2026-10-23"
    assert rows(client.get(there).text)
    before_all = client.get("/dashboard/changes/lost-managed/?changes_from=2020-01-01&changes_to=2020-01-31").text
    after = html.unescape(re.search(r'<a class="btn" href="([^"]+)">Show ', before_all)[1])
    assert rows(client.get(after).text)


def test_dialog_rows_and_page_are_the_same_rows(web):
    client = web("admin")
    address = "/dashboard/changes/lost-sold/?changes_range=last-90-days"
    page = client.get(address).text
    dialog = client.get(address, headers={**HTMX, "HX-Target": "dialog"}).text
    part = client.get(address, headers={**HTMX, "HX-Target": "dialog-rows"}).text
    assert "<!doctype html>" in page
    assert "<!doctype html>" not in dialog + part
    assert 'id="dialog-heading"' in dialog
    assert 'id="dialog-heading"' not in part
    assert total(page) == total(dialog) == total(part)
    assert len(rows(page)) == len(rows(dialog)) == len(rows(part))
    assert 'id="dialog-figure" hx-swap-oob="true"' in part
    assert "hx-swap-oob" not in dialog


def test_other_counters_do_not_exist(web):
    assert web("admin").get("/dashboard/changes/new-everything/").status_code == 404


def test_nobody_sees_the_rows_of_another_partner(web, scope):
    from clients.models import Client

    theirs = web("outsider").get("/dashboard/changes/new-sold/?changes_from=2021-01-01&changes_to=2026-11-23").text
    for name in Client.objects.filter(partner=scope.partner).values_list("name", flat=True)[:40]:
        assert html.escape(name) not in theirs


@pytest.mark.parametrize(("target", "pinned"), [("", 13), ("dialog", 12), ("dialog-rows", 11)])
def test_the_number_of_queries_is_the_same_for_one_row_and_for_many(web, target, pinned):
    client = web("admin")
    counts = {}
    days = {1: ("2026-11-18", "2026-11-18"), 3: ("2026-11-09", "2026-11-11"), 22: ("2026-08-26", "2026-11-23")}
    for _number, (first, last) in days.items():
        address = f"/dashboard/changes/lost-sold/?changes_from={first}&changes_to={last}"
        headers = {**HTMX, "HX-Target": target} if target else {}
        found = rows(client.get(address, headers=headers).text)
        with CaptureQueriesContext(connection) as queries:
            client.get(address, headers=headers)
        counts[len(found)] = len(queries)
    assert sorted(counts) == [1, 3, 22]
    assert set(counts.values()) == {pinned}, counts


def test_the_days_are_those_of_the_partner(web):
    page = (
        web("admin").get(f"/dashboard/changes/new-sold/?changes_from={date(2026, 11, 17)}&changes_to=2026-11-17").text
    )
    assert "17 Nov 2026, both days included" in page
    assert "Europe/Amsterdam" in page
