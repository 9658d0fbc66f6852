"""Queries over stored rows that the files of an import do not have, and over new rows that look like one of these."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from imports.effects import Effects, LookAlikeRow
from imports.fact_tables import key_texts, text_rows, withdrawn_among
from partner_portal.lib.rows.column_types import Flag
from partner_portal.lib.rows.facts import Column, FactKind
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
    """Stored rows in the order of their primary keys. Three queries."""
    others = [column for column in kind.columns if column.name not in kind.key_columns]
    names, withdrawn = key_texts(kind, pks), withdrawn_among(kind, pks)
    with connection.cursor() as cursor:
        values = {int(str(pk)): row for pk, *row in text_rows(cursor, kind, pks, [column.name for column in others])}
    return [
        MissingRow(pk, names[pk], ", ".join(filter(None, map(_detail, others, values[pk]))), pk in withdrawn)
        for pk in pks
        if pk in values
    ]


def _detail(column: Column, value: object) -> str:
    """The value of a column; of yes and no, the column's name for yes."""
    if isinstance(column.type, Flag):
        return column.name if value == "true" else ""
    return str(value)
