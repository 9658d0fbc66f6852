"""Queries over the record of changes: what an import did row by row, and which imports gave a stored row its values."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from django.db import connection
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.scope import Scope
from imports.fact_tables import field_of, key_texts, text_rows
from imports.models import ChangeAction, ImportChange
from partner_portal.lib.formula_guard import guarded
from partner_portal.lib.rows.facts import FactKind, find_kind
from partner_portal.lib.rows.facts import kind as kind_of

CHUNK = 2_000  # rows of a file that are read at a time


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A column of a row before and after a change, as texts of files; "" for an empty cell."""

    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RowChange:
    """What an import did to a row."""

    batch_id: int
    at: datetime | None  #: when the import was written
    by: str  #: who, or which live connection, imported it; "" for a command
    undoes: int | None  #: number of the import that the import undoes
    kind: FactKind
    pk: int
    name: str  #: the row's key, as in files
    action: ChangeAction
    values: Sequence[ValueChange]


def changes_of(scope: Scope, batch_id: int) -> QuerySet[ImportChange]:
    """What an import did, row by row."""
    changes = ImportChange.objects.filter(partner=scope.partner, batch_id=batch_id)
    return changes.select_related("batch__user").order_by("kind", "pk")


def changes_of_fact(scope: Scope, key: str, pk: int) -> tuple[FactKind, str, list[RowChange]]:
    """A stored row's kind and name, and the imports that touched it, newest first. Raises Http404 for an unknown row.

    A row that was imported before changes were recorded may have none.
    """
    kind = find_kind(key)
    if kind is None or not kind.model._base_manager.filter(partner=scope.partner, pk=pk).exists():
        raise Http404(key)
    changes = ImportChange.objects.filter(partner=scope.partner, kind=key, fact_id=pk)
    rows = described(list(changes.select_related("batch__user").order_by("-pk")))
    return kind, key_texts(kind, [pk])[pk], rows


def described(changes: Sequence[ImportChange]) -> list[RowChange]:
    """Changes as texts. Four queries for each kind among them."""
    texts = {key: _KindTexts(key, [change for change in changes if change.kind == key]) for key in _kinds(changes)}
    return [
        RowChange(
            batch_id=change.batch_id,
            at=change.batch.committed_at,
            by=str(change.batch.user or change.batch.origin),
            undoes=change.batch.undoes_id,
            kind=texts[change.kind].kind,
            pk=change.fact_id,
            name=texts[change.kind].names.get(change.fact_id, ""),
            action=ChangeAction(change.action),
            values=texts[change.kind].values(change),
        )
        for change in changes
    ]


def write_changes_csv(changes: QuerySet[ImportChange], file: IO[bytes]) -> None:
    """Write changes as CSV, a line for each value: with a byte order mark for Excel, and formulas guarded."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([_("kind"), _("row"), _("what happened"), _("column"), _("before"), _("after")])
    for row in _in_chunks(changes):
        for value in row.values or [ValueChange("", "", "")]:
            cells = [row.kind.key, row.name, str(row.action.label), value.column, value.before, value.after]
            writer.writerow([guarded(cell) for cell in cells])
    text.flush()
    text.detach()


def _in_chunks(changes: QuerySet[ImportChange]) -> Iterator[RowChange]:
    chunk: list[ImportChange] = []
    for change in changes.iterator(chunk_size=CHUNK):
        chunk.append(change)
        if len(chunk) == CHUNK:
            yield from described(chunk)
            chunk = []
    yield from described(chunk)


def _kinds(changes: Sequence[ImportChange]) -> list[str]:
    return list(dict.fromkeys(change.kind for change in changes))


class _KindTexts:
    """Names and values of the rows of one kind that changes are about."""

    def __init__(self, key: str, changes: Sequence[ImportChange]) -> None:
        self.kind = kind_of(key)
        pks = {change.fact_id for change in changes}
        self.names = key_texts(self.kind, pks)
        self.columns = {str(field_of(self.kind, column.name).column): column.name for column in self.kind.columns}
        changed = {change.fact_id for change in changes if change.before}
        names = [column.name for column in self.kind.columns]
        with connection.cursor() as cursor:
            rows = text_rows(cursor, self.kind, changed) if changed else []
        self.stored = {pk: dict(zip(names, values, strict=True)) for pk, *values in rows}
        later = ImportChange.objects.filter(kind=key, fact_id__in=changed, before__isnull=False).order_by(
            "fact_id", "pk"
        )
        self.later: dict[int, list[tuple[int, dict[str, Any]]]] = {}
        for fact_id, pk, before in later.values_list("fact_id", "pk", "before"):
            self.later.setdefault(fact_id, []).append((pk, before or {}))
        self.referenced = self._referenced_names()

    def _referenced_names(self) -> dict[str, dict[int, str]]:
        """Keys of the rows that earlier values name, by column and primary key."""
        named = {}
        for name, target in self.kind.references.items():
            field = field_of(self.kind, name)
            if field.is_relation:
                column = str(field.column)
                pks = {before.get(column) for rows in self.later.values() for _pk, before in rows} - {None}
                named[name] = key_texts(kind_of(target), [pk for pk in pks if isinstance(pk, int)]) if pks else {}
        return named

    def values(self, change: ImportChange) -> list[ValueChange]:
        """The columns that a change gave other values."""
        values = []
        changed = change.before or {}
        for column, name in self.columns.items():
            if column not in changed:
                continue
            before = changed[column]
            after = self.stored.get(change.fact_id, {}).get(name, "")
            for pk, earlier in self.later.get(change.fact_id, ()):
                if pk > change.pk and column in earlier:
                    after = self._text(name, earlier[column])
                    break
            values.append(ValueChange(name, self._text(name, before), str(after)))
        return values

    def _text(self, name: str, value: object) -> str:
        if value is None:
            return ""
        if name in self.referenced and isinstance(value, int):
            return self.referenced[name].get(value, str(value))
        if isinstance(value, bool):
            return "true" if value else "false"
        field = field_of(self.kind, name)
        places = getattr(field, "decimal_places", None)
        return f"{value:.{places}f}" if places is not None and isinstance(value, int | float) else str(value)
