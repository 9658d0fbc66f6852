"""Complete files (points.md 13): withdraws the stored rows of a kind that are not among the rows of an import."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from django.db import connection
from django.utils.translation import ngettext
from psycopg import sql

from accounts.scope import Scope
from imports.checks import Checked, CheckedKind
from imports.fact_tables import column_type, field_of, file_values, stage, table_of
from partner_portal.lib.rows.facts import FactKind, kinds
from partner_portal.lib.rows.withdrawals import MovedRows, withdrawals

FEW_ROWS = 10  # so many may go without being confirmed,
FEW_PERCENT = 5  # and so many of 100 stored ones


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows that an import withdraws since complete files do not have them, those that go with their clients included."""

    moved: MovedRows = field(default_factory=lambda: MovedRows({}, frozenset()))
    stored: Mapping[str, int] = field(default_factory=dict)  #: rows of those kinds that counted before

    @property
    def total(self) -> int:
        """Number of rows of all kinds."""
        return sum(self.moved.counts.values())

    @property
    def guarded(self) -> dict[str, int]:
        """Numbers of rows by kind, of the kinds that lose so many that a person has to confirm it."""
        return {
            key: rows
            for key, rows in self.moved.counts.items()
            if rows > FEW_ROWS and rows * 100 > FEW_PERCENT * self.stored[key]
        }

    def confirmed_by(self, allowed: int | None) -> bool:
        """Whether so many withdrawals are enough for the kinds that need to be confirmed."""
        return sum(self.guarded.values()) <= (allowed or 0)


def withdraw_missing(scope: Scope, checked: Checked, complete: Collection[str], *, batch_id: int) -> Missing:
    """Withdraw the stored rows that complete files do not have. Needs the partner's lock.

    Does nothing when a file is unusable, and blocks the import when the key of a row cannot be read: that row may be any of
    those that look missing. Rows of a live connection are not told apart yet, since there is none: the origin of a row is the
    batch of its latest `ImportChange`, and rows whose origin is a connection are to be left out of `_missing_pks`.
    """
    rows: dict[str, list[int]] = {}
    for of_kind in checked.kinds:
        if of_kind.kind.key in complete and not checked.blocked:
            _block_unreadable(checked, of_kind)
    if checked.blocked or not complete:
        return Missing()
    for of_kind in checked.kinds:
        if of_kind.kind.key in complete:
            rows[of_kind.kind.key] = _missing_pks(scope, of_kind)
    stored = {kind.key: _stored_rows(scope, kind) for kind in kinds()} if any(rows.values()) else {}
    return Missing(withdrawals().withdraw_rows(scope=scope, rows=rows, batch_id=batch_id), stored)


def _block_unreadable(checked: Checked, of_kind: CheckedKind) -> None:
    keys = of_kind.values[list(of_kind.kind.key_columns)]
    unreadable = keys.index[keys.isna().any(axis=1)].union(list(of_kind.unsplit))
    for source, labels in of_kind.places.loc[unreadable].groupby("source"):
        checked.blocked = True
        checked.notices[int(str(source))].append(
            ngettext(
                "%(rows)s row has no readable key: the file cannot be taken as complete",
                "%(rows)s rows have no readable key: the file cannot be taken as complete",
                len(labels),
            )
            % {"rows": len(labels)}
        )


def _missing_pks(scope: Scope, of_kind: CheckedKind) -> list[int]:
    """Primary keys of the stored rows whose key no row of the import has, those with errors included."""
    kind, names = of_kind.kind, of_kind.kind.key_columns
    staged = sql.Identifier(f"keys_{kind.key}")
    stored, joins = file_values(kind, names)
    within = [
        sql.SQL("AND {} IN (SELECT {} FROM {})").format(stored[name], sql.Identifier(name), staged)
        for name in kind.complete_within
    ]
    query = sql.SQL(
        "SELECT stored.id FROM {table} stored {joins} WHERE stored.partner_id = %s AND stored.withdrawal_id IS NULL {within} "
        "AND NOT EXISTS (SELECT FROM {staged} file WHERE {same})"
    ).format(
        table=table_of(kind),
        joins=joins,
        within=sql.SQL(" ").join(within),
        staged=staged,
        same=sql.SQL(" AND ").join(
            sql.SQL("file.{} = {}").format(sql.Identifier(name), value) for name, value in stored.items()
        ),
    )
    with connection.cursor() as cursor:
        columns = {name: column_type(field_of(kind, name)) for name in names}
        stage(cursor, staged, columns, of_kind.values[list(names)].itertuples(index=False, name=None))
        cursor.execute(query, [scope.partner.pk])
        pks = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(sql.SQL("DROP TABLE {}").format(staged))
    return pks


def _stored_rows(scope: Scope, kind: FactKind) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE partner_id = %s AND withdrawal_id IS NULL").format(table_of(kind))
    with connection.cursor() as cursor:
        cursor.execute(query, [scope.partner.pk])
        return int(cursor.fetchone()[0])
