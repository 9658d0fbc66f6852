"""Mappings of somebody else's files: what each rule makes of a cell, and how errors lead back to the file."""

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from imports.cells.proposals import Example, Proposal, propose_days, propose_decimals
from imports.mapping import (
    Mapping,
    Rule,
    WrongMapping,
    fingerprint,
    from_data,
    in_source_terms,
    mapped,
    proposed,
    ready_made,
    typed_tables,
)
from imports.tables import Problem, Table
from partner_portal.lib.rows.facts import kind


@pytest.mark.parametrize(
    ("settings", "text", "read"),
    [
        ({"dates": "iso"}, "2026-11-23T23:30:00Z", "2026-11-24"),  # half past midnight in Amsterdam
        ({"dates": "iso"}, "2026-11-23 23:30:00", "2026-11-23"),  # no zone: as written
        ({"dates": "iso"}, "2026-11-23", "2026-11-23"),
        ({"dates": "iso"}, "23/11/2026", "23/11/2026"),
        ({"dates": "epoch_ms"}, "1795392000000", "2026-11-23"),
        ({"dates": "epoch_ms"}, "1795476600000", "2026-11-24"),  # 2026-11-23 23:30 UTC
        # Exactly midnight UTC is one day in both forms, whatever offset it is written with, and a moment when that is said.
        ({"dates": "iso"}, "2026-04-01T00:00:00Z", "2026-04-01"),
        ({"dates": "epoch_ms"}, "yesterday", "yesterday"),
        ({"dates": "epoch_ms"}, "999999999999999", "999999999999999"),  # after the year 9999
        ({"dates": "day_first"}, "23/11/2026", "2026-11-23"),
        ({"dates": "day_first"}, "11/23/2026", "11/23/2026"),
        ({"dates": "month_first"}, "11/23/2026", "2026-11-23"),
        ({"decimals": "comma"}, "1.234,56", "1234.56"),
        ({"decimals": "comma"}, "1,234.56", "1,234.56"),
        ({"decimals": "point"}, "1,234.56", "1234.56"),
        ({"decimals": "point"}, "12,34", "12,34"),
        ({"words": {"closedwon": "won"}}, "ClosedWon", "won"),
        ({"words": {"closedwon": "won"}}, "our own stage", "our own stage"),
        ({"words": {"Yes": "yes", "No": "no"}}, "No", "no"),
        ({}, "", ""),
    ],
)
def test_a_rule_reads_a_cell_or_leaves_it(settings: dict, text: str, read: str) -> None:
    assert Rule(("x",), **settings).read(text, ZoneInfo("Europe/Amsterdam")) == read


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso", "2026-04-01T00:00:00Z"),
        ("iso", "2026-04-01T00:00:00.000+00:00"),
        ("iso", "2026-04-01 02:00:00+02:00"),
        ("epoch_ms", "1775001600000"),
    ],
)
def test_midnight_utc_is_read_in_one_way_whatever_its_form(form: str, text: str) -> None:
    phoenix = ZoneInfo("America/Phoenix")
    assert Rule(("x",), dates=form).read(text, phoenix) == "2026-04-01"
    assert Rule(("x",), dates=form, midnight_utc="day").read(text, phoenix) == "2026-04-01"
    assert Rule(("x",), dates=form, midnight_utc="moment").read(text, phoenix) == "2026-03-31"


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("iso", "2026-04-01T01:09:44Z", "2026-03-31"),
        ("iso", "2026-03-31T23:59:59.123Z", "2026-03-31"),
        ("iso", "2026-04-01T00:00:00.001Z", "2026-03-31"),
        ("iso", "2026-03-31 23:30", "2026-03-31"),  # without a zone: as written
        ("iso", "2026-04-01T00:00:00", "2026-04-01"),
        ("iso", "2026-04-01", "2026-04-01"),
        ("epoch_ms", "1775005784000", "2026-03-31"),
    ],
)
def test_other_moments_are_days_of_the_time_zone(form: str, text: str, day: str) -> None:
    for meaning in ("", "day", "moment"):
        assert Rule(("x",), dates=form, midnight_utc=meaning).read(text, ZoneInfo("America/Phoenix")) == day


def test_an_unknown_meaning_of_midnight_is_refused() -> None:
    with pytest.raises(WrongMapping):
        Rule(("x",), midnight_utc="noon")


def table(header: list[str], *rows: list[str]) -> Table:
    return Table("", header, pd.DataFrame(list(rows), index=[2, 5][: len(rows)], dtype=object))


def test_mapped_rows_keep_their_numbers_and_errors_name_the_file_s_column() -> None:
    mapping = Mapping("deals", "", {"mrr": Rule(("hs_mrr",), decimals="comma"), "currency": Rule(constant="EUR")})
    source = table(["other", "HS_MRR"], ["a", "1.234,56"], ["b", "-1,00"])
    result = mapped(source, mapping)
    assert result.header == ["mrr", "currency"]
    assert result.rows.to_dict("index") == {2: {0: "1234.56", 1: "EUR"}, 5: {0: "-1.00", 1: "EUR"}}
    error = in_source_terms(Problem(5, "mrr", "-1.00", "not above 0"), source, mapping)
    assert (error.row, error.column, error.value) == (5, "HS_MRR", "-1,00")
    constant = Problem(5, "currency", "EUR", "no fixed amount")
    assert in_source_terms(constant, source, mapping) == constant


def test_what_reading_found_stays_with_its_column_and_with_its_row() -> None:
    source = table(["amount", "unused"], ["", ""])
    source.problems += [
        Problem(2, "amount", "=A1", "a formula"),
        Problem(2, "unused", "=A1", "a formula"),
        Problem(2, "", "x", "cells"),
    ]
    result = mapped(source, Mapping("deals", "", {"mrr": Rule(("amount",))}))
    assert [(each.column, each.message) for each in result.problems] == [("mrr", "a formula"), ("", "cells")]


def test_the_exact_name_goes_first_and_a_repeated_one_is_refused() -> None:
    assert Rule(("Amount",)).place_in(["amount", "Amount"]) == 1
    assert Rule(("hs_mrr", "amount")).place_in(["amount"]) == 0
    with pytest.raises(WrongMapping):
        Rule(("amount",)).place_in(["amount", "amount"])


@pytest.mark.parametrize("key", ["clients", "deals"])
def test_ready_made_mappings_name_our_columns_and_ask_for_what_is_not_there(key: str) -> None:
    columns = kind(key).columns
    mapping = from_data(key, dict(ready_made())[key], [column.name for column in columns])
    required = [column.name for column in columns if column.required]
    assert {*mapping.columns, *mapping.asked} >= set(required)
    header = [rule.source[0] for name, rule in mapping.columns.items() if name not in mapping.asked]
    assert mapping.missing(required, header) == [name for name in required if name in mapping.asked]
    assert mapping.proposes(required, header)
    assert not mapping.proposes(required, ["hs_object_id"])
    assert from_data(key, mapping.as_data(), [column.name for column in columns]) == mapping


@pytest.mark.parametrize(
    "data",
    [
        {"columns": {"nonsense": {}}},
        {"columns": {"mrr": {"formula": "x"}}},
        {"columns": {"mrr": {"dates": "guess"}}},
        {"columns": {"mrr": {"source": ["a"], "constant": "1"}}},
    ],
)
def test_what_is_no_mapping_is_refused(data: dict) -> None:
    with pytest.raises(WrongMapping):
        from_data("deals", data, ["mrr"])


def test_a_header_is_known_again_in_another_order() -> None:
    assert fingerprint(["A", "b"]) == fingerprint(["B", "a", ""])
    assert fingerprint(["A", "b"]) != fingerprint(["A", "c"])


@pytest.mark.parametrize(
    ("rule", "cells", "wrong"),
    [
        (Rule(("x",), decimals="comma"), ["USD 900.00", "1.250,50"], "written with a decimal point"),
        (Rule(("x",), decimals="point"), ["1.250,50", "1'250.50"], "written with a decimal comma"),
        (Rule(("x",), dates="day_first"), ["2/20/2026", "1-2-2026"], "written with the month first"),
        (Rule(("x",), dates="month_first"), ["20-2-2026", "1-2-2026"], "written with the day first"),
    ],
)
def test_a_cell_written_in_another_way_than_its_column_says_so(rule: Rule, cells: list[str], wrong: str) -> None:
    result = mapped(table(["x"], *([cell] for cell in cells)), Mapping("deals", "", {"mrr": rule}))
    (problem,) = result.problems
    assert (problem.row, problem.column, problem.value) == (2, "mrr", cells[0])
    assert problem.message.startswith(wrong)


def test_headers_of_typed_tables_are_proposed_after_our_own_names() -> None:
    known = [column.name for column in kind("services").columns]
    header = ["Klantnummer", "Begindatum", "Einddatum", "mrr", "Bedrag", "Valuta", "Aantal partners"]
    rules = proposed("services", known, header).columns
    assert {name: header[rule.place_in(header)] for name, rule in rules.items()} == {
        "client_id": "Klantnummer", "started_on": "Begindatum", "ended_on": "Einddatum", "mrr": "mrr",
        "currency": "Valuta", "managing_partners": "Aantal partners",
    }  # fmt: skip


@pytest.mark.parametrize("key", typed_tables())
def test_headers_of_typed_tables_are_of_columns_that_exist(key: str) -> None:
    columns = [column.name for column in kind(key).columns]
    mapping = from_data(key, typed_tables()[key], columns)
    required = [column.name for column in kind(key).columns if column.required]
    header = [rule.source[0] for rule in mapping.columns.values()]
    assert mapping.proposes(required, header) == (key != "deals")  # a deal is more than people type


def test_cells_that_are_written_in_two_ways_are_both_named() -> None:
    amounts = [Example(2, "3 116"), Example(3, "1.250,50"), Example(4, "USD 900.00")]
    assert propose_decimals(amounts, lambda _text: True, "") == Proposal("", doubt=amounts[1], against=amounts[2])
    days = [Example(2, "1-2-2026"), Example(3, "20-2-2026"), Example(4, "2/20/2026")]
    assert propose_days(days, "") == Proposal("", doubt=days[1], against=days[2])
    assert propose_days(days[:1], "") == Proposal("", doubt=days[0])
