"""Every rule of docs/points.md 1 and 12 about import files, against the database: what is found, and that nothing is written."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.imports.conftest import (
    CANCELLATIONS,
    CERTIFICATIONS,
    CLIENTS,
    DEALS,
    FACTS,
    MRR_HISTORY,
    RENEWALS,
    SERVICES,
    STATEMENT_LINES,
    as_csv,
    problems,
    with_cell,
)

NOTHING: dict[str, list[Any]] = {name: [] for name in FACTS}
CURRENCIES = "AUD, CAD, COP, EUR, GBP, JPY, SGD, USD, ZAR"

# kind, place of the row, column, value -> message of the error; {n} is a number of the row's own
CELLS = [
    ("clients", 0, "client_id", "", "empty"),
    ("clients", 0, "name", "", "empty"),
    ("clients", 0, "name", "x" * 1001, "longer than 1,000 characters"),
    ("clients", 0, "country", "Netherlands", "not the code of a country"),
    ("clients", 0, "currency", "CHF", "the programme has no fixed amount for CHF"),
    ("clients", 0, "tool_usage", "-1", "below 0"),
    ("clients", 0, "tool_usage", "1.5", "not a whole number"),
    ("clients", 0, "last_active_on", "yesterday", "not a date"),
    ("deals", 0, "deal_id", "", "empty"),
    ("deals", 0, "product_line", "", "empty"),
    ("deals", 0, "kind", "renewal", "not one of the accepted words"),
    ("deals", 0, "origin", "", "empty"),
    ("deals", 0, "origin", "Sourced", "not one of the accepted words"),
    ("deals", 0, "stage", "closed", "not one of the accepted words"),
    ("deals", 0, "mrr", "0", "not above 0"),
    ("deals", 0, "mrr", "-5", "not above 0"),
    ("deals", 0, "mrr", "=1+1", "not a number"),
    ("deals", 0, "mrr", "1.005", "more than 2 decimals"),
    ("deals", 0, "currency", "SEK", "the programme has no fixed amount for SEK"),
    ("deals", 0, "currency", "usd", "not the code of a currency"),
    ("deals", 0, "created_on", "", "empty"),
    ("deals", 0, "created_on", "2026-02-30", "not a date"),
    ("deals", 0, "closed_on", "", "empty, but the deal is won or lost"),
    ("deals", 1, "closed_on", "soon", "not a date"),
    ("deals", 0, "registered", "true", "must be yes or no"),
    ("deals", 0, "client_id", "C9", "not known: no such row of clients is stored or in these files"),
    ("services", 0, "started_on", "", "empty"),
    ("services", 0, "ended_on", "2026-01-01", "not after the service's first day, 2026-01-01"),
    ("services", 0, "ended_on", "2025-12-31", "not after the service's first day, 2026-01-01"),
    ("services", 0, "mrr", "0.00", "not above 0"),
    ("services", 0, "managing_partners", "0", "below 1"),
    ("services", 0, "managing_partners", "one", "not a whole number"),
    ("services", 0, "currency", "CHF", "the programme has no fixed amount for CHF"),
    ("cancellations", 0, "cancelled_on", "", "empty"),
    ("cancellations", 0, "client_id", "C9", "not known: no such row of clients is stored or in these files"),
    ("mrr_history", 0, "month", "2026-01-01", "not a month"),
    ("mrr_history", 0, "mrr", "-0.01", "below 0"),
    ("mrr_history", 0, "currency", "CHF", "the programme has no fixed amount for CHF"),
    ("certifications", 0, "person", "", "empty"),
    ("certifications", 0, "expires_on", "never", "not a date"),
    ("renewals", 0, "current_mrr", "-1", "below 0"),
    ("renewals", 0, "renewal_mrr", "1.001", "more than 2 decimals"),
    ("renewals", 0, "status", "lost", "not one of the accepted words"),
    ("renewals", 0, "currency", "CHF", "the programme has no fixed amount for CHF"),
    ("statement_lines", 0, "period", "2026Q1", "not a quarter"),
    ("statement_lines", 0, "line_no", "1a", "not a whole number"),
    ("statement_lines", 0, "invoice_month", "Feb 2026", "not a month"),
    ("statement_lines", 0, "net_revenue", "1.234", "more than 2 decimals"),
    ("statement_lines", 0, "fx_rate", "0.123456789", "more than 8 decimals"),
    ("statement_lines", 0, "rate", "-0.2", "below 0"),
    ("statement_lines", 0, "rate", "0.2000001", "more than 6 decimals"),
    ("statement_lines", 0, "commission", "1.005", "more than 2 decimals"),
    ("statement_lines", 0, "payout_currency", "dollar", "not the code of a currency"),
    ("statement_lines", 0, "status", "open", "not one of the accepted words"),
    ("statement_lines", 1, "pay_on", "", "empty"),
    ("statement_lines", 0, "deal_id", "D9", "not known: no such row of deals is stored or in these files"),
    ("statement_lines", 1, "adjusts", "S1/9", "not known: no such row of statement_lines is stored or in these files"),
    ("statement_lines", 1, "adjusts", "S1/{n}", "names itself"),
]


def test_the_unspoilt_files_are_good(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    result = bring_in(FACTS)
    assert problems(result) == []
    assert result.written
    found = stored()
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in FACTS.items()}
    assert found["deals"][0] == (
        "D1", "C1", "Start", "Sales Hub", "new", "sourced", "won", Decimal("880.00"), "EUR", date(2026, 1, 5),
        date(2026, 2, 1), True,
    )  # fmt: skip
    assert found["clients"][1] == ("C2", "Borealis", "", "IN", "USD", "", None, "", None)
    assert found["mrr_history"] == [("C1", date(2026, 1, 1), Decimal("0.00"), "EUR")]
    assert found["cancellations"] == [("C2", "", date(2026, 9, 1), "=SUM(A1)")]


# What tells a row from all others; otherwise its client, who is its own.
KEYS = {"clients": "client_id", "deals": "deal_id", "certifications": "person", "statement_lines": "line_no"}


@pytest.mark.parametrize("kind", FACTS)
def test_wrong_cells(bring_in: Callable[..., Any], stored: Callable[[], Any], kind: str) -> None:
    """Each in a row of its own behind the good ones: all are found, and nothing else."""
    cells = [(place, *rest) for of_kind, place, *rest in CELLS if of_kind == kind]
    rows, clients, expected = list(FACTS[kind]), list(CLIENTS), set()
    for n, (place, column, value, message) in enumerate(cells, 10):
        cell = value.replace("{n}", str(n))
        shown = cell if len(cell) <= 200 else cell[:200] + "…"
        expected.add((f"{kind}.csv", len(rows) + 2, column, shown, message))
        own = {KEYS.get(kind, "client_id"): f"C{n}" if kind != "statement_lines" else str(n)}
        rows.append(FACTS[kind][place] | own | {column: cell})
        if kind != "clients":
            clients.append(CLIENTS[0] | {"client_id": f"C{n}"})
    named = {"deals": DEALS} if kind == "statement_lines" else {}
    result = bring_in({"clients": clients} | named | {kind: rows})
    assert set(problems(result)) == expected
    assert not result.written
    assert stored() == NOTHING


@pytest.mark.parametrize("kind", ["deals", "services"])
def test_one_wrong_cell_is_enough(bring_in: Callable[..., Any], stored: Callable[[], Any], kind: str) -> None:
    result = bring_in({"clients": CLIENTS, kind: with_cell(FACTS[kind], 0, "mrr", "0")})
    assert problems(result) == [(f"{kind}.csv", 2, "mrr", "0", "not above 0")]
    assert not result.written
    assert stored() == NOTHING


def test_every_error_of_every_file_is_found_at_once(bring_in: Callable[..., Any]) -> None:
    deals = with_cell(with_cell(with_cell(DEALS, 0, "currency", "CHF"), 0, "closed_on", "23.11.2026"), 1, "mrr", "-120")
    result = bring_in(
        FACTS
        | {
            "deals": deals,
            "mrr_history": with_cell(MRR_HISTORY, 0, "client_id", "C093"),
            "renewals": with_cell(RENEWALS, 0, "status", ""),
        }
    )
    assert [(file, row, column, value) for file, row, column, value, _message in problems(result)] == [
        ("deals.csv", 2, "currency", "CHF"),
        ("deals.csv", 2, "closed_on", "23.11.2026"),
        ("deals.csv", 3, "mrr", "-120"),
        ("mrr_history.csv", 2, "client_id", "C093"),
        ("renewals.csv", 2, "status", ""),
        ("statement_lines.csv", 2, "deal_id", "D1"),
        ("statement_lines.csv", 3, "adjusts", "S1/1"),
    ]
    accepted = {problem.column: problem.accepted for _label, problem in result.problems}
    assert accepted["currency"] == CURRENCIES
    assert accepted["closed_on"] == "a date such as 2026-11-23"
    assert accepted["mrr"] == "a number above 0 with at most 2 decimals, such as 1250.50"


# The same key twice


@pytest.mark.parametrize(
    ("kind", "rows", "changes", "column"),
    [
        ("clients", CLIENTS, {"name": "Other"}, "client_id"),
        ("deals", DEALS, {}, "deal_id"),
        ("services", SERVICES, {"mrr": "1"}, "started_on"),
        ("cancellations", CANCELLATIONS, {}, "cancelled_on"),
        ("mrr_history", MRR_HISTORY, {"mrr": "5"}, "month"),
        ("certifications", CERTIFICATIONS, {}, "earned_on"),
        ("renewals", RENEWALS, {}, "renews_on"),
        ("statement_lines", STATEMENT_LINES, {"line_no": "01"}, "line_no"),
    ],
)
def test_the_same_key_twice_is_an_error_on_the_later_row(
    bring_in: Callable[..., Any], kind: str, rows: list[dict[str, str]], changes: dict[str, str], column: str
) -> None:
    result = bring_in({"clients": CLIENTS, "deals": DEALS, kind: [*rows, rows[0] | changes]})
    found = [(file, row, name, message) for file, row, name, _value, message in problems(result)]
    assert found == [(f"{kind}.csv", len(rows) + 2, column, found[0][3])]
    assert found[0][3].endswith("as in row 2")


def test_keys_that_differ_in_an_empty_column_are_different(bring_in: Callable[..., Any]) -> None:
    rows = [*CANCELLATIONS, CANCELLATIONS[0] | {"product_line": "Sales Hub"}]
    assert bring_in(FACTS | {"cancellations": rows}).written


def test_two_files_may_say_the_same_but_not_different_things(
    bring_in: Callable[..., Any], stored: Callable[[], Any]
) -> None:
    same = as_csv("clients", list(reversed(CLIENTS)))
    other = as_csv("clients", with_cell(CLIENTS, 1, "name", "Boreas"))
    book = {"clients": CLIENTS, "CLIENTS.csv": same}
    result = bring_in(book)
    assert problems(result) == []
    assert [counts.same for _label, counts in result.counts()] == [0, 2]
    result = bring_in({"clients": CLIENTS, "Clients.csv": other})
    assert [(file, row, column) for file, row, column, _value, _message in problems(result)] == [
        ("Clients.csv", 3, "client_id")
    ]
    assert problems(result)[0][4].endswith("clients.csv, with other values")
    assert len(stored()["clients"]) == 2


# References


def test_what_is_stored_may_be_referred_to(bring_in: Callable[..., Any]) -> None:
    assert bring_in({"clients": CLIENTS}).written
    assert bring_in({"deals": DEALS}).written
    assert bring_in({"statement_lines": STATEMENT_LINES[:1]}).written
    assert bring_in({"statement_lines": STATEMENT_LINES[1:]}).written


def test_a_row_that_names_a_bad_row_is_bad_too(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    result = bring_in(FACTS | {"clients": with_cell(CLIENTS, 1, "country", "??")}, skip_bad_rows=True)
    named = "the row of this import that it names has errors"
    assert problems(result) == [
        ("clients.csv", 3, "country", "??", "not the code of a country"),
        ("deals.csv", 3, "client_id", "C2", named),
        ("cancellations.csv", 2, "client_id", "C2", named),
    ]
    assert result.written
    assert result.batch.bad_rows == 3
    assert {name: len(rows) for name, rows in stored().items()} == {
        "clients": 1, "deals": 1, "services": 2, "cancellations": 0, "mrr_history": 1, "certifications": 1, "renewals": 1,
        "statement_lines": 2,
    }  # fmt: skip


def test_a_bad_update_of_a_stored_client_does_not_spoil_its_deals(bring_in: Callable[..., Any]) -> None:
    assert bring_in({"clients": CLIENTS}).written
    result = bring_in({"clients": with_cell(CLIENTS, 0, "country", "??"), "deals": DEALS}, skip_bad_rows=True)
    assert [(file, row) for file, row, *_rest in problems(result)] == [("clients.csv", 2)]


def test_a_chain_of_adjustments_falls_with_its_first_line(
    bring_in: Callable[..., Any], stored: Callable[[], Any]
) -> None:
    first, second = STATEMENT_LINES
    chain = [
        first | {"rate": "lots"},
        second,
        second | {"line_no": "3", "adjusts": "S1/2"},
        second | {"line_no": "4", "adjusts": ""},
    ]
    result = bring_in(FACTS | {"statement_lines": chain}, skip_bad_rows=True)
    assert [(row, column) for _file, row, column, *_rest in problems(result)] == [
        (2, "rate"),
        (3, "adjusts"),
        (4, "adjusts"),
    ]
    assert [row[2] for row in stored()["statement_lines"]] == [4]


def test_a_line_may_adjust_a_later_one_of_the_same_file(bring_in: Callable[..., Any]) -> None:
    assert bring_in(FACTS | {"statement_lines": list(reversed(STATEMENT_LINES))}).written


def test_clients_of_another_partner_are_unknown(bring_in: Callable[..., Any], other_partner: Any) -> None:
    from accounts.scope import partner_scope
    from clients.models import Client

    with partner_scope(other_partner):
        Client.objects.create(partner=other_partner, client_id="C7", name="Theirs", country="NL", currency="EUR")
    result = bring_in({"clients": CLIENTS, "deals": with_cell(DEALS, 0, "client_id", "C7")})
    assert [(row, column, value) for _file, row, column, value, _message in problems(result)] == [
        (2, "client_id", "C7")
    ]


# Currencies by day


def test_a_currency_is_judged_by_the_table_of_the_day(bring_in: Callable[..., Any]) -> None:
    from program.models import CurrencyAmount, CurrencyTable, Program
    from program.services import rules_changed

    table = CurrencyTable.objects.create(program=Program.objects.get(), start=date(2026, 3, 1))
    for currency in ("USD", "EUR", "CHF"):
        CurrencyAmount.objects.create(table=table, currency=currency, amount=Decimal(90))
    rules_changed(program=Program.objects.get())
    swiss = [
        DEALS[0] | {"deal_id": "D1", "currency": "CHF", "closed_on": "2026-02-28", "registered": "no"},
        DEALS[0] | {"deal_id": "D2", "currency": "CHF", "closed_on": "2026-03-01", "registered": "no"},
        DEALS[0] | {"deal_id": "D3", "currency": "CHF", "closed_on": "2026-03-01", "created_on": "2026-01-01"},
        DEALS[0] | {"deal_id": "D4", "currency": "GBP", "closed_on": "2026-03-01", "registered": "no"},
        DEALS[1] | {"deal_id": "D5", "currency": "CHF"},
    ]
    result = bring_in({"clients": CLIENTS, "deals": swiss})
    assert [(row, column, value, message) for _file, row, column, value, message in problems(result)] == [
        (2, "currency", "CHF", "the programme has no fixed amount for CHF on 2026-02-28"),
        (4, "currency", "CHF", "the programme has no fixed amount for CHF on 2026-01-01"),
        (5, "currency", "GBP", "the programme has no fixed amount for GBP on 2026-03-01"),
    ]


# Services


def service(started: str, ended: str = "", client: str = "C1") -> dict[str, str]:
    return SERVICES[0] | {"client_id": client, "started_on": started, "ended_on": ended}


OVERLAPS = [
    ("one after the other", [("01-01", "02-01"), ("02-01", "")], []),
    ("a gap", [("01-01", "02-01"), ("03-01", "")], []),
    ("a day too many", [("01-01", "02-02"), ("02-01", "")], [3]),
    ("in any order of rows", [("02-01", ""), ("01-01", "02-02")], [2]),
    ("no end", [("01-01", ""), ("06-01", "")], [3]),
    ("inside", [("01-01", "12-01"), ("02-01", "03-01")], [3]),
    ("a long one over several", [("01-01", "12-01"), ("02-01", "03-01"), ("04-01", "05-01")], [3, 4]),
    ("only the neighbours", [("01-01", "03-01"), ("02-01", "05-01"), ("04-01", "06-01"), ("06-01", "")], [3, 4]),
]


@pytest.mark.parametrize(("spans", "rows"), [case[1:] for case in OVERLAPS], ids=[case[0] for case in OVERLAPS])
def test_services_of_a_client_do_not_overlap(
    bring_in: Callable[..., Any], spans: list[tuple[str, str]], rows: list[int]
) -> None:
    services = [service(f"2026-{start}", f"2026-{end}" if end else "") for start, end in spans]
    result = bring_in({"clients": CLIENTS, "services": [*services, service("2026-01-15", "", client="C2")]})
    assert [(row, column) for _file, row, column, *_rest in problems(result)] == [(row, "started_on") for row in rows]


def test_an_overlap_names_the_other_service(bring_in: Callable[..., Any]) -> None:
    spans = [service("2026-01-01", "2026-03-01"), service("2026-02-01"), service("2026-05-01")]
    result = bring_in({"clients": CLIENTS, "services": spans})
    assert [message for *_rest, message in problems(result)] == [
        "overlaps the service of client C1 from 1 Jan 2026 to 1 Mar 2026",
        "overlaps the service of client C1 that started on 1 Feb 2026 and has no end",
    ]


def test_stored_services_count_unless_the_batch_replaces_them(bring_in: Callable[..., Any]) -> None:
    assert bring_in({"clients": CLIENTS, "services": [service("2026-05-01")]}).written
    later = bring_in({"services": [service("2026-06-01")]})
    assert [(row, message) for _file, row, _column, _value, message in problems(later)] == [
        (2, "overlaps the service of client C1 that started on 1 May 2026 and has no end")
    ]
    earlier = bring_in({"services": [service("2026-01-01")]})
    assert [(row, message) for _file, row, _column, _value, message in problems(earlier)] == [
        (2, "overlaps the service of client C1 that started on 1 May 2026 and has no end")
    ]
    assert bring_in({"services": [service("2026-05-01", "2026-06-01"), service("2026-06-01")]}).written
    assert bring_in({"services": [service("2026-01-01", "2026-05-01")]}).written


# Files as a whole


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [(1, "", "no header")]),
        ("\n", [(1, "", "no header")]),
        (b"client_id,name,country,currency\nC1,Zo\xeb,NL,EUR\n", [(1, "", "the file is not UTF-8 (line 2)")]),
        ("client_id,name,currency\nC1,Ada,EUR\n", [(1, "country", "the column is missing")]),
        (
            "Client_ID,name,country,currency\nC1,Ada,NL,EUR\n",
            [(1, "client_id", "the column is missing (“Client_ID” is spelled differently)")],
        ),
        ("client_id,name,name,country,currency\nC1,a,b,NL,EUR\n", [(1, "name", "the column is there twice")]),
        ('client_id,name,country,currency\nC1,"Ada,NL,EUR\n', [(2, "", "a quote that opens in this row never closes")]),
        (
            "client_id,name,country,currency\nC1,Ada,NL,EUR,x\n",
            [(2, "", "5 cells, but the header has 4")],
        ),
        (
            "C1,Ada,NL,EUR\n",
            [(1, name, "the column is missing") for name in ("client_id", "name", "country", "currency")],
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used(
    bring_in: Callable[..., Any], stored: Callable[[], Any], content: str | bytes, expected: list[tuple[int, str, str]]
) -> None:
    result = bring_in({"clients.csv": content})
    assert [(row, column, message) for _file, row, column, _value, message in problems(result)] == expected
    assert not result.written
    assert stored() == NOTHING


def test_leaving_out_bad_rows_does_not_help_a_file_that_cannot_be_used(bring_in: Callable[..., Any]) -> None:
    result = bring_in(
        {"clients.csv": "client_id,name,currency\nC1,Ada,EUR\n", "certifications": CERTIFICATIONS}, skip_bad_rows=True
    )
    assert not result.written


def test_a_header_alone_is_a_file_without_rows(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    assert bring_in({name: [] for name in FACTS}).written
    assert stored() == NOTHING


def test_unknown_columns_are_passed_over_with_a_notice(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    text = "segment;currency;country;name;client_id;mrr\nA;EUR;NL;Ada;C1;=broken\n"
    result = bring_in({"clients.csv": text})
    assert result.written
    assert result.batch.tables.get().notices == [
        "separator ; found",
        "column “segment” ignored",
        "column “mrr” ignored",
    ]
    assert stored()["clients"] == [("C1", "Ada", "", "NL", "EUR", "", None, "", None)]


def test_a_name_too_long_for_a_key_or_an_index_is_no_crash(bring_in: Callable[..., Any]) -> None:
    import random

    chance = random.Random(1)  # noqa: S311 -- text that does not compress
    wide = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(1000))
    result = bring_in({"clients": [CLIENTS[0] | {"name": wide}]})
    assert result.written
    result = bring_in({"clients": [CLIENTS[0] | {"client_id": wide}]})
    assert [message for *_rest, message in problems(result)] == ["too long to tell rows apart by: over 1300 bytes"]
    assert bring_in(
        {"certifications": [CERTIFICATIONS[0] | {"person": wide[:433], "certification": wide[433:866]}]}
    ).written


def test_facts_dated_after_the_clock_are_taken(bring_in: Callable[..., Any]) -> None:
    assert bring_in({"clients": CLIENTS, "deals": with_cell(DEALS, 0, "closed_on", "2027-05-01")}).written


def test_a_deal_that_is_open_may_have_a_day_of_closing(bring_in: Callable[..., Any]) -> None:
    assert bring_in({"clients": CLIENTS, "deals": with_cell(DEALS, 1, "closed_on", "2026-02-01")}).written
