"""Compares the keys of an import's rows with those of the stored rows of a kind, in SQL through a temporary table."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from psycopg import sql

from accounts.scope import Scope
from imports.checks import CheckedKind
from imports.fact_tables import column_type, field_of, file_values, table_of
from partner_portal.lib.db.staging import stage
from partner_portal.lib.rows.connected import connected_rows
from partner_portal.lib.rows.facts import FactKind


def stored_count(scope: Scope, kind: FactKind) -> int:
    """Number of stored rows of the kind that count."""
    query = sql.SQL("SELECT count(*) FROM {} WHERE partner_id = %s AND withdrawal_id IS NULL").format(table_of(kind))
    with connection.cursor() as cursor:
        cursor.execute(query, [scope.partner.pk])
        return int(cursor.fetchone()[0])


@contextmanager
def staged_keys(scope: Scope, of_kind: CheckedKind) -> Iterator["StagedKeys"]:
    """The readable keys of all rows of an import, those with errors included, staged until the block ends."""
    keys = StagedKeys(scope, of_kind)
    names = list(of_kind.kind.key_columns)
    columns = {"label": "integer"} | {name: column_type(field_of(of_kind.kind, name)) for name in names}
    with connection.cursor() as cursor:
        stage(cursor, keys.table, columns, of_kind.values[names].dropna().itertuples(name=None))
        yield keys
        cursor.execute(sql.SQL("DROP TABLE {}").format(keys.table))


class StagedKeys:
    """Staged keys of one kind."""

    def __init__(self, scope: Scope, of_kind: CheckedKind) -> None:
        kind = of_kind.kind
        self.table = sql.Identifier(f"keys_{kind.key}")
        self._partner = scope.partner.pk
        self._kind = kind.key
        self._within = kind.complete_within
        self._stored, joins = file_values(kind, kind.key_columns)
        self._rows = sql.SQL("FROM {} stored {} WHERE stored.partner_id = %s AND stored.withdrawal_id IS NULL").format(
            table_of(kind), joins
        )
        self._same = sql.SQL(" AND ").join(
            sql.SQL("file.{} = {}").format(sql.Identifier(name), value) for name, value in self._stored.items()
        )

    def missing(self, connection_id: int | None = None) -> list[int]:
        """Primary keys of the stored rows that count and whose key no row of the import has.

        Of a kind with `complete_within`, only those that share its values with a row of the import.
        connection_id: the live connection that brought them; None for rows that none brought.
        """
        within = [
            sql.SQL("AND {} IN (SELECT {} FROM {})").format(self._stored[name], sql.Identifier(name), self.table)
            for name in self._within
        ]
        query = sql.SQL(
            "SELECT stored.id {rows} {within} AND NOT EXISTS (SELECT FROM {table} file WHERE {same})"
            " AND {owner} (SELECT FROM {connected} brought WHERE brought.kind = {kind} AND brought.fact_id = stored.id"
            " AND brought.connection_id = {connection})"
        ).format(
            rows=self._rows,
            within=sql.SQL(" ").join(within),
            table=self.table,
            same=self._same,
            owner=sql.SQL("NOT EXISTS" if connection_id is None else "EXISTS"),
            connected=sql.Identifier(connected_rows()._meta.db_table),
            kind=sql.Literal(self._kind),
            connection=sql.SQL("brought.connection_id") if connection_id is None else sql.Literal(connection_id),
        )
        return self._numbers(query)

    def new(self) -> list[int]:
        """Labels of the rows of the import whose key no stored row has that counts."""
        query = sql.SQL("SELECT file.label FROM {table} file WHERE NOT EXISTS (SELECT {rows} AND {same})")
        return self._numbers(query.format(table=self.table, rows=self._rows, same=self._same))

    def _numbers(self, query: sql.Composed) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute(query, [self._partner])
            return [number for (number,) in cursor.fetchall()]
