"""Searching the whole portal: what is found by what, for whom, and in what order."""

import csv
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partner_portal.lib.search import SearchText, search

ROOT = Path(__file__).parents[2]


def found(scope, text, most=20):
    """The labels of the hits by the key of their source."""
    return {group.source.key: [hit.label for hit in group.hits] for group in search(scope, SearchText.of(text), most)}


@pytest.fixture
def saved(scope_of):
    """A list, a shared and a private report, a plan and deals with hard names, all of Northwind's manager."""
    from clients.models import Client, Deal
    from reports.models import SavedList, SavedReport
    from tiers.models import TierPlan

    scope = scope_of("manager")
    own = {"partner": scope.partner, "owner": scope.user}
    SavedList.objects.create(**own, name="Übernahme Kandidaten")
    report = {"dataset": "expiring", "params": {}, "columns": ["client"]}
    SavedReport.objects.create(**own, **report, name="Quixote shared", shared=True)
    SavedReport.objects.create(**own, **report, name="Quixote private")
    TierPlan.objects.create(**own, name="Quixote plan", shared=True)
    client = Client.objects.get(partner=scope.partner, client_id="C011")
    deal = {
        "client": client,
        "product_line": "Sales Hub",
        "kind": "new",
        "origin": "sourced",
        "stage": "open",
        "mrr": 1,
    }
    for deal_id, name in (("Q-1", "Extra 100% crème"), ("Q-10", "Extra brûlée"), ("Q_2", "Quartz Q-1")):
        Deal.objects.create(
            partner=scope.partner, **deal, deal_id=deal_id, name=name, currency="EUR", created_on="2026-11-01",
            registered=False,
        )  # fmt: skip
    return scope


def test_names_ids_and_domains_are_found_without_accents_and_capitals(saved):
    kastner = "Kästner Verlag GmbH & Co. KG"
    for text in ("kastner", "KÄSTNER verl", "verlag  kastner", "c011", "kastner-verlag.de"):
        assert found(saved, text)["clients"] == [kastner], text
    assert found(saved, "ubernahme")["lists"] == ["Übernahme Kandidaten"]
    assert found(saved, "creme extra")["deals"] == ["Extra 100% crème"]
    assert found(saved, "quixote") == {
        "reports": ["Quixote private", "Quixote shared"],
        "plans": ["Quixote plan"],
    }
    assert found(saved, "expire")["pages"] == ["Points that expire"]
    assert found(saved, "kastner quixote") == {}, "all words are in one name"
    assert found(saved, " \0 ") == found(saved, "") == {}


def test_what_is_typed_whole_comes_first_and_signs_are_signs(saved):
    assert found(saved, "q-1")["deals"][:2] == ["Extra 100% crème", "Extra brûlée"], "Q-1 before Q-10, then the name"
    assert found(saved, "100%")["deals"] == ["Extra 100% crème"]
    assert found(saved, "q_2")["deals"] == ["Quartz Q-1"]


def test_a_statement_and_the_lines_of_a_deal_a_client_or_a_number_are_found(saved):
    with (ROOT / "demo/northwind/statement_lines.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = [row for row in csv.DictReader(file) if row["deal_id"] == "D0271"]
    latest = max((row["period"], row["statement_id"]) for row in lines)
    expected = [
        f"{row['statement_id']}/{row['line_no']}" for row in lines if (row["period"], row["statement_id"]) == latest
    ]
    assert found(saved, "d0271")["statement-lines"][: len(expected)] == expected
    assert found(saved, "s-2025q2/3") == {"statement-lines": ["S-2025Q2/3"]}
    assert found(saved, "S-2025Q2")["statements"] == ["S-2025Q2"]
    (line,) = search(saved, SearchText.of("S-2025Q2/3"), 5)[0].hits
    assert line.address == "/commissions/statements/S-2025Q2/?client=C011#line-3"
    assert line.detail == "Kästner Verlag GmbH & Co. KG, Sales Hub, D0142"


def test_everybody_finds_what_they_may_see(saved, scope_of):
    assert {"statements", "statement-lines"} <= set(found(saved, "s-2025q2") | found(saved, "d0271"))
    member = scope_of("member")
    assert found(member, "s-2025q2") == {}
    assert set(found(member, "d0271")) == {"deals"}
    assert found(member, "quixote") == {"reports": ["Quixote shared"], "plans": ["Quixote plan"]}
    assert found(member, "import") == {}, "pages that a member may not open"
    assert found(member, "statement") == {"terms": ["Statement"]}, "what a word means is for everybody"
    assert found(scope_of("admin"), "import")["pages"][0] == "Imports"
    outsider = scope_of("outsider")
    assert found(outsider, "kastner") == found(outsider, "quixote") == found(outsider, "d0271") == {}


def test_few_of_many_are_shown_with_a_way_to_all(scope):
    (clients,) = (group for group in search(scope, SearchText.of("c0"), 5) if group.source.key == "clients")
    assert (len(clients.hits), clients.more, clients.all_hits) == (5, True, "/clients/?q=c0")
    (deals,) = (group for group in search(scope, SearchText.of("marketing hub"), 5) if group.source.key == "deals")
    assert (len(deals.hits), deals.more, deals.all_hits) == (5, True, ""), "there is no page of all deals"


def test_it_is_a_page_without_script_and_a_part_of_every_page_with_it(saved, web):
    address = "/search/?" + urlencode({"q": "kastner"})
    page = web("manager").get(address).content.decode()
    assert re.search(
        r'<a href="/clients/C011/"><b>Kästner Verlag GmbH &amp; Co. KG</b><span>C011, DE, kastner-verlag.de</span>',
        page,
    )
    assert re.search(r'<form class="search-box" role="search" action="/search/"', web().get("/lists/").content.decode())
    part = web("manager").get(address, headers={"HX-Request": "true", "HX-Target": "search-hits"}).content.decode()
    assert part.lstrip().startswith('<div class="hits menu-panel" id="search-hits"')
    assert "<main" not in part
    nothing = web("manager").get("/search/?q=xyzzyx").content.decode()
    assert "Nothing found for “xyzzyx”" in nothing
    assert "xyzzyx" in web("manager").get("/search/?q=%3Cb%3Exyzzyx").content.decode()
    deal = re.search(r'href="(/clients/C011/#(deal-\d+))"', web("manager").get("/search/?q=q-10").content.decode())
    assert f'id="{deal[2]}"' in web("manager").get(deal[1]).content.decode()


def test_names_are_compared_by_stored_keys(scope):
    """Calculating the keys of 100,000 deals takes longer than a search may."""
    with CaptureQueriesContext(connection) as made:
        search(scope, SearchText.of("hub sales"), 5)
    (deals,) = [query["sql"] for query in made if 'FROM "clients_deal"' in query["sql"]]
    assert "portal_search_key(" not in deals
    assert "name_search_key" in deals
    assert "deal_id_search_key" in deals
