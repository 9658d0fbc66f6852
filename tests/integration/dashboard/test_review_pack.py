"""Review packs: the dashboard's figures, frozen; they open as they were, for those who may see what is in them."""

import re

import pytest

from dashboard.packs import saved_packs
from partner_portal.lib.dates.clock import moved_to

TITLE = "Review of Northwind"


def keep(browser, address="/dashboard/pack/", title=TITLE):
    answer = browser.post(address, {"title": title})
    assert answer.status_code == 302
    return answer["Location"]


def article(html):
    return re.search(r"<article.*</article>", html, re.DOTALL).group()


def test_the_pack_has_the_figures_of_the_front_page(web):
    html = web().get("/dashboard/pack/").content.decode()
    front = web().get("/dashboard/").content.decode()
    for text in ("1,235", "34,734.47", "11,969.09", "45,530.40", "86.2", "84.0"):
        assert text in html
        assert text in front
    for heading in (
        "Where we stand",
        "Tier point changes",
        "Expiry forecast",
        "Retention",
        "Shared selling",
        "Commission",
        "Renewals",
    ):
        assert f">{heading}</h2>" in html
    assert html.count("data-chart") == 4
    assert "style=" not in article(html)
    assert not re.search(r"<(script|a|button|form|details)\b", article(html)), "a frozen page has nothing to press"


def test_a_kept_pack_opens_as_it_was_when_the_data_has_moved_on(web, scope):
    from clients.models import Client
    from renewals.models import Renewal

    browser = web("manager")
    address = keep(browser)
    before = article(browser.get(address).content.decode())
    name = Renewal.objects.select_related("client").get(product_line="Sales Hub", client__client_id="C034").client.name
    assert "Hart Tuinbouw" in before
    Client.objects.filter(name=name).update(name="Renamed BV")
    Renewal.objects.filter(client__client_id="C034").update(renewal_mrr="1.00")
    after = article(browser.get(address).content.decode())
    assert after == before
    assert "Renamed BV" in browser.get("/dashboard/pack/").content.decode()
    assert TITLE in browser.get("/dashboard/packs/").content.decode()


def test_a_pack_of_a_past_day(web, scope):
    address = keep(web(), "/dashboard/pack/?on=2026-10-01")
    assert "Figures of the end of" in web().get(address).content.decode()
    assert [f"{pack.on}" for pack in saved_packs(scope)] == ["2026-10-01"]


def test_the_ranges_of_the_address_are_those_of_the_pack(web):
    html = web().get("/dashboard/pack/?changes_from=2026-01-01&changes_to=2026-03-31").content.decode()
    assert "1 Jan – 31 Mar 2026" in html


def test_members_make_packs_without_amounts_and_open_none_with_them(web, scope_of):
    rich = keep(web("admin"))
    member = web("member")
    assert member.get(rich).status_code == 404
    poor = keep(member, title="Without amounts")
    html = article(member.get(poor).content.decode())
    assert "US$" not in html
    assert "MRR" not in html
    assert ">Commission</h2>" not in html
    assert [pack.title for pack in saved_packs(scope_of("member"))] == ["Without amounts"]
    assert web("admin").get(poor).status_code == 200


def test_only_its_maker_or_an_admin_removes_a_pack(web):
    address = keep(web("manager"))
    assert web("finance").post(address).status_code == 403
    assert web("outsider").get(address).status_code == 404
    assert web("admin").post(address).status_code == 302
    assert web("manager").get(address).status_code == 404


def test_a_pack_needs_a_title(web):
    assert web().post("/dashboard/pack/", {"title": " "}).status_code == 422


@pytest.mark.parametrize("address", ["/dashboard/pack/", "/dashboard/packs/"])
def test_strangers_sign_in_first(web, address):
    assert web(None).get(address).status_code == 302


def test_a_pack_is_of_the_day_it_was_made_on(web):
    with moved_to(None):
        address = keep(web())
    assert "23 November 2026" in web().get(address).content.decode()
