"""The report that a partner can send: what an account has, and none of its values."""

import io
import json
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from sources.hubspot.probe import report
from sources.management.commands.hubspot_probe import Command
from sources.simulator.samples import load_partner
from tests.simulated_hubspot import TOKEN, Hub

NORTHWIND = Path(__file__).resolve().parents[3] / "demo/northwind"


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    load_partner(hub.world, NORTHWIND)
    return hub


def test_the_report(hub):
    hub.world.tokens[TOKEN].remove("crm.objects.companies.read")
    hub.world.archive("deals", 900_000_001)
    result = report(hub.client(), pages=8)
    clients = result["objects"]["partner_clients"]
    assert (clients["total"], clients["records"], clients["archived"]) == (140, 140, 0)
    assert clients["properties"]["hs_client_name"] == {
        "label": "Client name", "type": "string", "calculated": False, "hidden": False, "options": 0, "filled": 1.0,
    }  # fmt: skip
    assert clients["properties"]["hs_unified_usage_score"]["filled"] == 0
    deals = result["objects"]["deals"]
    assert (deals["total"], deals["records"], deals["archived"]) == (774, 774, 1)
    assert 0 < deals["properties"]["closedate"]["filled"] < 1
    assert result["objects"]["companies"] == {
        "error": "scope_missing", "scope": "crm.objects.companies.read", "table": "companies",
    }  # fmt: skip
    assert result["objects"]["deal_registration"] == {"error": 400}
    assert result["associations"]["deals -> partner_clients"] == []
    mrr = result["versions"]["hs_total_subscription_mrr"]  # 134 clients in mrr_history.csv, one with 10 amounts
    assert (mrr["records"], mrr["most"], mrr["lag"]) == (134, 10, 0)
    assert [len(pipeline["stages"]) for pipeline in result["pipelines"]] == [7, 3]


def test_it_holds_no_value_of_any_record(hub):
    told = json.dumps(report(hub.client(), pages=10), ensure_ascii=False)
    labels = ("product", "pipeline", "dealtype", "hs_is_closed", "hs_is_closed_won", "hs_cancellation_products")
    values = {
        value
        for rows in hub.world.rows.values()
        for row in rows.values()
        for name, value in row.properties.items()
        if len(value) > 4 and name not in labels
    }
    assert len(values) > 2_000
    assert [value for value in values if value in told] == []
    assert str(hub.world.account_id) not in told
    assert TOKEN not in told


def test_the_command_takes_the_token_from_its_input(hub, monkeypatch):
    monkeypatch.setattr("sources.hubspot.source._client", hub.client)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TOKEN}\n"))
    told = io.StringIO()
    Command(stdout=told).handle(pages=1)
    assert json.loads(told.getvalue())["objects"]["deals"]["records"] == 100
    for given, message in (("", "No token was given"), ("wrong\n", "token_rejected")):
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        with pytest.raises(CommandError, match=message):
            Command().handle(pages=1)
