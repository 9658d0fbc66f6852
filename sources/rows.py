"""Bookkeeping of the rows that a connection imported: which are gone at the vendor, missing, or without a client."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db.models import F, Q, QuerySet

from accounts.scope import Scope
from imports.fact_tables import key_texts
from imports.mapping import Mapping as ColumnMapping
from imports.models import ChangeAction, ImportBatch, ImportChange
from imports.stored_tables import plain_file
from partner_portal.lib.rows.facts import kind as kind_of
from sources.models import ConnectedRow, Connection
from sources.source import Seen, TableSpec

CLIENTS = "clients"
RUNS_TO_MISS = 2  # full runs that do not find a row before a person is asked about it
_MOST_NAMED = 200


@dataclass(slots=True)
class Gone:
    """Stored rows that are gone at the vendor, with the reasons."""

    pks: dict[str, list[int]] = field(default_factory=dict)  #: by kind
    named: list[dict[str, str]] = field(default_factory=list)  #: kind, id, why and survivor of the first of them


def brought(scope: Scope, connection: Connection) -> QuerySet[ConnectedRow]:
    """The rows that a connection imported or left without a client."""
    return ConnectedRow.objects.filter(partner=scope.partner, connection=connection)


def known_ids(scope: Scope, connection: Connection, kind: str) -> frozenset[str]:
    """The vendor's ids of the rows of a kind that the connection imported."""
    rows = brought(scope, connection).filter(kind=kind, fact_id__isnull=False)
    return frozenset(rows.values_list("vendor_id", flat=True))


def assigned(scope: Scope, connection: Connection) -> dict[str, str]:
    """Our client ids by the vendor's id of the rows that a person assigned to them."""
    rows = brought(scope, connection).exclude(client_id="")
    return dict(rows.values_list("vendor_id", "client_id"))


def gone_rows(scope: Scope, connection: Connection, readings: Iterable[tuple[TableSpec, Seen]]) -> Gone:
    """The rows that are gone according to the vendor or a person. Clients are gone only when a person says so."""
    gone = Gone()
    for spec, seen in readings:
        if not spec.kind:
            continue
        why = {**dict.fromkeys(seen.left, "left"), **dict.fromkeys(seen.archived, "archived")}
        why |= dict.fromkeys(seen.merged, "merged")
        if spec.kind == CLIENTS:
            why = {}
        rows = brought(scope, connection).filter(kind=spec.kind, fact_id__isnull=False)
        chosen = list(rows.filter(Q(vendor_id__in=list(why)) | Q(gone=True)))
        counting = stored_pks(scope, spec.kind, [row.fact_id for row in chosen if row.fact_id is not None])
        chosen = [row for row in chosen if row.fact_id in counting]
        if not chosen:
            continue
        pks = sorted(counting)
        gone.pks[spec.kind] = pks
        names = _names(spec.kind, pks[:_MOST_NAMED])
        for row in chosen[:_MOST_NAMED]:
            gone.named.append({
                "kind": spec.kind, "name": names.get(row.fact_id or 0, row.vendor_id),
                "why": why.get(row.vendor_id, "person"), "survivor": seen.merged.get(row.vendor_id, ""),
            })  # fmt: skip
    return gone


def key_names(key: str, pks: Sequence[int]) -> list[str]:
    """Names of the first of these stored rows, with their keys."""
    return list(_names(key, pks[:_MOST_NAMED]).values())


def _names(key: str, pks: Sequence[int]) -> dict[int, str]:
    """Names of stored rows with their keys, where the kind has names, else the keys."""
    kind = kind_of(key)
    keys = key_texts(kind, pks)
    if "name" not in {column.name for column in kind.columns}:
        return keys
    named = kind.model._base_manager.filter(pk__in=pks).values_list("pk", "name")
    return {pk: f"{name} ({keys[pk]})" if name else keys[pk] for pk, name in named}


def note_missing(scope: Scope, connection: Connection, spec: TableSpec, seen: Seen, now: datetime) -> None:
    """Count, by row, the full runs that did not find it although nothing says it is gone. An archived client is not found."""
    if not (spec.kind and spec.id and seen.whole):
        return
    rows = brought(scope, connection).filter(kind=spec.kind, fact_id__isnull=False)
    explained: set[str] = {*seen.archived, *seen.merged, *seen.left}
    present = set(seen.ids) - explained
    missing, back = [], []
    for pk, vendor_id, runs in rows.values_list("pk", "vendor_id", "missing_runs"):
        if vendor_id not in present and (spec.kind == CLIENTS or vendor_id not in explained):
            missing.append(pk)
        elif runs:
            back.append(pk)
    new = rows.filter(pk__in=missing, missing_since__isnull=True)
    new.update(missing_since=now)
    rows.filter(pk__in=missing).update(missing_runs=F("missing_runs") + 1)
    rows.filter(pk__in=back).update(missing_since=None, missing_runs=0, gone=False)


def note_unmatched(scope: Scope, connection: Connection, spec: TableSpec, seen: Seen) -> None:
    """Store the rows without a client. After a full read, delete those that are no longer among them."""
    if not spec.kind:
        return
    waiting = brought(scope, connection).filter(kind=spec.kind, fact_id__isnull=True)
    ids = [row.id for row in seen.unmatched]
    if seen.whole:
        waiting.filter(client_id="").exclude(vendor_id__in=ids).delete()
    ConnectedRow.objects.bulk_create(
        (
            ConnectedRow(
                partner=scope.partner, connection=connection, kind=spec.kind, vendor_id=row.id, name=row.name[:200],
                why=row.why, candidates=list(row.candidates),
            )
            for row in seen.unmatched
        ),
        update_conflicts=True,
        unique_fields=["connection", "kind", "vendor_id"],
        update_fields=["name", "why", "candidates"],
        batch_size=1000,
    )  # fmt: skip


def remember_brought(scope: Scope, connection: Connection, batch: ImportBatch, ids: Mapping[str, str]) -> None:
    """Store which rows an import of the connection added or restored. ids: the file's column with the vendor's id, by kind."""
    changes = ImportChange.objects.filter(
        partner=scope.partner, batch=batch, action__in=(ChangeAction.ADDED, ChangeAction.RESTORED)
    )
    by_kind: dict[str, list[int]] = {}
    for kind, pk in changes.values_list("kind", "fact_id"):
        by_kind.setdefault(kind, []).append(pk)
    for kind, pks in by_kind.items():
        vendor_ids = _vendor_ids(batch, kind, ids.get(kind, ""))
        keys = key_texts(kind_of(kind), pks)
        stored = ConnectedRow.objects.filter(partner=scope.partner, kind=kind, fact_id__in=pks)
        stored.exclude(connection=connection).delete()
        stored.update(fact_id=None)  # the vendor's id of a row may be another now
        ConnectedRow.objects.bulk_create(
            (
                ConnectedRow(
                    partner=scope.partner, connection=connection, kind=kind,
                    vendor_id=vendor_ids.get(key, key)[:200], fact_id=pk,
                )
                for pk, key in keys.items()
            ),
            update_conflicts=True,
            unique_fields=["connection", "kind", "vendor_id"],
            update_fields=["fact_id", "missing_since", "missing_runs", "gone", "why", "candidates"],
            batch_size=1000,
        )  # fmt: skip


def adopt(
    scope: Scope, connection: Connection, spec: TableSpec, mapping: ColumnMapping, file: Path, known: Collection[str]
) -> int:
    """Make stored rows of files the connection's, since it has just read them too. Returns how many (ADR 124).

    mapping: how the file became our rows. known: the vendor's ids of the rows that are the connection's already.
    """
    [key, *others] = kind_of(spec.kind).key_columns
    rule = mapping.columns[key]
    if others or not spec.id or not rule.source:
        return 0
    with file.open(encoding="utf-8", newline="") as text:
        new = {
            next((row[name].strip() for name in (*rule.source, *rule.fallback) if row[name].strip()), ""): row[spec.id]
            for row in csv.DictReader(text)
            if row[spec.id] not in known
        }
    stored = kind_of(spec.kind).model._base_manager.filter(
        partner=scope.partner, withdrawal__isnull=True, **{f"{key}__in": list(new)}
    )
    pks = dict(stored.values_list("pk", key))
    owned = ConnectedRow.objects.filter(partner=scope.partner, kind=spec.kind, fact_id__in=list(pks))
    for pk in owned.values_list("fact_id", flat=True):
        pks.pop(pk, None)
    ConnectedRow.objects.bulk_create(
        (
            ConnectedRow(
                partner=scope.partner, connection=connection, kind=spec.kind, vendor_id=new[key][:200], fact_id=pk
            )
            for pk, key in pks.items()
        ),
        update_conflicts=True,
        unique_fields=["connection", "kind", "vendor_id"],
        update_fields=["fact_id"],
        batch_size=1000,
    )
    return len(pks)


def _vendor_ids(batch: ImportBatch, kind: str, id_column: str) -> Mapping[str, str]:
    """The vendor's ids by our keys, where they differ."""
    [key_column, *others] = kind_of(kind).key_columns
    if not id_column or others:
        return {}
    ids: dict[str, str] = {}
    for table in batch.tables.select_related("file").filter(kind=kind, left_out=False):
        rule = (table.mapping or {}).get("columns", {}).get(key_column, {})
        [name] = rule.get("source") or [""]
        if name in ("", id_column):
            continue
        with (
            table.file.file.open("rb") as file,
            io.TextIOWrapper(plain_file(file), "utf-8", newline="") as text,
        ):
            for row in csv.DictReader(text):
                ids[row[name].strip()] = row[id_column]
    return ids


def given_up(scope: Scope, connection: Connection) -> list[ConnectedRow]:
    """The rows missing from RUNS_TO_MISS full runs: a person is asked about them."""
    rows = brought(scope, connection).filter(missing_runs__gte=RUNS_TO_MISS, gone=False, fact_id__isnull=False)
    counting: dict[str, set[int]] = {}
    for kind in rows.order_by().values_list("kind", flat=True).distinct():
        pks = rows.filter(kind=kind).values_list("fact_id", flat=True)
        counting[kind] = stored_pks(scope, kind, [pk for pk in pks if pk is not None])
    return [row for row in rows.order_by("kind", "vendor_id") if row.fact_id in counting[row.kind]]


def stored_pks(scope: Scope, kind: str, pks: Collection[int]) -> set[int]:
    """The primary keys among `pks` whose rows are not withdrawn."""
    stored = kind_of(kind).model._base_manager.filter(partner=scope.partner, withdrawal__isnull=True, pk__in=pks)
    return set(stored.values_list("pk", flat=True))
