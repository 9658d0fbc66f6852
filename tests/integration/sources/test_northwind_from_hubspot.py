"""A partner's facts that come from HubSpot give the figures that the same facts from files give, on every day."""

import io
import json
from pathlib import Path
from typing import Any

from django.core.management import call_command

from sources.simulator.samples import load_partner
from sources.source import source_of
from tests.simulated_hubspot import TOKEN, Hub

ROOT = Path(__file__).resolve().parents[3]
NORTHWIND = ROOT / "demo/northwind"
EXPECTED = sorted((ROOT / "tests/expected").glob("*.json"))


def test_the_figures_of_every_day(db: None, monkeypatch: Any, capsys: Any) -> None:
    from accounts.models import Partner

    Partner.objects.create(slug="eastwind", name="Eastwind", payout_currency="USD", time_zone="Europe/Amsterdam")
    hub = Hub()
    load_partner(hub.world, NORTHWIND)
    monkeypatch.setattr(source_of("hubspot"), "client", hub.client)
    monkeypatch.setattr("sys.stdin", io.StringIO(TOKEN))
    answers = ROOT / "demo/westwind/connection.json"
    call_command("connect", "eastwind", "hubspot", "--token-stdin", "--answers", str(answers))
    capsys.readouterr()
    call_command("sync", "eastwind", "hubspot", "--commit")
    run = json.loads(capsys.readouterr().out)
    assert (run["state"], run["added"], run["unmatched"], run["left_out"]) == ("committed", 140 + 733, 2, 0), run
    rest = [path for path in sorted(NORTHWIND.glob("*.csv")) if path.stem not in ("clients", "deals")]
    call_command("import_data", "eastwind", *map(str, rest), verbosity=0)
    call_command("verify_ledger", "eastwind", verbosity=0)
    for path in EXPECTED:
        expected = json.loads(path.read_text(encoding="utf-8")) | {"partner": "eastwind"}
        capsys.readouterr()
        period = expected["changes"]
        days = ("--on", path.stem, "--from", period["from"], "--to", period["to"])
        call_command("figures", "eastwind", *days, "--clients")
        assert json.loads(capsys.readouterr().out) == expected, path.stem
