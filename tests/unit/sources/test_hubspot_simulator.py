"""The simulator as a server: its page, real lines that break, and who may use it."""

import io
from pathlib import Path

import pytest
import requests
from django.core.management.base import CommandError

from sources.hubspot import client as hubspot
from sources.hubspot import endpoints, reading
from sources.hubspot.client import HubSpotClient
from sources.management.commands.hubspot_simulator import Command
from sources.simulator.answers import Answer
from sources.simulator.api import Simulator
from sources.simulator.faults import KINDS, Fault, faulty
from sources.simulator.samples import fill, load_partner
from sources.simulator.server import SimulatorServer, served
from sources.simulator.world import World
from sources.source import AnswerInvalid, TokenRejected

ROOT = Path(__file__).resolve().parents[3]
FIRST = 900_000_001


@pytest.fixture
def simulator():
    world = World()
    world.burst_limit = 10_000
    world.add_token("token")
    fill(world, clients=2, deals=150)
    return Simulator(world)


@pytest.fixture
def address(simulator):
    with served(simulator) as address:
        yield address


@pytest.fixture
def client(address, monkeypatch):
    monkeypatch.setattr(hubspot, "LIST_INTERVAL", 0)
    with HubSpotClient("token", base=address, tries=3, timeouts=(1, 0.5), sleep=lambda _seconds: None) as client:
        yield client


def test_calls_share_a_connection(client, simulator):
    assert reading.account(client)["portalId"] == 14500123
    assert sum(map(len, reading.pages(client, "deals", ["dealname"]))) == 150
    [pool] = client._session.get_adapter(client.base).poolmanager.pools._container.values()
    assert (pool.num_connections, simulator.traffic.most_at_once) == (1, 1)


@pytest.mark.parametrize(("kind", "value"), [("cut", ""), ("slow", "0.8"), ("bad_gateway", ""), ("rate_limit", "")])
def test_a_real_line_that_breaks(client, simulator, kind, value):
    simulator.faults.append(Fault(kind, times=1, value=value))
    assert sum(map(len, reading.pages(client, "deals", ["dealname"]))) == 150
    assert client.calls == 3


def test_a_redirect_is_not_followed(client, simulator, address):
    simulator.faults.append(Fault("redirect", value=f"{address}/crm/objects/2026-09/companies"))
    with pytest.raises(AnswerInvalid):
        client.get(endpoints.records("deals"))
    assert [call.status for call in simulator.traffic.calls] == [302]


def test_a_token_that_is_revoked_in_the_middle(client, simulator):
    pages = reading.pages(client, "deals", [])
    next(pages)
    simulator.world.tokens.clear()
    with pytest.raises(TokenRejected):
        next(pages)


def test_the_page_changes_a_deal(address, simulator):
    page = requests.get(f"{address}/", params={"q": "deal 14"}, timeout=5)
    assert page.text.count('name="stage"') == 11  # 14 and 140 to 149
    deal = simulator.world.rows["deals"][FIRST]
    form = {"id": FIRST, "q": "", "stage": "closedwon", "mrr": "321.50", "action": "change"}
    answer = requests.post(f"{address}/deal", data=form, timeout=5)
    assert answer.url == f"{address}/?q="
    assert deal.properties["hs_deal_registration_mrr"] == "321.50"
    assert deal.properties["hs_is_closed_won"] == "true"
    open_deal = simulator.world.rows["deals"][FIRST + 2]
    assert "closedate" not in open_deal.properties
    requests.post(f"{address}/deal", data=form | {"id": FIRST + 2, "stage": "closedlost"}, timeout=5)
    assert (open_deal.properties["hs_is_closed"], len(open_deal.properties["closedate"])) == ("true", 24)  # now
    requests.post(f"{address}/deal", data=form | {"action": "archive"}, timeout=5)
    assert deal.archived
    requests.post(f"{address}/deal", data=form | {"action": "restore"}, timeout=5)
    assert not deal.archived
    for wrong in ({"mrr": "-1"}, {"mrr": "much"}, {"stage": "elsewhere"}, {"id": "1"}):
        assert requests.post(f"{address}/deal", data=form | wrong, timeout=5).status_code == 400
    assert 'value="250.50"' not in page.text
    pays = {"id": 70_001, "q": "", "hs_total_subscription_mrr": "250.50", "hs_split_managed_mrr": ""}
    assert 'value="250.50"' in requests.post(f"{address}/client", data=pays, timeout=5).text
    client = simulator.world.rows["partner_clients"][70_001]
    assert [value for _at, value in client.versions["hs_total_subscription_mrr"]][-1] == "250.50"
    for wrong in ({"id": 1}, {"hs_total_subscription_mrr": "nan"}, {"hs_split_managed_mrr": "-1"}):
        assert requests.post(f"{address}/client", data=pays | wrong, timeout=5).status_code == 400
    requests.post(f"{address}/fault", data={"kind": "locked", "share": "20", "value": ""}, timeout=5)
    assert [(fault.kind, fault.share) for fault in simulator.faults] == [("locked", 0.2)]


def test_other_sites_cannot_use_the_page(address, simulator):
    """Neither with a form of their own, nor under a name of theirs that leads to this machine."""
    form = {"id": FIRST, "q": "", "action": "archive"}
    for headers in ({"Origin": "https://elsewhere.invalid"}, {"Host": "elsewhere.invalid"}):
        assert requests.post(f"{address}/deal", data=form, headers=headers, timeout=5).status_code == 403
    assert not simulator.world.rows["deals"][FIRST].archived


def test_every_fault_can_be_chosen():
    assert {faulty(Fault(kind), Answer()).status for kind in KINDS} == {200, 207, 302, 401, 403, 423, 429, 477, 502}


def test_the_command_serves_a_folder_of_facts(monkeypatch):
    served = []

    def until_ctrl_c(server):
        served.append(server)
        raise KeyboardInterrupt

    monkeypatch.setattr(SimulatorServer, "serve_forever", until_ctrl_c)
    said = io.StringIO()
    Command(stdout=said).handle(port=0, facts=ROOT / "demo/southwind", token="known", lag=0.0)
    [server] = served
    assert said.getvalue().startswith(f"HubSpot simulator ready: {server.address}/ (token known)")
    assert server.server_address[0] == "127.0.0.1"
    clients = server.simulator.world.rows["partner_clients"].values()
    assert [row.properties["client_number"] for row in clients] == ["SW-1", "SW-2", "SW-3"]
    with pytest.raises(CommandError, match="holds no sample partner"):
        Command().handle(port=0, facts=ROOT / "docs", token="known", lag=0.0)


def test_numbers_that_are_ids_stay_ids(tmp_path):
    """Who imported files by HubSpot's ids finds the same ids here."""
    (tmp_path / "clients.csv").write_text("client_id,name,country,currency\n41,Acme,NL,EUR\n", encoding="utf-8")
    deal = "deal_id,client_id,name,product_line,kind,origin,stage,mrr,currency,created_on,registered\n"
    (tmp_path / "deals.csv").write_text(
        f"{deal}7,41,Hub,Sales Hub,new,sourced,open,90.00,EUR,2026-01-05,yes\n", encoding="utf-8"
    )
    world = World()
    load_partner(world, tmp_path)
    assert list(world.rows["partner_clients"]) == [41]
    assert world.rows["deals"][7].properties["deal_number"] == "7"
    assert world.associated("deals", 7, "companies") == [(5_000_001, True)]
