"""A partner without any facts, and files of facts that are good until a test spoils them."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, str]

CLIENTS: list[Row] = [
    {"client_id": "C1", "name": "Ada & Sons", "country": "NL", "currency": "EUR", "tool_usage": "3"},
    {"client_id": "C2", "name": "Borealis", "country": "IN", "currency": "USD"},
]
DEALS: list[Row] = [
    {
        "deal_id": "D1", "client_id": "C1", "name": "Start", "product_line": "Sales Hub", "kind": "new", "origin": "sourced",
        "stage": "won", "mrr": "880.00", "currency": "EUR", "created_on": "2026-01-05", "closed_on": "2026-02-01",
        "registered": "yes",
    },
    {
        "deal_id": "D2", "client_id": "C2", "name": "Idea", "product_line": "Sales Hub", "kind": "new", "origin": "assisted",
        "stage": "open", "mrr": "100", "currency": "USD", "created_on": "2026-01-05", "registered": "no",
    },
]  # fmt: skip
SERVICES: list[Row] = [
    {"client_id": "C1", "started_on": "2026-01-01", "ended_on": "2026-07-01", "mrr": "880.00", "currency": "EUR",
     "managing_partners": "1"},
    {"client_id": "C1", "started_on": "2026-07-01", "mrr": "440.00", "currency": "EUR", "managing_partners": "2"},
]  # fmt: skip
CANCELLATIONS: list[Row] = [{"client_id": "C2", "cancelled_on": "2026-09-01", "reason": "=SUM(A1)"}]
MRR_HISTORY: list[Row] = [{"client_id": "C1", "month": "2026-01", "mrr": "0", "currency": "EUR"}]
CERTIFICATIONS: list[Row] = [{"person": "Wil", "certification": "Solutions Partner", "earned_on": "2026-01-01"}]
RENEWALS: list[Row] = [
    {"client_id": "C1", "product_line": "Sales Hub", "renews_on": "2027-01-01", "current_mrr": "10", "renewal_mrr": "0",
     "currency": "EUR", "status": "pending"},
]  # fmt: skip
STATEMENT_LINES: list[Row] = [
    {"statement_id": "S1", "period": "2026-Q1", "line_no": "1", "client_id": "C1", "deal_id": "D1", "invoice_month": "2026-02",
     "net_revenue": "800.00", "currency": "EUR", "fx_rate": "1.05947812", "rate": "0.2", "commission": "169.52",
     "payout_currency": "USD", "status": "paid", "pay_on": "2026-05-15"},
    {"statement_id": "S1", "period": "2026-Q1", "line_no": "2", "client_id": "C1", "invoice_month": "2026-02",
     "net_revenue": "-800.00", "currency": "EUR", "fx_rate": "1.05947812", "rate": "0.2", "commission": "-169.52",
     "payout_currency": "USD", "status": "issued", "pay_on": "2026-05-15", "adjusts": "S1/1"},
]  # fmt: skip
FACTS: dict[str, list[Row]] = {
    "clients": CLIENTS,
    "deals": DEALS,
    "services": SERVICES,
    "cancellations": CANCELLATIONS,
    "mrr_history": MRR_HISTORY,
    "certifications": CERTIFICATIONS,
    "renewals": RENEWALS,
    "statement_lines": STATEMENT_LINES,
}


def as_csv(kind_key: str, rows: list[Row]) -> str:
    """A complete file of the kind, with a header in the declared order."""
    from partner_portal.lib.rows.facts import kind

    text = io.StringIO()
    writer = csv.DictWriter(text, [column.name for column in kind(kind_key).columns], restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def with_cell(rows: list[Row], place: int, column: str, value: str) -> list[Row]:
    """The rows with one cell changed."""
    return [row | {column: value} if number == place else row for number, row in enumerate(rows)]


@pytest.fixture(autouse=True)
def files_of_a_test(tmp_path: Path, settings: Any) -> None:
    """Uploaded files go to the test's own folder."""
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "stored"},
        }
    }


@pytest.fixture
def eastwind(db: None) -> Any:
    """A partner without facts; the database shows its rows until the test ends."""
    from accounts.models import Partner
    from accounts.scope import set_tenant

    partner = Partner.objects.create(slug="eastwind", name="Eastwind")
    set_tenant(partner.pk)
    return partner


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Path]]:
    """Write files: kinds with their rows, or names with their content."""

    def write(contents: Mapping[str, Any], folder: str = "in") -> list[Path]:
        (tmp_path / folder).mkdir(exist_ok=True)
        paths = []
        for name, content in contents.items():
            path = tmp_path / folder / (name if "." in name else f"{name}.csv")
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                text = content if isinstance(content, str) else as_csv(name, content)
                path.write_text(text, encoding="utf-8", newline="")
            paths.append(path)
        return paths

    return write


@pytest.fixture
def bring_in(eastwind: Any, files: Callable[..., list[Path]]) -> Callable[..., Any]:
    """Import kinds with their rows (or named files) for Eastwind, as the command does, and give the result."""
    from accounts.scope import system_scope
    from imports import import_paths

    def run(
        contents: Mapping[str, Any], *, skip_bad_rows: bool = False, complete: tuple[str, ...] | list[str] = ()
    ) -> Any:
        return import_paths.import_paths(
            scope=system_scope(eastwind), paths=files(contents), skip_bad_rows=skip_bad_rows, complete=complete
        )

    return run


@pytest.fixture
def stored(eastwind: Any) -> Callable[[], dict[str, list[tuple[Any, ...]]]]:
    """Every fact of Eastwind, without the keys that the database gave, in order."""
    from partner_portal.lib.rows.facts import kinds

    def facts() -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for kind in kinds():
            names = ["client__client_id" if column.field == "client" else column.field_name for column in kind.columns]
            found[kind.key] = sorted(kind.model.objects.filter(partner=eastwind).values_list(*names), key=repr)
        return found

    return facts


def problems(result: Any) -> list[tuple[str, int, str, str, str]]:
    """File, row, column, value and message of every problem of a result."""
    return [
        (label.rpartition("/")[2], problem.row, problem.column, problem.value, problem.message)
        for label, problem in result.problems
    ]
