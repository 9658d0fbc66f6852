"""Writing a batch: what is new, changed and the same; ledger and audit log in the same transaction; any order, any repetition."""

from collections.abc import Callable
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.imports.conftest import CLIENTS, DEALS, FACTS, SERVICES, as_csv, with_cell


def counts(result: Any) -> dict[str, tuple[int, int, int]]:
    return {label.rpartition("/")[2]: (each.new, each.changed, each.same) for label, each in result.counts()}


def points_today(partner: Any) -> Decimal:
    from ledger.models import PointEntry

    return sum((entry.points for entry in PointEntry.objects.filter(partner=partner, on__lte="2026-11-23")), Decimal(0))


def test_new_then_the_same_then_changed(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    assert counts(bring_in(FACTS)) == {f"{name}.csv": (len(rows), 0, 0) for name, rows in FACTS.items()}
    before = stored()
    assert counts(bring_in(FACTS)) == {f"{name}.csv": (0, 0, len(rows)) for name, rows in FACTS.items()}
    assert stored() == before
    changed = FACTS | {"deals": with_cell(DEALS, 0, "mrr", "440"), "clients": with_cell(CLIENTS, 1, "tool_usage", "")}
    assert counts(bring_in(changed))["deals.csv"] == (0, 1, 1)
    assert stored()["deals"][0][7] == Decimal("440.00")


def test_a_cell_that_becomes_empty_is_emptied(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    bring_in({"clients": CLIENTS})
    assert counts(bring_in({"clients": with_cell(CLIENTS, 0, "tool_usage", "")})) == {"clients.csv": (0, 1, 1)}
    assert stored()["clients"][0][6] is None


def test_other_spellings_of_the_same_value_are_the_same(bring_in: Callable[..., Any]) -> None:
    bring_in(FACTS)
    other = with_cell(with_cell(DEALS, 0, "mrr", "0880"), 1, "mrr", "100.00")
    assert counts(bring_in({"deals": other})) == {"deals.csv": (0, 0, 2)}


def test_importing_the_same_again_posts_nothing_and_leaves_cached_pages_alone(
    bring_in: Callable[..., Any], eastwind: Any
) -> None:
    first = bring_in(FACTS)
    eastwind.refresh_from_db()
    generation = eastwind.generation
    assert first.batch.points["entries"] > 0
    again = bring_in(FACTS)
    eastwind.refresh_from_db()
    assert (again.batch.points["entries"], again.batch.points["corrections"]) == (0, 0)
    assert eastwind.generation == generation
    bring_in({"certifications": [FACTS["certifications"][0] | {"person": "Ann"}]})
    eastwind.refresh_from_db()
    assert eastwind.generation > generation


def test_the_ledger_is_posted_in_the_same_transaction(bring_in: Callable[..., Any], eastwind: Any) -> None:
    from ledger.models import PointEntry

    result = bring_in({"clients": CLIENTS, "deals": DEALS})
    entry = PointEntry.objects.get(partner=eastwind)
    # EUR 880 at 88 a unit, 5 points, a standard market
    assert (entry.points, entry.batch_id) == (Decimal("50.0000"), result.batch.pk)
    assert result.batch.points["points_before"]["total"] == "0.0000"
    assert result.batch.points["points_after"]["total"] == "50.0000"


def test_a_changed_fact_is_a_correction(bring_in: Callable[..., Any], eastwind: Any) -> None:
    bring_in({"clients": CLIENTS, "deals": DEALS})
    result = bring_in({"deals": with_cell(DEALS, 0, "mrr", "440")})
    assert (result.batch.points["entries"], result.batch.points["corrections"]) == (2, 1)
    assert points_today(eastwind) == Decimal("25.0000")


def test_a_deal_that_moves_to_another_client_takes_its_points_along(
    bring_in: Callable[..., Any], eastwind: Any
) -> None:
    from ledger.models import PointEntry

    bring_in({"clients": CLIENTS, "deals": DEALS})
    bring_in({"deals": with_cell(DEALS, 0, "client_id", "C2")})
    sums: dict[str, Decimal] = {}
    for entry in PointEntry.objects.filter(partner=eastwind).select_related("client"):
        sums[entry.client.client_id] = sums.get(entry.client.client_id, Decimal(0)) + entry.points
    assert sums == {"C1": Decimal(0), "C2": Decimal("100.0000")}  # India counts twice


def test_a_client_that_moves_to_another_country_is_counted_anew(bring_in: Callable[..., Any], eastwind: Any) -> None:
    bring_in({"clients": CLIENTS, "deals": DEALS})
    bring_in({"clients": with_cell(CLIENTS, 0, "country", "IN")})
    assert points_today(eastwind) == Decimal("100.0000")


def test_the_audit_log_has_counts_and_no_contents(bring_in: Callable[..., Any], eastwind: Any) -> None:
    from accounts.models import AuditEvent

    good = bring_in(FACTS)
    bad = bring_in({"clients": with_cell(CLIENTS, 0, "country", "??")})
    events = AuditEvent.objects.filter(partner=eastwind).order_by("id")
    assert [(event.action, event.subject, event.details) for event in events] == [
        ("import.written", f"#{good.batch.pk}", {"rows": 12, "new": 12, "changed": 0, "withdrawn": 0, "left_out": 0}),
        ("import.failed", f"#{bad.batch.pk}", {"rows": 2, "errors": 1}),
    ]


def test_a_failed_batch_keeps_what_was_wrong(bring_in: Callable[..., Any]) -> None:
    from imports.models import BatchStatus

    batch = bring_in({"clients": with_cell(CLIENTS, 0, "country", "??")}).batch
    assert (batch.status, batch.rows, batch.bad_rows, batch.errors) == (BatchStatus.FAILED, 2, 1, 1)
    problem = batch.problems.get()
    assert (problem.row, problem.column, problem.value, problem.table.kind) == (2, "country", "??", "clients")


def test_bad_rows_that_are_left_out_are_written_down(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    result = bring_in({"clients": with_cell(CLIENTS, 0, "country", "??")}, skip_bad_rows=True)
    batch = result.batch
    assert result.written
    assert (batch.skip_bad_rows, batch.rows, batch.bad_rows) == (True, 2, 1)
    assert [row[0] for row in stored()["clients"]] == ["C2"]
    assert batch.problems.count() == 1


def test_a_workbook_with_a_sheet_a_kind(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    import csv
    import io
    from datetime import date

    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "Read me"
    for name, rows in FACTS.items():
        sheet = book.create_sheet(name)
        for line in csv.reader(as_csv(name, rows).splitlines()):
            sheet.append([_typed(cell) for cell in line])
    file = io.BytesIO()
    book.save(file)
    result = bring_in({"november.xlsx": file.getvalue()})
    assert [(label.rpartition("/")[2], each.new) for label, each in result.counts()] == [
        (f"november.xlsx[{name}]", len(rows)) for name, rows in FACTS.items()
    ]
    from_workbook = stored()
    same = FACTS | {"cancellations": with_cell(FACTS["cancellations"], 0, "reason", "")}
    assert counts(bring_in(same)) == {f"{name}.csv": (0, 0, len(rows)) for name, rows in FACTS.items()}
    assert stored() == from_workbook
    assert from_workbook["deals"][0][10] == date(2026, 2, 1)


def _typed(cell: str) -> Any:
    """As a person's workbook would hold it: real numbers and days; months as days where they look like it."""
    from datetime import date

    if cell.startswith("="):
        return None  # typed in, it would be a formula
    if len(cell) == 10 and cell[4] == "-":
        return date.fromisoformat(cell)
    if len(cell) == 7 and cell[4] == "-" and cell[5] != "Q":
        return date.fromisoformat(f"{cell}-01")
    try:
        return float(cell)
    except ValueError:
        return cell or None


def test_one_kind_a_workbook_named_after_it(bring_in: Callable[..., Any], stored: Callable[[], Any]) -> None:
    import io

    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "Sheet1"
    for row in (["client_id", "name", "country", "currency"], [1001, "Ada", "NL", "EUR"]):
        book.active.append(row)
    book.create_sheet("Sheet2")
    file = io.BytesIO()
    book.save(file)
    assert bring_in({"Clients.xlsx": file.getvalue()}).written
    assert stored()["clients"][0][:2] == ("1001", "Ada")


def test_a_formula_in_a_workbook_is_an_error_and_nothing_is_written(
    bring_in: Callable[..., Any], stored: Callable[[], Any]
) -> None:
    import io

    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "clients"
    for row in (["client_id", "name", "country", "currency", "note"], ["C1", '="A"&"da"', "NL", "EUR", "=1+1"]):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    result = bring_in({"clients.xlsx": file.getvalue()})
    assert [(problem.row, problem.column, problem.value, problem.message) for _label, problem in result.problems] == [
        (2, "name", '="A"&"da"', "a formula without a calculated value")
    ]
    assert stored()["clients"] == []


ORDERS = list(permutations(["deals", "services", "cancellations"]))


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(order, id="-".join(order), marks=() if place in (0, len(ORDERS) - 1) else pytest.mark.sweep)
        for place, order in enumerate(ORDERS)
    ],
)
def test_any_order_of_files_gives_the_same_points(
    bring_in: Callable[..., Any], eastwind: Any, order: tuple[str, ...]
) -> None:
    bring_in({"clients": CLIENTS})
    for name in order:
        bring_in({name: FACTS[name]})
    # D1: EUR 880 is 10 units, 5 points each: 50, on 2026-02-01, still active. Service of EUR 440 with 2 partners: 2.5
    assert points_today(eastwind) == Decimal("52.5000")


PIECES = [
    {"deals": DEALS},
    {"deals": DEALS[:1], "certifications": FACTS["certifications"]},
    {"services": SERVICES},
    {"services": SERVICES[1:]},
    {"services": SERVICES[:1], "mrr_history": FACTS["mrr_history"]},
    {"cancellations": FACTS["cancellations"], "renewals": FACTS["renewals"]},
    {"clients": CLIENTS[::-1]},
    FACTS,
]


@pytest.fixture
def all_at_once(bring_in: Callable[..., Any], stored: Callable[[], Any], eastwind: Any) -> Any:
    """What all the facts in one import come to; nothing of it stays."""
    from django.db import transaction

    with transaction.atomic():
        bring_in(FACTS)
        found = stored(), points_today(eastwind)
        transaction.set_rollback(True)
    return found


def any_order_and_any_repetition_gives_the_same_facts_and_points(
    bring_in: Callable[..., Any],
    stored: Callable[[], Any],
    eastwind: Any,
    all_at_once: Any,
    order: list[Any],
    chance: Any,
) -> None:
    from django.db import transaction

    chance.shuffle(order)
    with transaction.atomic():
        bring_in({"clients": CLIENTS})
        # Deals before the lines that name them; all else in the order as drawn.
        for piece in order:
            assert bring_in(piece).written
        assert (stored(), points_today(eastwind)) == all_at_once
        transaction.set_rollback(True)


DRAWN = given(
    st.lists(st.sampled_from(PIECES), max_size=6).map(lambda order: [*order, *PIECES]),
    st.randoms(use_true_random=False),
)
TWICE = settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
test_any_order_and_any_repetition_gives_the_same_facts_and_points = TWICE(
    DRAWN(any_order_and_any_repetition_gives_the_same_facts_and_points)
)
test_any_order_and_any_repetition_at_length = pytest.mark.sweep(
    settings(TWICE, max_examples=20, derandomize=False)(
        DRAWN(any_order_and_any_repetition_gives_the_same_facts_and_points)
    )
)


def test_the_number_of_queries_does_not_grow_with_the_rows(
    bring_in: Callable[..., Any],
) -> None:
    from django.test.utils import CaptureQueriesContext

    bring_in(FACTS)
    with CaptureQueriesContext(connection) as one:
        bring_in({"certifications": [FACTS["certifications"][0] | {"person": "P0"}]})
    with CaptureQueriesContext(connection) as many:
        bring_in({"certifications": [FACTS["certifications"][0] | {"person": f"P{n}"} for n in range(300)]})
    assert len(many) == len(one)
