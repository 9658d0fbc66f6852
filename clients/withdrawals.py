"""Services that withdraw and restore facts (docs/points.md 13): one row, or all that a complete file or an undo asks for.

A withdrawn row stays in its table and only gets the `Withdrawal` it went with. A client takes all its facts along, marked
with the same withdrawal, and restored with it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from django.db import connection, models, transaction
from django.utils.translation import gettext as _
from psycopg import sql

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from accounts.services import bump_generation
from clients.models import Client, LineMerge, Withdrawal
from clients.queries import stored_rows
from partner_portal.lib.db.locks import PARTNER_FACTS, lock
from partner_portal.lib.rows.events import commit_facts
from partner_portal.lib.rows.facts import FactKind, kind, kinds
from partner_portal.lib.rows.withdrawals import MovedRows, Rows

CLIENTS = "clients"
AMONG = sql.SQL("{row}.id = ANY(%(pks)s::bigint[])")
AMONG_MERGED = sql.SQL("{row}.id = ANY(%(pks)s::bigint[]) AND {row}.withdrawal_id = ANY(%(merged)s::bigint[])")
OF_CLIENTS = sql.SQL("{row}.client_id = ANY(%(pks)s::bigint[])")
GONE_WITH_CLIENTS = sql.SQL(
    "({row}.client_id, {row}.withdrawal_id) IN (SELECT * FROM unnest(%(clients)s::bigint[], %(withdrawals)s::bigint[]))"
)

OF_WITHDRAWN_CLIENTS = models.Q(client__withdrawal__isnull=False)


class NotRestorableError(Exception):
    """Rows cannot be restored; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What withdrawing or restoring rows did."""

    moved: MovedRows
    points: Mapping[str, object]  #: summary of the posting, as `ledger.services.PostingResult.summary`


@transaction.atomic
def withdraw(*, scope: Scope, kind_key: str, pks: Collection[int], reason: str, batch_id: int | None = None) -> Outcome:
    """Withdraw rows of a kind, post the ledger and record it. A client takes all its facts along.

    Rows of other partners, and those withdrawn already, are passed over. Raises PermissionDenied without the right to import,
    and ValueError without a reason when no import is the reason.
    """
    scope.require(Permission.IMPORT)
    if not reason.strip() and batch_id is None:
        raise ValueError("a withdrawal by a person needs a reason")
    lock(PARTNER_FACTS, scope.partner.pk)
    moved = withdraw_rows(scope=scope, rows={kind_key: pks}, reason=reason.strip(), batch_id=batch_id)
    return _publish(scope, "facts.withdrawn", moved, kind_key, batch_id, reason=reason.strip())


@transaction.atomic
def restore(*, scope: Scope, kind_key: str, pks: Collection[int], batch_id: int | None = None) -> Outcome:
    """Restore withdrawn rows of a kind with the values they had, post the ledger and record it.

    A client brings back what was withdrawn with it. Raises PermissionDenied without the right to import, and
    NotRestorableError when the client is withdrawn or the rows contradict others, such as services that overlap.
    """
    scope.require(Permission.IMPORT)
    lock(PARTNER_FACTS, scope.partner.pk)
    moved = restore_rows(scope=scope, rows={kind_key: pks})
    return _publish(scope, "facts.restored", moved, kind_key, batch_id)


def withdraw_rows(*, scope: Scope, rows: Rows, reason: str = "", batch_id: int | None = None) -> MovedRows:
    """Mark rows as withdrawn, as `partner_portal.lib.rows.withdrawals.Withdrawals` describes. Posts nothing."""
    withdrawal = Withdrawal.objects.create(
        partner=scope.partner, withdrawn_by=scope.user, batch_id=batch_id, reason=reason
    )
    marked = _Marked(scope)
    merged = of_merges(scope)
    for kind_key, pks in rows.items():
        marked.update(kind(kind_key), AMONG, withdrawal.pk, pks=list(pks))
        if merged:
            marked.update(kind(kind_key), AMONG_MERGED, withdrawal.pk, pks=list(pks), merged=merged)
    clients = list(marked.rows.get(CLIENTS, ()))
    for own in kinds_of_clients() if clients else ():
        marked.update(own, OF_CLIENTS, withdrawal.pk, pks=clients)
    if not marked.rows:
        withdrawal.delete()
        return MovedRows({}, frozenset())
    return marked.result(withdrawal.pk)


def of_merges(scope: Scope) -> list[int]:
    """The withdrawals of rows that are the same as others since product lines were merged, as long as the merge holds."""
    merges = LineMerge.objects.filter(partner=scope.partner, undone_at=None, withdrawal__isnull=False)
    return [pk for pk in merges.values_list("withdrawal_id", flat=True) if pk is not None]


def restore_rows(*, scope: Scope, rows: Rows) -> MovedRows:
    """Restore withdrawn rows, as `partner_portal.lib.rows.withdrawals.Withdrawals` describes. Posts nothing.

    Raises NotRestorableError.
    """
    marked = _Marked(scope)
    if clients := list(rows.get(CLIENTS, ())):
        withdrawn = Client.with_withdrawn.filter(partner=scope.partner, pk__in=clients, withdrawal__isnull=False)
        pairs = dict(withdrawn.values_list("pk", "withdrawal_id"))
        marked.update(kind(CLIENTS), AMONG, None, pks=clients)
        for own in kinds_of_clients():
            marked.update(own, GONE_WITH_CLIENTS, None, clients=list(pairs), withdrawals=list(pairs.values()))
    for kind_key, pks in rows.items():
        if kind_key != CLIENTS:
            marked.update(kind(kind_key), AMONG, None, pks=list(pks))
    for kind_key, restored in marked.rows.items():
        _check_restored(scope, kind(kind_key), restored)
    return marked.result()


class _Marked:
    """Collects the rows whose mark the statements of one call change."""

    def __init__(self, scope: Scope) -> None:
        self.partner = scope.partner.pk
        self.rows: dict[str, set[int]] = {}
        self.client_ids: set[int] = set()

    def update(self, of_kind: FactKind, condition: sql.SQL, withdrawal: int | None, **values: list[int]) -> None:
        """Set the withdrawal of rows that meet the condition and count, or, with None, take it from those that do not.

        Rows that a merge withdrew count as well with the condition AMONG_MERGED.
        """
        row = sql.Identifier(of_kind.model._meta.db_table)
        query = sql.SQL(
            "UPDATE {row} SET withdrawal_id = %(withdrawal)s "
            "WHERE {row}.partner_id = %(partner)s AND {row}.withdrawal_id {now} AND {condition} RETURNING id, {client}"
        ).format(
            row=row,
            now=sql.SQL("IS NULL" if withdrawal is not None and condition is not AMONG_MERGED else "IS NOT NULL"),
            condition=condition.format(row=row),
            client=sql.Identifier("client_id" if of_kind.client_field == "client" else "id"),
        )
        with connection.cursor() as cursor:
            cursor.execute(query, {"withdrawal": withdrawal, "partner": self.partner, **values})
            changed = cursor.fetchall()
        if changed:
            self.rows.setdefault(of_kind.key, set()).update(pk for pk, _client in changed)
            if of_kind.client_field:
                self.client_ids.update(client for _pk, client in changed)

    def result(self, withdrawal_id: int | None = None) -> MovedRows:
        """Everything that was marked, or unmarked."""
        rows = {kind_key: frozenset(pks) for kind_key, pks in self.rows.items()}
        return MovedRows(rows, frozenset(self.client_ids), withdrawal_id)


def _publish(
    scope: Scope, action: str, moved: MovedRows, kind_key: str, batch_id: int | None, **details: object
) -> Outcome:
    """Post what the rows change and record it; nothing when none were moved."""
    points: dict[str, object] = {}
    if moved.rows:
        bump_generation(scope)
        points = commit_facts(Withdrawal, scope=scope, client_ids=set(moved.client_ids), batch_id=batch_id)
        audit.record(
            scope, action, str(kind(kind_key).label), rows=moved.counts, withdrawal=moved.withdrawal_id, **details
        )
    return Outcome(moved, points)


def _check_restored(scope: Scope, of_kind: FactKind, pks: Collection[int]) -> None:
    """Hold restored rows to what an import checks: their client counts, and services do not overlap.

    Raises NotRestorableError.
    """
    rows = stored_rows(of_kind, scope, pk__in=pks)
    if of_kind in kinds_of_clients():
        orphan = rows.filter(OF_WITHDRAWN_CLIENTS).values_list("client__name", flat=True).first()
        if orphan is not None:
            raise NotRestorableError(
                _("The client %(client)s is withdrawn. Restore the client first.") % {"client": orphan}
            )
    if not of_kind.checks:
        return
    import pandas as pd

    names = [column.name for column in of_kind.columns]
    values = rows.values_list(*(_source(of_kind, name) for name in names))
    frame = pd.DataFrame([[_text(value) for value in row] for row in values], columns=names, dtype=str)
    for check in of_kind.checks:
        for finding in check.find(scope, frame):
            raise NotRestorableError(f"{finding.column}: {finding.message}.")


def kinds_of_clients() -> list[FactKind]:
    """The kinds whose rows belong to a client."""
    return [of_kind for of_kind in kinds() if any(column.field_name == "client" for column in of_kind.columns)]


def _source(of_kind: FactKind, name: str) -> str:
    """The lookup of a column's value as files have it: of a foreign key, the key of the row that it names."""
    field = of_kind.model._meta.get_field(of_kind.column(name).field_name)
    if not field.is_relation:
        return field.name
    return f"{field.name}__{kind(of_kind.references[name]).key_columns[0]}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else "" if value is None else str(value)
