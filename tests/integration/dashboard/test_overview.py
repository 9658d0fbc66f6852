"""The front page: its figures are those of the contract on every day, and every state of a partner has its words."""

import html
import json
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from partner_portal.lib.dates.clock import moved_to, now

EXPECTED = sorted((Path(__file__).resolve().parents[2] / "expected").glob("*.json"))
HTMX = {"HX-Request": "true"}


def part(page: str, key: str) -> str:
    """The markup of one panel."""
    start = page.index(f'id="{key}"')
    end = page.find('<details class="sheet', start)
    return page[start : end if end > 0 else None]


def panel(client: Client, query: str, key: str) -> str:
    """The markup of one panel, asked for alone as htmx does."""
    return part(client.get(f"/dashboard/?{query}", headers={**HTMX, "HX-Target": key}).text, key)


def values(markup: str) -> list[str]:
    """The exact values of its figures, in order."""
    return re.findall(r'<data value="([^"]+)"', markup)


def text(markup: str) -> str:
    """What is read, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=file.stem, marks=() if number % 2 else pytest.mark.sweep)
        for number, file in enumerate(EXPECTED)
    ],
)
def test_the_figures_are_those_of_the_contract_on_every_day(web, file):
    expected = json.loads(file.read_text(encoding="utf-8"))
    changes, points = expected["changes"], expected["points"]
    with moved_to(date.fromisoformat(expected["on"])):
        page = web("admin").get(f"/dashboard/?changes_from={changes['from']}&changes_to={changes['to']}").text
    progress = part(page, "progress")
    assert values(progress)[:3] == [points["total"], points["sold"], points["managed"]]
    assert f"Credited tier {expected['tiers']['credited'] or 'Untiered'}" in text(progress)
    if expected["rule_set"]:
        assert f"Performance tier {expected['tiers']['performance'] or 'Untiered'}" in text(progress)
    bridge = part(page, "changes")
    names = ("opening", "new_sold", "lost_sold", "new_managed", "lost_managed", "closing")
    assert values(bridge)[:6] == [changes[name] for name in names]
    months = dict(re.findall(r'\?month=([\d-]+)"[^>]*><data value="([^"]+)"', part(page, "expiry")))
    assert months == {each["month"]: each["points"] for each in expected["forecast"]}
    by_name = {gap["tier"]: gap for gap in expected["targets"]}
    for name, gap in by_name.items():
        with moved_to(date.fromisoformat(expected["on"])):
            shown = panel(web("admin"), f"target={name.lower()}", "progression")
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", shown, re.S)[1 : 1 + len(gap["requirements"])]
        for row, need in zip(rows, gap["requirements"], strict=True):
            if need["metric"].endswith("_points"):
                wanted = [need["have"], need["need"]] + ([] if Decimal(need["missing"]) == 0 else [need["missing"]])
                assert values(row) == wanted
            assert ("Met" in text(row)) == (need["missing"] is not None and Decimal(need["missing"]) == 0)


def test_the_bridge_adds_up_over_any_range(web):
    client = web("member")
    for range_ in (
        "last-7-days",
        "previous-quarter",
        "previous-year",
        "review-window",
        "since-last-review",
        "this-programme-year",
    ):
        opening, new_sold, lost_sold, new_managed, lost_managed, closing = (
            Decimal(value) for value in values(panel(client, f"changes_range={range_}", "changes"))[:6]
        )
        assert opening + new_sold - lost_sold + new_managed - lost_managed == closing


def test_money_is_shown_to_those_who_may_see_it_and_to_nobody_else(web):
    amounts = re.compile(r"US\$|\b(USD|EUR|GBP|ZAR|JPY|AUD|CAD)\b")
    for who, may in (("admin", True), ("manager", True), ("finance", True), ("member", False)):
        page = web(who).get("/dashboard/").text
        shown = "".join(part(page, key) for key in ("progress", "progression", "changes", "expiry"))
        assert bool(amounts.search(text(shown))) is may, who
        rows = web(who).get("/dashboard/changes/lost-sold/?changes_range=last-12-months").text
        assert bool(amounts.search(text(rows))) is may, who


def test_it_speaks_dutch_numbers_to_a_dutch_reader(web, person):
    user = person("admin")
    user.language = "nl"
    user.save()
    shown = text(part(web("admin").get("/dashboard/").text, "progress"))
    assert "1.235" in shown
    assert "86,2%" in shown


def test_a_partner_without_data_is_told_what_to_do_next(web, person, db):
    from accounts.models import Membership, Partner
    from accounts.scope import partner_scope

    fresh = Partner.objects.create(slug="fresh", name="Fresh", time_zone="Europe/Amsterdam")
    with partner_scope(fresh):
        for who, role in (("nobody", "admin"), ("outsider", "member")):
            Membership.objects.create(user=person(who), partner=fresh, role=role)
    admin = web("nobody").get("/dashboard/").text
    assert "No data has been imported" in admin
    assert 'href="/imports/"' in admin
    assert "No data has been imported" in web("nobody").get("/tiers/").text
    member = web("outsider")
    session = member.session
    session["partner"] = fresh.pk
    session.save()
    page = member.get("/dashboard/").text
    assert "No data has been imported" in page
    assert "Import the first files" not in page
    assert "An admin or a manager can import it." in page


def test_without_a_rule_set_points_are_counted_and_no_tier_is_given(web):
    with moved_to(date(2022, 3, 1)):
        page = web("admin").get("/dashboard/").text
    assert "No rule set is in force" in text(part(page, "progress"))
    assert "Untiered" in text(part(page, "progress"))
    assert "there is no tier to get to" in text(part(page, "progression"))


def test_without_the_certification_no_tier_is_met_and_the_page_says_so(web, scope):
    from clients.models import Certification
    from tiers.services import derive_history

    Certification.objects.filter(partner=scope.partner).update(expires_on=date(2026, 11, 1))
    derive_history(scope=scope)
    page = web("admin").get("/dashboard/?target=gold").text
    assert "Nobody holds the Solutions Partner certification, which every tier needs." in text(part(page, "progress"))
    assert "Gold lacks only the Solutions Partner certification." in text(part(page, "progression"))
    assert "Nobody holds it" in text(part(page, "progression"))


def test_sample_thresholds_are_marked_and_real_ones_are_not(web):
    from program.models import Program, RuleSet
    from program.services import rules_changed

    assert "These thresholds are samples" in web("admin").get("/dashboard/").text
    RuleSet.objects.update(sample=False)
    rules_changed(program=Program.objects.get())
    assert "These thresholds are samples" not in web("admin").get("/dashboard/").text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("changes_range=last-month", "There is no range called “last-month”"),
        ("changes_from=2026-11-23&changes_to=2026-10-25", "is not a range of days"),
        ("changes_from=yesterday&changes_to=", "is not a range of days"),
        ("changes_from=2026-11-01&changes_to=2027-01-31", "The range ends after today"),
        ("changes_from=2020-01-01&changes_to=2020-01-31", "The range ends before the first data"),
    ],
)
def test_a_range_that_cannot_be_is_said_and_never_swapped_silently(web, query, words):
    shown = text(panel(web("admin"), query, "changes"))
    assert words in shown
    if "range of days" in words or "called" in words:
        assert "Shown instead: Last 30 days, 25 Oct – 23 Nov 2026." in shown


def test_an_unknown_target_is_said(web):
    shown = text(panel(web("admin"), "target=<b>Titanium", "progression"))
    assert "There is no tier called “<b>Titanium”" in shown
    assert "Diamond is shown instead" in shown


def test_a_change_of_range_brings_one_panel_and_keeps_the_target_that_was_chosen_meanwhile(web):
    response = web("admin").get(
        "/dashboard/?changes_range=last-90-days",
        headers={
            **HTMX,
            "HX-Target": "changes",
            "HX-Current-URL": "http://testserver/dashboard/?target=gold&changes_from=x",
        },
    )
    assert response.text.lstrip().startswith('<details class="sheet" id="changes"')
    assert response.text.count('<details class="sheet') == 1
    assert response["HX-Push-Url"] == "/dashboard/?target=gold&changes_range=last-90-days"
    assert "?target=gold&amp;changes_range=previous-month" in response.text
    assert {"HX-Request", "HX-Target"} <= {each.strip() for each in response["Vary"].split(",")}
    assert "no-store" in response["Cache-Control"]


def test_history_restore_and_boosted_requests_get_the_whole_page(web):
    for extra in ({"HX-History-Restore-Request": "true"}, {"HX-Boosted": "true"}):
        response = web("admin").get("/dashboard/", headers={**HTMX, "HX-Target": "changes", **extra})
        assert "<!doctype html>" in response.text


def test_home_is_the_dashboard(web):
    assert web("member").get("/").url == "/dashboard/"


def test_the_page_is_light(web):
    import gzip

    answer = web("admin").get("/dashboard/", headers={"accept-encoding": "gzip"})
    assert (answer["Content-Encoding"], "Accept-Encoding" in answer["Vary"]) == ("gzip", True)
    assert len(answer.content) < 60_000
    assert "</html>" in gzip.decompress(answer.content).decode()


def test_the_number_of_queries_does_not_grow_with_the_rows(web):
    client = web("admin")
    counts = set()
    for period in ("changes_from=2026-11-18&changes_to=2026-11-18", "changes_range=last-12-months"):
        client.get(f"/dashboard/?{period}")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/dashboard/?{period}", headers={**HTMX, "HX-Target": "changes"})
        counts.add(len(queries))
    assert counts == {11}


def test_old_data_is_said_to_be_old_and_who_may_import_is_shown_where(web, scope, partner):
    from imports.models import ImportBatch

    assert "days old" not in web("member").get("/dashboard/").text
    ImportBatch.objects.filter(partner=partner).update(committed_at=now() - timedelta(days=9))
    for who, may_import in (("admin", True), ("member", False)):
        page = text(web(who).get("/dashboard/").text)
        assert "The data is 9 days old" in page
        assert ("See the imports" in page) is may_import
