"""Fact kinds: what the files of a partner may bring in. Apps declare theirs in `facts.py`; `imports` knows only this page.

A kind says which columns its rows have, which of them identify a row, which model stores them, and what has to hold
between rows. How files are read, checked, compared and written follows from that alone.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from partner_portal.lib.rows.column_types import ColumnType, Text, check_id
from partner_portal.lib.rows.spelling import Spellings
from partner_portal.lib.scope import OfScope

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Reference(ColumnType):
    """The key of a row of another kind (or of the same): that row must be stored or in the same batch."""

    kind: str
    key: bool = False

    @property
    def accepted(self) -> str:
        target = kind(self.kind)
        return _("the %(key)s of a row of %(kind)s, stored or in these files") % {
            "key": "/".join(target.key_columns),
            "kind": target.key,
        }

    def read(self, text: str) -> str:
        check_id(text)
        return Text(key=self.key).read(text)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a kind: its header, what it holds, whether it must be filled, the model field (default: its name).

    hint: what else somebody who fills it in wants to know.
    spellings: returns the partner's spellings, where several mean the same; only the one that is shown is stored.
    """

    name: str
    type: ColumnType
    required: bool = False
    field: str = ""
    hint: str | Promise = ""
    spellings: "OfScope[[], Spellings] | None" = None

    @property
    def field_name(self) -> str:
        """The model field that stores the value."""
        return self.field or self.name


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault in a row."""

    #: The label of the row in the frame.
    row: int
    column: str
    #: What is wrong.
    message: str
    #: What would be accepted.
    accepted: str


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A rule between the columns of a row, or between rows.

    `find(scope, rows)` gets those rows of the batch whose `columns` (and keys) are all acceptable, as a frame of texts:
    a declared column each, in the form in which the database reads them, "" where a cell is empty. It may read stored
    rows; it runs under the partner's lock, so that what it saw is still true when the rows are written.
    """

    columns: tuple[str, ...]
    find: "OfScope[[pd.DataFrame], Iterable[Finding]]"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a row that stops nothing but may be a mistake."""

    row: int  #: its label in the frame
    message: str  #: a sentence


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A new row that may be a stored one with a corrected key."""

    row: int  #: label of the new row in the frame
    pk: int  #: primary key of the stored row
    message: str  #: what they have in common, as a question without a first capital: it follows the name of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class FactKind:
    """A kind of facts.

    key:          stem of the file and name of the sheet, as in `deals.csv`.
    label:        what people call it.
    columns:      in the order of a template file.
    key_columns:  those that identify a row; together unique per partner.
    model:        has a `partner` field and one for every column. A reference to another kind is stored as a foreign key
                  when the field is one, otherwise as text.
    complete_within: columns by whose values a complete file is complete (points.md 13): with `statement_id`, it has all lines
                  of the statements that it has any of. Empty: it has all rows of the kind.
    client_field: the model's foreign key to the client whose points the rows move ("pk" for the client itself); empty
                  when no points depend on them.
    remarks:      called with the written rows, as `RowCheck.find` is, after all kinds are written: it sees the facts as
                  the import leaves them.
    after_writing: called with the written rows before anything follows them, to store what depends on their texts.
    look_alikes:  called with the new rows of an import, as `RowCheck.find` is, and the primary keys of the stored rows that
                  the import does not have: names pairs that may be one fact, such as a renewal that moved. It needs few
                  queries, whatever the number of rows.
    """

    key: str
    label: str | Promise
    model: type[models.Model]
    columns: tuple[Column, ...]
    key_columns: tuple[str, ...]
    checks: tuple[RowCheck, ...] = ()
    complete_within: tuple[str, ...] = ()
    client_field: str = ""
    remarks: "tuple[OfScope[[pd.DataFrame], Iterable[Remark]], ...]" = ()
    after_writing: "OfScope[[pd.DataFrame], None] | None" = None
    look_alikes: "OfScope[[pd.DataFrame, Collection[int]], Iterable[LookAlike]] | None" = None

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def references(self) -> dict[str, str]:
        """Columns that name rows of a kind, with that kind's key."""
        return {column.name: column.type.kind for column in self.columns if isinstance(column.type, Reference)}


_kinds: dict[str, FactKind] = {}


def register(kind: FactKind) -> FactKind:
    """Register a kind. Raises ImproperlyConfigured for a second one with its key, or for columns it does not have."""
    if kind.key in _kinds:
        raise ImproperlyConfigured(f"The fact kind {kind.key!r} is declared twice.")
    names = [column.name for column in kind.columns]
    unknown = {*kind.key_columns, *(name for check in kind.checks for name in check.columns)} - set(names)
    if len(set(names)) != len(names) or unknown:
        raise ImproperlyConfigured(
            f"The fact kind {kind.key!r} has columns twice, or uses unknown ones: {unknown or names}."
        )
    _kinds[kind.key] = kind
    return kind


def kind(key: str) -> FactKind:
    """The kind of that key. Raises KeyError."""
    return _kinds[key]


def find_kind(name: str) -> FactKind | None:
    """The kind that the stem of a file or a sheet's name stands for; capitals and spaces around do not matter."""
    return _kinds.get(name.strip().lower())


def kinds() -> tuple[FactKind, ...]:
    """All kinds, as they were declared, but for those that others refer to: they come first, since they are written first."""
    order: dict[str, FactKind] = {}

    def add(key: str, above: tuple[str, ...] = ()) -> None:
        if key in above:
            raise ImproperlyConfigured(f"Fact kinds refer to each other in a circle: {' > '.join((*above, key))}.")
        for target in _kinds[key].references.values():
            if target != key and target not in order:
                add(target, (*above, key))
        order[key] = _kinds[key]

    for key in _kinds:
        if key not in order:
            add(key)
    return tuple(order.values())
