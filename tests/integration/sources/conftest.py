"""Eastwind, a partner without facts, with connections to a folder and to a vendor that lives in memory."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.integration.imports.conftest import eastwind, files_of_a_test  # noqa: F401

type Rows = list[dict[str, str]]


@pytest.fixture(autouse=True)
def own_work_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Connections of several test processes have the same numbers."""
    monkeypatch.setattr("sources.run_files.run_folder", lambda connection_id: tmp_path / "work" / str(connection_id))


@pytest.fixture
def command(eastwind: Any) -> Callable[..., tuple[int, str, str]]:  # noqa: F811
    """Run a command for Eastwind: exit code, output, errors."""

    def run(name: str, *arguments: Any) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(name, "eastwind", *map(str, arguments), stdout=out, stderr=err, no_color=True)
        except CommandError as error:
            return error.returncode, out.getvalue(), err.getvalue() + str(error)
        except SystemExit as error:
            return int(error.code or 0), out.getvalue(), err.getvalue()
        return 0, out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def sync(command: Any) -> Callable[..., dict[str, Any]]:
    """Run the command `sync` and read what it prints."""

    def run(*arguments: Any) -> dict[str, Any]:
        _code, out, err = command("sync", *arguments)
        assert not err, err
        report: dict[str, Any] = json.loads(out)
        return report

    return run


@pytest.fixture
def drop(tmp_path: Path, settings: Any) -> Callable[[str, Rows], Path]:
    """Put a file of rows into Eastwind's watched folder `inbox`, an hour ago."""
    settings.WATCHED_FOLDERS = str(tmp_path)
    inbox = tmp_path / "eastwind" / "inbox"
    inbox.mkdir(parents=True)

    def put(name: str, rows: Rows) -> Path:
        path = inbox / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
        then = path.stat().st_mtime - 3600
        os.utime(path, (then, then))
        return path

    return put


ANSWERS: dict[str, Any] = {
    "deals": {"take": "registered"},
    "answers": {
        "clients.client_id": {"property": "hs_object_id"},
        "clients.currency": {"value": "EUR"},
        "deals.deal_id": {"property": "hs_object_id"},
        "deals.product_line": {"property": "product"},
        "deals.kind": {"property": "sale_kind"},
        "deals.origin": {"property": "lead", "words": {"ours": "sourced", "together": "assisted", "theirs": "none"}},
        "deals.mrr": {"property": "hs_deal_registration_mrr"},
        "deals.currency": {"property": "hs_deal_registration_mrr_currency_code"},
    },
}


@pytest.fixture
def hub(eastwind: Any, monkeypatch: Any) -> Any:  # noqa: F811
    """An account at the simulated HubSpot, with 4 clients and 40 deals; nothing is served, nobody waits."""
    from sources.simulator.samples import fill
    from sources.source import source_of
    from tests.simulated_hubspot import Hub

    hub = Hub()
    fill(hub.world, clients=4, deals=40)
    for row in list(hub.world.rows["deals"].values()):
        if row.properties.get("closedate"):  # recent enough to count
            hub.world.change("deals", row.id, closedate="2026-06-01T10:30:00.000Z")
    hub.time.sleep(7200)
    monkeypatch.setattr(source_of("hubspot"), "client", hub.client)
    return hub


@pytest.fixture
def connect(command: Any, tmp_path: Path, monkeypatch: Any) -> Callable[..., tuple[int, str, str]]:
    """Run the command `connect` for HubSpot, with a token and answers."""
    from tests.simulated_hubspot import TOKEN

    def run(answers: dict[str, Any] | None = None, token: str = TOKEN) -> tuple[int, str, str]:
        file = tmp_path / "answers.json"
        file.write_text(json.dumps(ANSWERS if answers is None else answers), encoding="utf-8")
        monkeypatch.setattr("sys.stdin", io.StringIO(token + "\n"))
        return command("connect", "hubspot", "--token-stdin", "--answers", file)

    return run


@pytest.fixture
def admin(eastwind: Any, web: Any) -> Any:  # noqa: F811
    """Eastwind's admin, who has just signed in with a password."""
    from accounts.models import Membership, User
    from accounts.scope import partner_scope

    user = User.objects.create_user("admin@eastwind.example", "not used here")
    with partner_scope(eastwind):
        Membership.objects.create(user=user, partner=eastwind, role="admin")
    client = web(None)
    client.force_login(user, backend="accounts.backends.ConfirmedAddressBackend")
    client.post("/accounts/reauthenticate/", {"password": "not used here"})
    return client


@pytest.fixture
def ask(hub: Any, admin: Any, eastwind: Any) -> Callable[..., Any]:  # noqa: F811
    """Send a form that asks the vendor something, let a worker do it, and return the page with the result.

    The request itself must not reach the vendor.
    """
    from sources import calls
    from sources.models import VendorCall

    def send(address: str, form: dict[str, str] | None = None) -> Any:
        before = len(hub.adapter.requests)
        sent = admin.post(address, form or {})
        assert sent.status_code == 302, sent.content.decode()
        assert "Asking HubSpot" in admin.get(sent["Location"]).content.decode()
        assert len(hub.adapter.requests) == before
        call = VendorCall.objects.latest("pk")
        calls.carry_out(partner=eastwind, call_id=call.pk)
        assert VendorCall.objects.get(pk=call.pk).secret == ""
        polled = admin.get(sent["Location"], headers={"HX-Request": "true", "HX-Target": "call-progress"})
        assert polled["HX-Refresh"] == "true"
        return admin.get(sent["Location"], follow=True)

    return send
