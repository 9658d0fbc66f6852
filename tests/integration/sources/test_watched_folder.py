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


@pytest.mark.parametrize("place", ["../northwind", "/etc", "missing", "inbox/../../northwind"])
def test_folder_outside_the_partners_part_is_refused(command: Any, drop: Any, tmp_path: Any, place: str) -> None:
    (tmp_path / "northwind").mkdir()
    code, _out, error = command("connect", "folder", "--place", place)
    assert (code, error) == (1, f"There is no folder {place} that this portal may read. Ask your operator.")


def test_newer_file_of_a_series_wins_and_a_complete_kind_withdraws_its_own(
    connected: Any, sync: Any, drop: Any, tmp_path: Any
) -> None:
    """Of two daily files the older is read first; a row that the newer one misses is withdrawn."""
    from clients.models import Deal

    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"complete": ["deals"]}), encoding="utf-8")
    connected({"clients.csv": CLIENTS, "deals.csv": DEALS}, "--answers", answers)
    assert sync("--commit")["added"] == 4
    drop("deals (2).csv", [DEALS[0] | {"mrr": "900"}])
    run = sync()
    assert (run["state"], run["changed"], run["withdrawn"]) == ("committed", 1, 1)
    assert [(deal.deal_id, str(deal.mrr)) for deal in Deal.objects.all()] == [("D1", "900.00")]
    assert sync()["state"] == "nothing new"
