"""Queries over everything that was imported about a client or the partner's people, withdrawn facts included."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404

from accounts.scope import Scope
from clients.models import Client, Withdrawal
from clients.queries import stored_rows
from clients.withdrawals import CLIENTS, kinds_of_clients
from partner_portal.lib.rows.facts import FactKind, kind
from portfolio.fact_text import FactText, fact_text

CERTIFICATIONS = "certifications"
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
    """The facts of one kind."""

    of_kind: FactKind
    rows: Sequence[StoredFact]

    @property
    def withdrawn(self) -> int:
        """Facts that are withdrawn."""
        return sum(row.withdrawal is not None for row in self.rows)


def client_facts(scope: Scope, client_id: str) -> tuple[StoredFact, list[FactTable]]:
    """The client itself, and what was imported about it by kind, without kinds that have no row. One query per kind.

    Raises Http404 for an unknown client.
    """
    clients = Client.with_withdrawn.select_related("withdrawal__withdrawn_by")
    client = clients.filter(partner=scope.partner, client_id=client_id).first()
    if client is None:
        raise Http404(client_id)
    tables = [FactTable(own, _stored(scope, own, client=client)) for own in kinds_of_clients()]
    return _as_stored(kind(CLIENTS), client), [table for table in tables if table.rows]


def certification_facts(scope: Scope) -> FactTable:
    """Every certification of the partner's people."""
    return FactTable(kind(CERTIFICATIONS), _stored(scope, kind(CERTIFICATIONS)))


def stored_fact(scope: Scope, kind_key: str, pk: int) -> StoredFact:
    """One fact, withdrawn or not. Raises Http404 for an unknown kind or row."""
    try:
        of_kind = kind(kind_key)
    except KeyError as error:
        raise Http404(kind_key) from error
    stored = _stored(scope, of_kind, pk=pk)
    if not stored:
        raise Http404(pk)
    return stored[0]


def withdrawn_client(scope: Scope, client_id: str) -> StoredFact | None:
    """The withdrawn client of that id; None when there is none, or when it counts."""
    clients = Client.with_withdrawn.filter(partner=scope.partner, client_id=client_id, withdrawal__isnull=False)
    client = clients.select_related("withdrawal__withdrawn_by").first()
    return _as_stored(kind(CLIENTS), client) if client else None


def _stored(scope: Scope, of_kind: FactKind, **conditions: object) -> list[StoredFact]:
    rows = stored_rows(of_kind, scope, **conditions).select_related("withdrawal__withdrawn_by")
    if of_kind in kinds_of_clients():
        rows = rows.select_related("client")
    return [_as_stored(of_kind, row) for row in rows.order_by(*ORDERS.get(of_kind.key, ("pk",)))]


def _as_stored(of_kind: FactKind, row: Any) -> StoredFact:
    client = row if of_kind.key == CLIENTS else getattr(row, "client", None)
    return StoredFact(of_kind, row.pk, client, fact_text(of_kind.key, row), row.withdrawal)
