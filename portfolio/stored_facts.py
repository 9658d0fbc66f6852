"""Queries over everything that was imported about a client or the partner's people, withdrawn facts included."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet
from django.http import Http404

from accounts.scope import Scope
from clients.lines import kinds_with_lines
from clients.models import Client, ProductLine, Withdrawal
from clients.queries import stored_rows
from clients.withdrawals import CLIENTS, kinds_of_clients
from partner_portal.lib.rows.facts import FactKind, kind
from portfolio.fact_text import FactText, fact_text

CERTIFICATIONS = "certifications"
FIRST_ROWS = 20  # of a kind on the page of all kinds
PAGE_SIZE = 50
# How the facts of a kind are listed; the kind's key columns otherwise.
ORDERS: dict[str, tuple[str, ...]] = {
    "deals": ("-created_on", "deal_id"),
    "services": ("-started_on",),
    "cancellations": ("-cancelled_on", "product_line"),
    "renewals": ("-renews_on", "product_line"),
    "mrr_history": ("-month",),
    "statement_lines": ("-period", "statement_id", "line_no"),
    CERTIFICATIONS: ("person", "certification", "-earned_on"),
}


@dataclass(frozen=True, slots=True)
class StoredFact:
    """One imported row."""

    of_kind: FactKind
    pk: int
    client: Client | None  #: None for what belongs to no client
    text: FactText
    withdrawal: Withdrawal | None  #: None while it counts

    @property
    def with_client(self) -> bool:
        """Whether its client is withdrawn too, so that only the client can be restored."""
        return self.of_kind.key != CLIENTS and self.client is not None and self.client.withdrawal_id is not None


@dataclass(frozen=True, slots=True)
class FactTable:
    """Facts of one kind: the first ones, or those of a page."""

    of_kind: FactKind
    rows: Sequence[StoredFact]
    total: int  #: facts, of which `rows` are a part
    withdrawn: int  #: facts that are withdrawn
    page: Page[Any] | None = None  #: None for the first ones


def client_facts(scope: Scope, client_id: str) -> tuple[StoredFact, list[FactTable]]:
    """The client itself, and the first facts that were imported about it by kind, without kinds that have none.

    Two queries per kind. Raises Http404 for an unknown client.
    """
    client = _client(scope, client_id)
    tables = [_table(own, _rows(scope, own, client=client)) for own in kinds_of_clients()]
    return _as_stored(kind(CLIENTS), client), [table for table in tables if table.total]


def client_facts_of_kind(scope: Scope, client_id: str, kind_key: str, page: str | None) -> tuple[Client, FactTable]:
    """The client, and a page of the facts of one kind. Raises Http404 for an unknown client or a kind that has no clients."""
    own = next((own for own in kinds_of_clients() if own.key == kind_key), None)
    if own is None:
        raise Http404(kind_key)
    client = _client(scope, client_id)
    return client, _table(own, _rows(scope, own, client=client), page or "1")


def line_facts(scope: Scope, line: ProductLine, kind_key: str, page: str | None) -> FactTable:
    """A page of the facts of a kind that count and name a product line. Raises Http404 for a kind without product lines."""
    own = next((own for own in kinds_with_lines() if own.key == kind_key), None)
    if own is None:
        raise Http404(kind_key)
    return _table(own, _rows(scope, own, product_line=line.name, withdrawal=None), page or "1")


def certification_facts(scope: Scope, page: str | None) -> FactTable:
    """A page of the certifications of the partner's people."""
    return _table(kind(CERTIFICATIONS), _rows(scope, kind(CERTIFICATIONS)), page or "1")


def stored_fact(scope: Scope, kind_key: str, pk: int) -> StoredFact:
    """One fact, withdrawn or not. Raises Http404 for an unknown kind or row."""
    try:
        of_kind = kind(kind_key)
    except KeyError as error:
        raise Http404(kind_key) from error
    row = _rows(scope, of_kind, pk=pk).first()
    if row is None:
        raise Http404(pk)
    return _as_stored(of_kind, row)


def withdrawn_client(scope: Scope, client_id: str) -> StoredFact | None:
    """The withdrawn client of that id; None when there is none, or when it counts."""
    clients = Client.with_withdrawn.filter(partner=scope.partner, client_id=client_id, withdrawal__isnull=False)
    client = clients.select_related("withdrawal__withdrawn_by").first()
    return _as_stored(kind(CLIENTS), client) if client else None


def _client(scope: Scope, client_id: str) -> Client:
    clients = Client.with_withdrawn.select_related("withdrawal__withdrawn_by")
    client = clients.filter(partner=scope.partner, client_id=client_id).first()
    if client is None:
        raise Http404(client_id)
    return client


def _rows(scope: Scope, of_kind: FactKind, **conditions: object) -> QuerySet[Any]:
    rows = stored_rows(of_kind, scope, **conditions).select_related("withdrawal__withdrawn_by")
    if of_kind in kinds_of_clients():
        rows = rows.select_related("client")
    return rows.order_by(*ORDERS.get(of_kind.key, ("pk",)), "pk")


def _table(of_kind: FactKind, rows: QuerySet[Any], number: str | None = None) -> FactTable:
    """The first rows, or the page of that number."""
    counts = rows.aggregate(total=Count("pk"), withdrawn=Count("withdrawal"))
    page = None if number is None else Paginator(rows, PAGE_SIZE).get_page(number)
    shown = rows[:FIRST_ROWS] if page is None else page
    return FactTable(of_kind, [_as_stored(of_kind, row) for row in shown], **counts, page=page)


def _as_stored(of_kind: FactKind, row: Any) -> StoredFact:
    client = row if of_kind.key == CLIENTS else getattr(row, "client", None)
    return StoredFact(of_kind, row.pk, client, fact_text(of_kind.key, row), row.withdrawal)
