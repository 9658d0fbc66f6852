"""Rows that a vendor's history suggests: what a run stores of them and takes from them, and what the page shows."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping

from django.db.models import Count, QuerySet

from accounts.scope import Scope
from partner_portal.lib.rows.facts import kind as kind_of
from sources.models import ConnectedRow, Connection, ConnectionState, Decided, Proposal
from sources.source import STARTS_TODAY, Seen, TableSpec


def proposals(scope: Scope, connection: Connection, kind: str) -> QuerySet[Proposal]:
    """The proposals of a kind."""
    return Proposal.objects.filter(partner=scope.partner, connection=connection, kind=kind)


def accepted(scope: Scope, connection: Connection) -> dict[str, dict[str, Mapping[str, str]]]:
    """The confirmed cells, by kind and key."""
    by_kind: dict[str, dict[str, Mapping[str, str]]] = {}
    rows = Proposal.objects.filter(partner=scope.partner, connection=connection, state=Decided.CONFIRMED)
    for kind, key, cells in rows.values_list("kind", "key", "accepted"):
        by_kind.setdefault(kind, {})[key] = cells or {}
    return by_kind


def waiting(scope: Scope, connection: Connection) -> dict[str, int]:
    """How many proposals of each kind a person has to look at; kinds without any are missing."""
    rows = Proposal.objects.filter(partner=scope.partner, connection=connection, waits=True)
    return dict(rows.order_by("kind").values_list("kind").annotate(Count("pk")))


def note(scope: Scope, connection: Connection, spec: TableSpec, seen: Seen) -> None:
    """Store what a reading suggests. What a person decided stays; a confirmed one that reads otherwise waits again.
    What they rejected before they disconnected the same account stays rejected.

    Those that the reading does not suggest any more are dropped unless somebody has decided about them.
    """
    if not spec.decided:
        return
    stored = {row.key: row for row in proposals(scope, connection, spec.kind)}
    rejected = _rejected_before(scope, connection, spec.kind)
    made: list[Proposal] = []
    for key, new in {new.key[:200]: new for new in seen.proposals}.items():
        old = stored.pop(key, None)
        row = dict(new.row)
        if old and new.note == old.note == STARTS_TODAY:
            row = dict(old.row)  # it started when it was first seen
        known = old or Proposal(partner=scope.partner, connection=connection, kind=spec.kind, key=key)
        if old is None and (before := rejected.get(key)):
            known.state, known.decided_at, known.decided_by_id = before.state, before.decided_at, before.decided_by_id
        known.client_id, known.row, known.note, known.detail = new.client, row, new.note, new.detail
        known.waits = known.state == Decided.OPEN or (
            known.state == Decided.CONFIRMED and cells_of(spec, row) != known.accepted
        )
        made.append(known)
    Proposal.objects.filter(pk__in=[row.pk for row in stored.values() if row.state == Decided.OPEN]).delete()
    Proposal.objects.bulk_create(
        made,
        update_conflicts=True,
        unique_fields=["connection", "kind", "key"],
        update_fields=["client_id", "row", "note", "detail", "waits"],
        batch_size=1000,
    )


def cells_of(spec: TableSpec, row: Mapping[str, str]) -> dict[str, str]:
    """The cells of a row that a person confirms."""
    return {name: row.get(name, "") for name in spec.decided}


def digest(spec: TableSpec, rows: Iterable[Proposal]) -> str:
    """Digest of what a person sees of proposals before they confirm them."""
    cells = sorted((row.pk, cells_of(spec, row.row)) for row in rows)
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()


def take_back(scope: Scope, connection: Connection, spec: TableSpec, rows: Collection[Proposal]) -> None:
    """Have the next run withdraw the facts that these confirmed proposals became. Two queries.

    Those that a file brought first are not the connection's, and stay.
    """
    columns = [spec.given[column].name for column in kind_of(spec.kind).key_columns]
    keys = {"/".join(filter(None, (row.row.get(name, "") for name in columns))).casefold()[:200] for row in rows}
    brought = ConnectedRow.objects.filter(
        partner=scope.partner, connection=connection, kind=spec.kind, fact_id__isnull=False
    )
    gone = [pk for pk, vendor_id in brought.values_list("pk", "vendor_id") if vendor_id.casefold() in keys]
    brought.filter(pk__in=gone).update(gone=True)


def _rejected_before(scope: Scope, connection: Connection, kind: str) -> dict[str, Proposal]:
    """What was rejected of a kind in earlier connections to the same account, by key. The last decision counts."""
    earlier = Proposal.objects.filter(
        partner=scope.partner, kind=kind, connection__vendor=connection.vendor, connection__place=connection.place,
        connection__account__id=connection.account.get("id"), connection__state=ConnectionState.DISCONNECTED,
    )  # fmt: skip
    latest = {row.key: row for row in earlier.order_by("connection_id")}
    return {key: row for key, row in latest.items() if row.state == Decided.REJECTED}
