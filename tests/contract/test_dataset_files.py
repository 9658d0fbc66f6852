"""Every dataset as a file, for every role: what is read back is what the figure sums, in both dialects and in workbooks."""

import csv
import io
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pandas
import pytest
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.utils import translation

from accounts.roles import Permission
from partner_portal.lib.rows.datasets import Kind, all_datasets, select
from reports.dialects import DIALECTS
from reports.writers import columns_of, write_csv, write_csv_in_python, write_xlsx
from tests.contract.conftest import dealt

DATASETS = [dataset.key for dataset in all_datasets()]
YEAR = {f"{prefix}range": "last-12-months" for prefix in ("changes_", "shared_", "pay_", "renewals_", "")}
NUMBERS = {Kind.POINTS, Kind.MONEY, Kind.RATIO, Kind.RATE}

# OWASP's list for CSV injection, and the full-width forms of its signs.
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NASTY = [
    '=HYPERLINK("http://evil.example";"x")', "+31 20 555 0100", "-Dash BV", "@agency", "\ttab", "\rreturn", "＝wide", "＋wide",
    'He said "no"; then, left', "two\nlines", "semi;colon, comma", "x" * 1000, "שלום עולם", "مرحبا", "Zoë 😀 Ålesund", "'quoted",
    " leading blank", "NULL", "\\N", "\\.", "1-2", "00123", "",
]  # fmt: skip


def opened(key, scope, columns=None):
    """The dataset over a year, or None when the role may not see it."""
    try:
        selection = select(key, scope, YEAR)
    except PermissionDenied:
        return None
    return selection.with_columns(columns(selection)) if columns else selection


def everything(selection):
    return [column.name for column in selection.dataset.permitted(selection.scope)]


def copyable(selection):
    return [
        column.name for column in selection.dataset.permitted(selection.scope) if column.written or not column.compute
    ]


def csv_of(writer, selection, dialect):
    out = io.BytesIO()
    written = writer(selection, out, DIALECTS[dialect])
    return written, out.getvalue()


def parsed(data, dialect):
    text = data.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=DIALECTS[dialect].delimiter))
    return rows[0], rows[1:]


@pytest.mark.parametrize("key", DATASETS)
def test_the_database_and_python_write_the_same_bytes(scope, key):
    """In one dialect, the next dataset in the next: a dialect is about kinds of columns, which many datasets have."""
    dialect = list(DIALECTS)[DATASETS.index(key) % len(DIALECTS)]
    selection = opened(key, scope, copyable)
    if not isinstance(selection.rows, QuerySet):
        return
    copied, one = csv_of(write_csv, selection, dialect)
    written, other = csv_of(write_csv_in_python, selection, dialect)
    assert one == other
    assert copied.rows == written.rows
    assert {name: round(total, 8) for name, total in copied.totals.items()} == {
        name: round(total, 8) for name, total in written.totals.items()
    }


def test_sentences_of_the_database_are_those_of_python_in_dutch_and_without_money(scope_of):
    with translation.override("nl"):
        for key in ("changes-new-sold", "changes-lost-sold", "changes-new-managed", "client-entries", "client-lots"):
            selection = select(key, scope_of("member"), {"changes_from": "2000-01-01"}).with_columns(["on", "why"])
            assert csv_of(write_csv, selection, "comma") == csv_of(write_csv_in_python, selection, "comma"), key


@pytest.mark.parametrize(("key", "role"), dealt(DATASETS, ("admin", "member", "outsider")))
def test_a_csv_read_back_sums_to_the_figure_and_holds_permitted_columns_only(scope_of, key, role):
    scope = scope_of(role)
    selection = opened(key, scope, everything)
    if selection is None:
        return
    for dialect in DIALECTS.values() if role == "admin" else [DIALECTS["comma"]]:  # which is the same for everybody
        written, data = csv_of(write_csv, selection, dialect.key)
        assert data.startswith(b"\xef\xbb\xbf")
        head, rows = parsed(data, dialect.key)
        columns = columns_of(selection)
        assert len(rows) == written.rows == selection.count
        assert len(head) == len(columns)
        if not scope.may(Permission.VIEW_MONEY):
            assert not [column.name for column in columns if column.kind == Kind.MONEY]
            assert not [column.name for column in columns if column.permission == Permission.VIEW_MONEY]
        for place, column in enumerate(columns):
            cells = [row[place] for row in rows if row[place]]
            if column.kind in NUMBERS:
                numbers = [Decimal(cell.replace(dialect.decimal, ".")) for cell in cells]
                assert not any(cell.startswith("'") for cell in cells)
                if column.total:
                    assert abs(sum(numbers, Decimal(0)) - selection.totals[column.name]) < Decimal("0.0001")
            elif column.kind == Kind.DATE:
                assert all(date.fromisoformat(cell) for cell in cells)
            elif column.kind == Kind.TEXT:
                assert not any(cell.startswith(RISKY) for cell in cells)


@pytest.mark.parametrize(("key", "role"), dealt(DATASETS, ("member", "admin")))
def test_a_workbook_read_back_has_typed_cells_and_the_same_sums(scope_of, key, role, tmp_path):
    selection = opened(key, scope_of(role), everything)
    if selection is None:
        return
    path = tmp_path / "rows.xlsx"
    written = write_xlsx(selection, path, lambda told: [("Rows", told.rows)])
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    columns = columns_of(selection)
    rows = list(sheet.iter_rows(min_row=2))
    assert sheet.freeze_panes == "A2"
    if selection.count:
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
        assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.print_title_rows) == (True, "$1:$1")
        texts = [place for place, column in enumerate(columns) if column.kind == Kind.TEXT]
        assert all(rows[0][place].alignment.wrap_text for place in texts if rows[0][place].value is not None)
    assert len(rows) == written.rows == selection.count
    assert book.worksheets[1]["B2"].value == selection.count
    for place, column in enumerate(columns):
        cells = [row[place] for row in rows if row[place].value is not None]
        assert not [cell for cell in cells if cell.data_type == "f"]
        if column.kind in NUMBERS | {Kind.COUNT}:
            assert all(cell.data_type == "n" for cell in cells)
            if column.total:
                assert sum(cell.value for cell in cells) == pytest.approx(float(selection.totals[column.name]))
        elif column.kind in {Kind.DATE, Kind.MONTH}:
            assert all(isinstance(cell.value, datetime) for cell in cells)
        else:
            assert all(cell.data_type == "s" for cell in cells)
    if role != "admin":
        return
    frame = pandas.read_excel(path, engine="openpyxl", sheet_name=0)
    assert len(frame) == selection.count
    for name, column in zip(frame.columns, columns, strict=True):
        if column.total and selection.count:
            assert frame[name].sum() == pytest.approx(float(selection.totals[column.name]))


@pytest.fixture
def nasty(scope):
    """The demo partner with names that break careless files, each on a client with entries of the year."""
    from clients.models import Client

    found = select("changes-new-sold", scope, YEAR)
    clients = list(found.rows.order_by("client_id").values_list("client_id", flat=True).distinct())[: len(NASTY)]
    assert len(clients) == len(NASTY)
    for client, name in zip(clients, NASTY, strict=True):
        Client.objects.filter(pk=client).update(name=name)
    return select("changes-new-sold", scope, YEAR).with_columns(["client", "client_id", "points", "on"])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_that_break_careless_files_in_csv(nasty, dialect):
    _written, data = csv_of(write_csv, nasty, dialect)
    assert data == csv_of(write_csv_in_python, nasty, dialect)[1]
    _head, rows = parsed(data, dialect)
    assert {len(row) for row in rows} == {4}
    names = {row[0] for row in rows}
    for name in NASTY:
        assert (f"'{name}" if name.startswith(RISKY) else name) in names
    frame = pandas.read_csv(
        io.BytesIO(data), sep=DIALECTS[dialect].delimiter, decimal=DIALECTS[dialect].decimal, keep_default_na=False
    )
    assert frame["Points"].sum() == pytest.approx(float(nasty.totals["points"]))


def test_names_that_break_careless_files_in_a_workbook(nasty, tmp_path):
    path = tmp_path / "rows.xlsx"
    write_xlsx(nasty, path, lambda told: [("Rows", told.rows)])
    cells = [row[0] for row in openpyxl.load_workbook(path).worksheets[0].iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells if cell.value} == {"s"}
    read = {cell.value or "" for cell in cells}
    frame = pandas.read_excel(path, engine="openpyxl", sheet_name=0, keep_default_na=False)
    for name in NASTY:
        if "\r" not in name:
            assert name in read
            assert name in set(frame.iloc[:, 0].astype(str))


def test_negative_numbers_stay_numbers(scope):
    selection = select("changes-lost-sold", scope, YEAR).with_columns(["points"])
    _head, rows = parsed(csv_of(write_csv, selection, "comma")[1], "comma")
    assert rows
    assert all(row[0].startswith("-") and "," in row[0] for row in rows)


def test_more_than_a_cell_holds_is_cut_visibly_and_counted(scope, tmp_path, monkeypatch):
    monkeypatch.setattr("reports.writers.CELL_LENGTH", 10)
    selection = select("changes-new-sold", scope, YEAR).with_columns(["client"])
    path = tmp_path / "rows.xlsx"
    written = write_xlsx(selection, path, lambda told: [("Cut", told.shortened)])
    cells = [row[0].value for row in openpyxl.load_workbook(path).worksheets[0].iter_rows(min_row=2)]
    assert written.shortened == sum(cell.endswith("…") for cell in cells) > 0
    assert openpyxl.load_workbook(path).worksheets[1]["B2"].value == written.shortened
