"""The ranges of the front page: compared with another, shared by two sections, and remembered."""

import re
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import Membership
from clients.queries import shared_selling_of
from ledger.queries import changes, history_starts
from partner_portal.lib.dates.clock import moved_to
from partner_portal.lib.dates.periods import Period
from tests.integration.dashboard.test_overview import panel, part, text, values

OCTOBER = "changes_from=2026-10-01&changes_to=2026-10-31"


def counters(markup):
    """The text of each counter that opens its rows."""
    return [text(each) for each in re.findall(r'<a class="counter".*?</a>', markup, re.S)]


def panel_request(which, query, address):
    return {
        "path": f"/dashboard/?{query}",
        "headers": {"HX-Request": "true", "HX-Target": which, "HX-Current-URL": f"http://testserver{address}"},
    }


def here(address):
    """The headers of a click on the page at `address`."""
    return {"Sec-Fetch-Site": "same-origin", "Referer": f"http://testserver{address}"}


NAMED = "/dashboard/?changes_range=last-30-days&shared_range=this-quarter&renewals_range=next-90-days"


CHANGES_NAMED = "/dashboard/?changes_range=last-30-days"


def parameters(address):
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}


def test_without_a_comparison_nothing_is_said_of_one(web):
    page = panel(web("admin"), OCTOBER, "changes")
    assert "Compared with" not in page
    assert "moved" not in page


@pytest.mark.parametrize(
    ("how", "base"),
    [
        ("prev", Period(date(2026, 8, 31), date(2026, 9, 30))),
        ("year", Period(date(2025, 10, 1), date(2025, 10, 31))),
    ],
)
def test_every_counter_says_what_it_was_and_how_it_moved(web, scope, how, base):
    page = panel(web("admin"), f"{OCTOBER}&changes_cmp={how}", "changes")
    now, before = changes(scope, Period(date(2026, 10, 1), date(2026, 10, 31))), changes(scope, base)
    names = ("new_sold", "lost_sold", "new_managed", "lost_managed")
    for name, shown in zip(names, counters(page), strict=True):
        moved = getattr(now, name).points - getattr(before, name).points
        was = f"was {round(getattr(before, name).points)}"
        assert was in shown
        if moved:
            word, sign = ("up", "+") if moved > 0 else ("down", "−")
            assert f"{word} {sign}{abs(round(moved))} , {was}" in shown
    shows = re.search(r'href="([^"]+)"[^>]*>Show that range', page)
    assert shows
    asked = parameters(shows[1].replace("&amp;", "&"))
    assert asked == {"changes_from": f"{base.first}", "changes_to": f"{base.last}", "changes_cmp": how}


def test_what_is_compared_with_can_be_opened_and_is_the_same_figure(web, scope):
    page = web("admin").get("/dashboard/?changes_from=2025-10-01&changes_to=2025-10-31").text
    before = changes(scope, Period(date(2025, 10, 1), date(2025, 10, 31)))
    assert values(part(page, "changes"))[1] == f"{before.new_sold.points:.4f}"


def test_more_lost_points_are_bad_and_fewer_are_good(web, scope):
    for query in (
        f"{OCTOBER}&changes_cmp=prev",
        f"{OCTOBER}&changes_cmp=year",
        "changes_range=this-year&changes_cmp=year",
    ):
        markup = panel(web("admin"), query, "changes")
        for figure, shown in zip(re.findall(r'<a class="counter".*?</a>', markup, re.S), counters(markup), strict=True):
            found = re.search(r'moved"><span class="(gain|loss)"', figure)
            if found:
                rises, lost = "up +" in shown, shown.startswith("Lost")
                assert (found[1] == "gain") == (rises != lost), shown


def test_a_base_before_the_first_data_is_no_data(web, scope):
    starts = history_starts(scope)
    query = f"changes_from={starts}&changes_to=2022-12-31&changes_cmp=prev"
    page = panel(web("admin"), query, "changes")
    assert all("no data to compare with" in shown for shown in counters(page))
    assert "begins before the first day with data" in text(page)
    assert "Show that range" not in page


def test_shared_deals_are_compared_by_their_number(web, scope):
    query = "shared_from=2026-10-01&shared_to=2026-10-31&shared_cmp=year"
    page = panel(web("admin"), query, "shared")
    before = shared_selling_of(scope, Period(date(2025, 10, 1), date(2025, 10, 31)))
    for deals, shown in zip((before.created, before.in_flight, before.won), counters(page), strict=True):
        assert f"was {deals.count}" in shown


def test_an_unknown_comparison_is_said_and_nothing_is_compared(web):
    page = web("admin").get("/dashboard/?changes_cmp=decade&shared_cmp=decade").text
    for key in ("changes", "shared"):
        assert "“decade” is nothing to compare with" in text(part(page, key))
        assert "Compared with" not in part(page, key)


def test_two_sections_share_a_range_by_names_without_prefix(web):
    page = web("admin").get("/dashboard/?from=2026-10-01&to=2026-10-31&cmp=prev").text
    for key in ("changes", "shared"):
        assert "1 – 31 Oct 2026" in text(part(page, key))
        assert "Compared with 31 Aug – 30 Sep 2026" in text(part(page, key))
    assert "Next 90 days" in text(part(page, "renewals"))[:200]
    drilled = re.search(r'href="(/dashboard/changes/new-sold/\?[^"]+)"', page)
    assert drilled
    assert parameters(drilled[1].replace("&amp;", "&")) == {"changes_from": "2026-10-01", "changes_to": "2026-10-31"}


def test_a_choice_made_on_a_page_of_the_portal_comes_back_in_the_address(web):
    client = web("manager")
    client.get(**panel_request("changes", "changes_range=previous-month&changes_cmp=year", CHANGES_NAMED))
    answer = client.get("/dashboard/?target=diamond")
    assert answer.status_code == 302
    assert parameters(answer.url) == {"target": "diamond", "changes_range": "previous-month", "changes_cmp": "year"}
    assert client.get(answer.url).status_code == 200
    assert web("admin").get("/dashboard/").status_code == 200  # somebody else's choice is theirs


def test_the_address_comes_before_what_was_chosen_last(web):
    client = web("manager")
    client.get(**panel_request("changes", "changes_range=previous-month", CHANGES_NAMED))
    client.get(
        **panel_request(
            "shared", "shared_range=this-year", "/dashboard/?changes_range=previous-month&shared_range=this-quarter"
        )
    )
    asked = client.get("/dashboard/?changes_range=last-7-days")
    assert parameters(asked.url) == {"changes_range": "last-7-days", "shared_range": "this-year"}


def test_an_address_that_came_from_elsewhere_is_shown_and_not_kept(web, person):
    client = web("manager")
    assert client.get("/dashboard/?changes_range=this-year").status_code == 200
    assert (
        client.get("/dashboard/?changes_range=this-year", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    )
    assert Membership.objects.get(user=person("manager")).ranges == {}
    client.get("/dashboard/?changes_range=this-year", headers=here(NAMED))
    assert parameters(client.get("/dashboard/").url) == {"changes_range": "this-year"}


@pytest.mark.parametrize(
    "query", ["changes_range=bogus", "changes_from=2026-10-31&changes_to=2026-10-01", "changes_cmp=x"]
)
def test_what_cannot_be_shown_is_not_kept(web, person, query):
    web("manager").get(f"/dashboard/?{query}", headers=here(NAMED))
    assert Membership.objects.get(user=person("manager")).ranges == {}


def test_the_switch_is_remembered_and_so_is_its_end(web):
    client = web("manager")
    client.get("/dashboard/?changes_range=this-month&shared_range=this-year", headers=here(NAMED))
    client.get("/dashboard/?range=this-year&cmp=prev", headers=here(NAMED))
    assert parameters(client.get("/dashboard/").url) == {"range": "this-year", "cmp": "prev"}
    apart = "changes_range=this-year&changes_cmp=prev&shared_range=this-year&shared_cmp=prev"
    assert client.get(f"/dashboard/?{apart}", headers=here(NAMED)).status_code == 200
    assert parameters(client.get("/dashboard/").url) == parameters(f"?{apart}")


def test_comparing_with_nothing_ends_the_remembered_comparison(web):
    client = web("manager")
    client.get(**panel_request("changes", "changes_cmp=prev", CHANGES_NAMED))
    assert client.get("/dashboard/").status_code == 302
    client.get(**panel_request("changes", "changes_cmp=none", "/dashboard/?changes_cmp=prev"))
    assert client.get("/dashboard/").status_code == 200


def test_what_a_panel_still_says_of_another_is_not_a_choice(web):
    client = web("manager")
    client.get(**panel_request("changes", "changes_cmp=prev", CHANGES_NAMED))
    client.get(**panel_request("changes", "changes_range=this-year&changes_cmp=none", "/dashboard/?changes_cmp=prev"))
    # The link of the other panel is from before that; the reader's address is not.
    stale = "changes_cmp=prev&shared_range=this-year"
    here_now = "/dashboard/?changes_range=this-year&changes_cmp=none&shared_range=this-quarter"
    client.get(**panel_request("shared", stale, here_now))
    assert parameters(client.get("/dashboard/").url) == {"changes_range": "this-year", "shared_range": "this-year"}


def test_a_past_day_keeps_its_own_ranges(web, person):
    client = web("manager")
    client.get("/dashboard/?changes_range=this-year", headers=here(NAMED))
    assert client.get("/dashboard/?on=2026-05-01").status_code == 200
    client.get("/dashboard/?on=2026-05-01&changes_range=this-month", headers=here(NAMED))
    assert Membership.objects.get(user=person("manager")).ranges == {"changes_": {"changes_range": "this-year"}}


def test_renewals_are_remembered_by_their_page_and_the_front_page_alike(web):
    client = web("manager")
    client.get("/renewals/?renewals_range=next-180-days", headers=here("/renewals/?renewals_range=next-90-days"))
    assert parameters(client.get("/dashboard/").url) == {"renewals_range": "next-180-days"}
    assert parameters(client.get("/renewals/?status=pending").url) == {
        "status": "pending", "renewals_range": "next-180-days",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("page", "query"),
    [("/tiers/", {"time_range": "whole-history"}), ("/commissions/", {"pay_range": "previous-year"})],
)
def test_other_pages_remember_theirs(web, page, query):
    client = web("admin")
    (name,) = query
    client.get(page, query, headers=here(f"{page}?{name}=last-30-days"))
    assert parameters(client.get(page).url) == query


def test_a_remembered_programme_range_that_has_no_days_now_says_so(web):
    client = web("manager")
    client.get("/dashboard/?changes_range=review-window", headers=here(NAMED))
    with moved_to(date(2026, 1, 20)):  # between the windows
        answer = client.get("/dashboard/", follow=True)
    assert answer.status_code == 200
    assert "“This review window” has no days now." in text(part(answer.text, "changes"))
