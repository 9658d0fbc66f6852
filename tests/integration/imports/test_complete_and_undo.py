"""Complete files and undo by the commands (points.md 13, contract.md): what goes, what comes back, what stands in the way."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.integration.imports.conftest import CLIENTS, DEALS, FACTS, SERVICES, STATEMENT_LINES, with_cell

DAY = "2026-11-23"


@pytest.fixture
def command(eastwind: Any) -> Callable[..., tuple[int, str, str]]:
    """Run a command for Eastwind: exit code, output, errors."""

    def run(name: str, *arguments: Any) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(name, "eastwind", *map(str, arguments), stdout=out, stderr=err, no_color=True)
        except CommandError as error:
            return error.returncode, out.getvalue(), err.getvalue() + str(error)
        return 0, out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def take_in(command: Any, files: Callable[..., list[Path]]) -> Callable[..., tuple[int, str, str]]:
    """Import kinds with their rows."""
    return lambda contents, *options: command("import_data", *files(contents), *options, "--on", DAY)


@pytest.fixture
def history(command: Any) -> Callable[[], list[dict[str, Any]]]:
    return lambda: json.loads(command("imports", "--json")[1])


@pytest.fixture
def figures(command: Any, capsys: Any) -> Callable[[], list[Any]]:
    """The figures on three days, and that the ledger agrees with the facts."""

    def on(day: str) -> Any:
        command("figures", "--on", day, "--clients")
        return json.loads(capsys.readouterr().out)

    def read() -> list[Any]:
        assert command("verify_ledger")[0] == 0
        return [on(day) for day in ("2026-02-15", "2026-08-01", DAY)]

    return read


def deals(count: int) -> list[dict[str, str]]:
    return [DEALS[0] | {"deal_id": f"N{number}"} for number in range(count)]


class TestComplete:
    def test_what_a_complete_file_does_not_have_is_withdrawn(self, take_in: Any, stored: Any, history: Any) -> None:
        take_in(FACTS)
        code, out, _err = take_in({"deals": DEALS[:1]}, "--complete", "deals")
        assert code == 0
        assert "deals: 1 row withdrawn" in out
        assert [row[0] for row in stored()["deals"]] == ["D1"]
        assert len(stored()["services"]) == 2
        assert [history()[0][name] for name in ("added", "changed", "withdrawn")] == [0, 0, 1]

    def test_the_corrected_start_of_a_service_comes_in(self, take_in: Any, stored: Any, figures: Any) -> None:
        take_in(FACTS)
        earlier = with_cell(SERVICES, 1, "started_on", "2026-06-01")
        earlier = with_cell(earlier, 0, "ended_on", "2026-06-01")
        assert take_in({"services": earlier})[0] == 1, "it overlaps the one that it replaces"
        assert take_in({"services": earlier}, "--complete", "services")[0] == 0
        assert [str(row[1]) for row in stored()["services"]] == ["2026-01-01", "2026-06-01"]
        figures()

    def test_a_statement_comes_whole_and_leaves_others_alone(self, take_in: Any, stored: Any) -> None:
        take_in(FACTS)
        other = [row | {"statement_id": "S2"} for row in STATEMENT_LINES[:1]]
        take_in({"statement_lines": other})
        take_in({"statement_lines": STATEMENT_LINES[:1]}, "--complete", "all")
        assert [(row[0], row[2]) for row in stored()["statement_lines"]] == [("S1", 1), ("S2", 1)]

    def test_a_client_takes_its_facts_along_unless_the_file_moves_them(self, take_in: Any, stored: Any) -> None:
        take_in(FACTS)
        moved = with_cell(DEALS, 1, "client_id", "C1")
        code, _out, _err = take_in({"clients": CLIENTS[:1], "deals": moved}, "--complete", "clients")
        assert code == 0
        assert [row[:2] for row in stored()["deals"]] == [("D1", "C1"), ("D2", "C1")]
        assert stored()["cancellations"] == []

    def test_many_withdrawals_need_their_number(self, take_in: Any, stored: Any) -> None:
        take_in({"clients": CLIENTS, "deals": deals(40)})
        code, out, err = take_in({"deals": deals(28)}, "--complete", "deals")
        assert (code, out) == (1, "")
        assert "12 of 40 deals would be withdrawn" in err
        assert len(stored()["deals"]) == 40
        assert take_in({"deals": deals(28)}, "--complete", "deals", "--allow-withdrawals", 11)[0] == 1
        assert take_in({"deals": deals(30)}, "--complete", "deals")[0] == 0, "ten are few"
        assert take_in({"deals": deals(18)}, "--complete", "deals", "--allow-withdrawals", 12)[0] == 0
        assert len(stored()["deals"]) == 18

    def test_a_row_with_errors_is_not_missing(self, take_in: Any, stored: Any) -> None:
        take_in(FACTS)
        bad = with_cell(DEALS, 1, "mrr", "much")
        assert take_in({"deals": bad}, "--complete", "deals", "--skip-bad-rows")[0] == 0
        assert len(stored()["deals"]) == 2
        unreadable = with_cell(DEALS, 1, "deal_id", "")
        code, _out, err = take_in({"deals": unreadable}, "--complete", "deals", "--skip-bad-rows")
        assert code == 1
        assert "1 row has no readable key: the file cannot be taken as complete" in err

    def test_wrong_usage(self, take_in: Any) -> None:
        assert take_in({"deals": DEALS}, "--complete", "clients")[0] == 2


class TestUndo:
    def test_undoing_the_last_import_gives_the_figures_from_before(
        self, take_in: Any, command: Any, history: Any, figures: Any, stored: Any
    ) -> None:
        take_in(FACTS)
        before, facts = figures(), stored()
        changed = with_cell(with_cell(DEALS, 0, "mrr", "990.00"), 1, "stage", "won")
        changed = [*with_cell(changed, 1, "closed_on", "2026-03-01"), DEALS[0] | {"deal_id": "D3"}]
        take_in({"deals": changed, "services": SERVICES[:1]}, "--complete", "services")
        after, later_facts = figures(), stored()
        assert after != before
        code, out, err = command("undo_import")
        assert (code, err) == (0, "")
        assert "deals: 2 changed, 1 withdrawn" in out
        assert "services: 1 restored" in out
        assert stored() == facts
        assert figures() == before
        command("undo_import")
        assert stored() == later_facts, "an undo can be undone"
        assert figures() == after
        assert [row["state"] for row in history()] == ["committed", "undone", "committed", "committed"]
        assert [[row[name] for name in ("added", "changed", "withdrawn")] for row in history()] == [
            [1, 2, 1], [1, 2, 1], [1, 2, 1], [12, 0, 0],
        ]  # fmt: skip
        assert history()[0]["by"] is None

    def test_rows_touched_later_are_named_and_left(self, take_in: Any, command: Any, history: Any, stored: Any) -> None:
        take_in(FACTS)
        take_in({"deals": with_cell(with_cell(DEALS, 0, "name", "Second"), 1, "name", "Second")})
        second = history()[0]["number"]
        take_in({"deals": with_cell(DEALS, 0, "name", "Third")[:1]})
        third = history()[0]["number"]
        facts = stored()
        code, out, err = command("undo_import", second)
        assert (code, out) == (1, "")
        assert f"deals 'D1': changed again by import #{third}" in err
        assert "D2" not in err
        assert stored() == facts
        code, out, err = command("undo_import", second, "--rest")
        assert code == 0
        assert "deals 'D1'" in out
        assert [row[2] for row in stored()["deals"]] == ["Third", "Idea"]

    def test_a_later_import_that_was_undone_is_not_in_the_way(self, take_in: Any, command: Any, stored: Any) -> None:
        take_in(FACTS)
        facts = stored()
        take_in({"deals": with_cell(DEALS, 0, "name", "Second")})
        take_in({"deals": with_cell(DEALS, 0, "name", "Third")})
        assert command("undo_import")[0] == 0
        from imports.models import ImportBatch

        second = ImportBatch.objects.order_by("pk")[1].pk
        assert command("undo_import", second)[0] == 0
        assert stored() == facts
        code, _out, err = command("undo_import", second)
        assert code == 1
        assert "is undone already, by #" in err

    def test_a_client_with_later_rows_stays(self, take_in: Any, command: Any, history: Any, stored: Any) -> None:
        take_in({"clients": CLIENTS})
        first = history()[0]["number"]
        take_in({"deals": DEALS[:1]})
        code, _out, err = command("undo_import", first)
        assert code == 1
        assert "clients 'C1': rows of later imports belong to it" in err
        assert "C2" not in err
        assert command("undo_import", first, "--rest")[0] == 0
        assert [row[0] for row in stored()["clients"]] == ["C1"]

    def test_a_service_that_would_overlap_a_later_one_stays_withdrawn(
        self, take_in: Any, command: Any, history: Any, stored: Any, figures: Any
    ) -> None:
        take_in(FACTS)
        take_in({"services": SERVICES[:1]}, "--complete", "services")
        complete = history()[0]["number"]
        take_in({"services": [SERVICES[1] | {"started_on": "2026-08-01"}]})
        code, _out, err = command("undo_import", complete)
        assert code == 1
        assert "services 'C1/2026-07-01': started_on: overlaps the service of client C1" in err
        figures()

    def test_what_a_person_withdrew_since_is_left(
        self, take_in: Any, command: Any, eastwind: Any, stored: Any, history: Any
    ) -> None:
        from accounts.scope import system_scope
        from clients.models import Deal
        from clients.withdrawals import withdraw

        take_in(FACTS)
        pk = Deal.objects.get(deal_id="D2").pk
        withdraw(scope=system_scope(eastwind), kind_key="deals", pks=[pk], reason="twice at the source")
        code, _out, err = command("undo_import")
        assert code == 1
        assert "deals 'D2': withdrawn by a person since" in err

    def test_nothing_to_undo(self, command: Any, take_in: Any) -> None:
        assert command("undo_import")[0] == 1
        assert command("undo_import", 99)[0] == 1
        take_in({"clients": with_cell(CLIENTS, 0, "country", "??")})
        assert "there is no import" in command("undo_import")[2]
        take_in({"clients": CLIENTS})
        take_in({"clients": CLIENTS})
        assert command("undo_import")[0] == 0, "it changed nothing, and so does its undo"

    def test_the_history_for_people(self, command: Any, take_in: Any) -> None:
        take_in(FACTS)
        command("undo_import")
        lines = command("imports")[1].splitlines()
        assert "0 added, 0 changed, 12 withdrawn  committed, undoes #" in lines[0]
        assert "12 rows: 12 added, 0 changed, 0 withdrawn  undone" in lines[1]


def test_the_record_has_only_what_changed(take_in: Any, eastwind: Any) -> None:
    from imports.models import ImportChange

    take_in(FACTS)
    assert {(change.action, change.before) for change in ImportChange.objects.all()} == {("added", None)}
    take_in({"deals": with_cell(with_cell(DEALS, 0, "mrr", "990.00"), 0, "closed_on", "2026-03-01")})
    change = ImportChange.objects.order_by("pk").last()
    assert (change.kind, change.action) == ("deals", "changed")
    assert change.before == {"mrr": 880.00, "closed_on": "2026-02-01"}
