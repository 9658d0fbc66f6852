"""One gap, one number: the dashboard and the tier page name the same missing points, on every expected day."""

import html
import math
import re
from datetime import date
from decimal import Decimal

from partner_portal.lib.dates.clock import moved_to

TODAY = date(2026, 11, 23)


def text_of(markup):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def part(page, key):
    start = page.index(f'id="{key}"')
    return page[start : page.find("<section", start)]


def test_both_pages_round_the_missing_points_up(web, expected, expected_day):
    """Missing by the expected figures: 319.2506 is 320 on both, and 319.3 in both tables."""
    client = web("admin")
    gaps = [gap for gap in expected[expected_day]["targets"] if not gap["met"]]
    tier = text_of(client.get(f"/tiers/?on={expected_day}").text)
    for gap in gaps:
        lacking = [row for row in gap["requirements"] if row["missing"] is not None and Decimal(row["missing"])]
        dashboard = text_of(
            part(client.get(f"/dashboard/?on={expected_day}&target={gap['tier'].lower()}").text, "progression")
        )
        for row in lacking:
            if not row["metric"].endswith("_points"):
                continue
            missing = Decimal(row["missing"])
            tenths = Decimal(math.ceil(missing * 10)) / 10
            table = f"{missing:,.0f}" if missing == missing.to_integral_value() else f"{tenths:,.1f}"
            assert f" {table}" in dashboard
            assert f"{table} short" in tier
            if len(lacking) <= 3:
                name = {
                    "total_points": "",
                    "sold_points": "sold ",
                    "sourced_points": "sourced ",
                    "managed_points": "managed ",
                }
                assert f"{math.ceil(missing):,} {name[row['metric']]}point" in dashboard
    if gaps and sum(not row["missing"] or Decimal(row["missing"]) > 0 for row in gaps[0]["requirements"]) <= 3:
        named = [
            f"{math.ceil(Decimal(row['missing'])):,} "
            for row in gaps[0]["requirements"]
            if row["metric"].endswith("_points") and Decimal(row["missing"])
        ]
        assert all(number in re.search(r"([^.]*?) short of " + gaps[0]["tier"], tier)[1] for number in named)


def test_the_points_that_expire_by_the_review_open_as_many(web):
    with moved_to(TODAY):
        client = web("admin")
        panel = part(client.get("/dashboard/").text, "expiry")
        address, exact, clients = re.search(
            r'<b>\s*<a href="([^"]+)"[^>]*>\s*<data value="([\d.]+)"[^>]*>[^<]*</data> points of (\d+) clients expire by',
            panel,
        ).groups()
        rows = client.get(address).context["drill"].selection
        assert (f"{rows.figure:.4f}", rows.totals["clients"]) == (exact, int(clients))
        assert max(row["c_expires_on"] for row in rows.rows.values(c_expires_on=_expires())) <= date(2027, 1, 15)
        tier_rows = client.get("/tiers/expiring/?by=review")
        assert tier_rows.context["drill"].selection.figure == rows.figure
        assert "By the review of 15 Jan 2027" in text_of(tier_rows.text)
        assert '<option value="review" selected>' in tier_rows.text
        assert "By the review of 15 Jul 2026" in text_of(client.get("/tiers/expiring/?by=review&on=2026-06-30").text)
        wrong = client.get("/tiers/expiring/?by=never")
        assert "“never” is no month, number of days or track; it is ignored." in text_of(wrong.text)


def _expires():
    from django.db.models import F

    return F("expires_on")


PRESENT = re.compile(
    r"Today you|today’s|Today’s|sold points of today|What you hold|If nothing changes|\bin \d+ days|have been credited so far|"
    r"\d+ readings left\.|If nothing else happens you will"
)


def test_a_past_day_is_spoken_of_as_past_on_both_pages(web):
    with moved_to(TODAY):
        client = web("admin")
        dashboard = text_of(client.get("/dashboard/?on=2026-06-30").text)
        tier = text_of(client.get("/tiers/?on=2026-06-30").text)
        assert "On 30 June 2026 the review of 15 July 2026 was 15 days ahead." in dashboard
        assert re.search(
            r"On 30 June 2026 you were [\d,]+ points short of \w+\. If nothing else happened you would be", dashboard
        )
        assert "What the figures of 30 Jun 2026 would give." in dashboard
        assert "15 days later" in dashboard
        assert "15 days later" in tier
        assert "sold points of 30 Jun 2026" in dashboard
        for page in (dashboard, tier):
            assert PRESENT.findall(page) == []
            assert PRESENT.findall(text_of(client.get("/dashboard/" if page is dashboard else "/tiers/").text)) != []


def test_a_client_without_whom_the_tier_is_the_same_leaves_it_as_it_is(web):
    with moved_to(TODAY):
        page = text_of(web("admin").get("/tiers/clients/C079/").text)
        assert "Without this client, the performance tier stays Platinum." in page


def test_the_parts_of_every_client_read_as_their_total(web):
    with moved_to(TODAY):
        rows = web("admin").get("/tiers/breakdown/").text
    checked = 0
    for row in re.findall(r"<tr>(.*?)</tr>", rows, re.S):
        shown = [Decimal(value.replace(",", "")) for value in re.findall(r"<data[^>]*>([\d.,]+)</data>", row)][:4]
        if len(shown) == 4:
            assert sum(shown[:3]) == shown[3], row
            checked += 1
    assert checked > 20
