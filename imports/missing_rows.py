"""Queries over stored rows that the files of an import do not have, and over new rows that look like one of these."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from imports.effects import Effects, LookAlikeRow
from imports.fact_tables import key_texts, text_rows, withdrawn_among
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.rows.facts import kind as kind_of


class NamedPair(NamedTuple):
    """A new row that may be a stored one with a corrected key."""

    row: LookAlikeRow
    name: str  #: of the stored row: its key, as in files
    withdrawn: bool  #: the stored row is withdrawn by now


def named_pairs(effects: Effects) -> list[NamedPair]:
    """New rows that look like stored ones, with the state of those. Two queries a kind."""
    by_kind: dict[str, list[int]] = {}
    for row in effects.look_alikes:
        by_kind.setdefault(row.kind, []).append(row.pk)
    names = {key: key_texts(kind_of(key), pks) for key, pks in by_kind.items()}
    withdrawn = {key: withdrawn_among(kind_of(key), pks) for key, pks in by_kind.items()}
    return [
        NamedPair(row, names[row.kind].get(row.pk, ""), row.pk in withdrawn[row.kind]) for row in effects.look_alikes
    ]


class MissingRow(NamedTuple):
    """A stored row that the files of an import do not have."""

    pk: int
    name: str  #: its key, as in files
    detail: str  #: its other values
    withdrawn: bool


def missing_rows(kind: FactKind, pks: Sequence[int]) -> list[MissingRow]:
    """Stored rows in the order of their primary keys. Two queries."""
    others = [column.name for column in kind.columns if column.name not in kind.key_columns]
    withdrawn = withdrawn_among(kind, pks)
    with connection.cursor() as cursor:
        values = {int(str(pk)): row for pk, *row in text_rows(cursor, kind, pks, [*kind.key_columns, *others])}
    keys = len(kind.key_columns)
    return [
        MissingRow(
            pk,
            "/".join(map(str, values[pk][:keys])),
            ", ".join(str(value) for value in values[pk][keys:] if value != ""),
            pk in withdrawn,
        )
        for pk in pks
        if pk in values
    ]
