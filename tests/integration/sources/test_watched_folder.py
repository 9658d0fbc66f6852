"""A watched folder, from the connection to a run that finds nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.imports.conftest import CLIENTS, DEALS

BOTH = {"clients.csv": CLIENTS, "deals.csv": DEALS}


@pytest.fixture
def connected(command: Any, drop: Any) -> Callable[..., None]:
    """Connect the inbox with files in it."""

    def connect(files: dict[str, Any], *options: Any) -> None:
        for name, rows in files.items():
            drop(name, rows)
        assert command("connect", "folder", "--place", "inbox", *options)[0] == 0

    return connect


def history(command: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(command("imports", "--json")[1])
    return rows


def commit(partner: Any, number: int) -> None:
    """What the check page's button does."""
    from accounts.scope import partner_scope, system_scope
    from imports import services

    with partner_scope(partner):
        scope = system_scope(partner)
        services.request_commit(scope=scope, batch_id=number, skip_bad_rows=False)
        services.process_now(scope=scope, batch_id=number)


def test_first_run_waits_second_commits_third_finds_nothing(
    connected: Any, command: Any, sync: Any, drop: Any, eastwind: Any
) -> None:
    connected(BOTH)
    first = sync()
    assert (first["state"], first["added"]) == ("waits", 4)
    assert history(command)[0]["state"] == "checked"
    commit(eastwind, first["import"])
    assert history(command)[0] | {"at": ""} == {
        "number": first["import"], "at": "", "by": "Watched folder: inbox", "state": "committed", "added": 4, "changed": 0,
        "withdrawn": 0,
    } | {key: value for key, value in history(command)[0].items() if key in ("rows", "undoes")}  # fmt: skip

    drop("deals.csv", [DEALS[0] | {"mrr": "900"}, DEALS[1]])
    second = sync()
    assert (second["state"], second["changed"], second["added"]) == ("committed", 1, 0)

    third = sync()
    assert (third["state"], third["import"]) == ("nothing new", None)
    assert len(history(command)) == 2
    assert command("verify_ledger")[0] == 0
