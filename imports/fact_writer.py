"""Write step, the same for all kinds: compares the rows of a batch with the stored facts and writes the differences.

All SQL that names a kind's table is built here, from the model's own table and field names.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from accounts.scope import Scope
from imports import change_record
from imports.checks import CheckedKind
from imports.fact_tables import column_field, column_of, column_type, field_of, identifier, table_of
from partner_portal.lib.db.staging import stage
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.rows.facts import kind as kind_of

_STEP = 5000


@dataclass(slots=True)
class Counts:
    """How many rows writing added, changed and left alone, or would."""

    new: int = 0
    changed: int = 0
    same: int = 0


@dataclass(slots=True)
class Written:
    """Result of writing one kind."""

    counts: dict[int, Counts] = field(default_factory=dict)  # by number of the source
    client_ids: set[int] = field(default_factory=set)  # primary keys of clients whose points may have moved


def stored_keys(scope: Scope, kind: FactKind, texts: Collection[str]) -> set[str]:
    """Those of the reference texts (the key's values joined by "/") that name a stored row of the partner."""
    key = [column_of(kind, name) for name in kind.key_columns]
    named = key[0] if len(key) == 1 else sql.SQL("concat_ws('/', {})").format(sql.SQL(", ").join(key))
    query = sql.SQL("SELECT {named} FROM {table} WHERE partner_id = %s AND withdrawal_id IS NULL AND {named} = ANY(%s)")
    with connection.cursor() as cursor:
        cursor.execute(query.format(named=named, table=table_of(kind)), [scope.partner.pk, list(texts)])
        return {row[0] for row in cursor.fetchall()}


def write(
    scope: Scope, checked: CheckedKind, step: Callable[[int], None], *, batch_id: int, withdrawal_id: int | None = None
) -> Written:
    """Write the good rows of a kind and record it: add new ones, change those with other values, leave equal ones alone.

    Needs the partner's lock, so that the comparison stays true. `step` is called with the number of rows sent so far.
    withdrawal_id: of what the batch itself withdrew before; a row that came along with its client counts as changed.
    """
    writer = _Writer(scope, checked, batch_id, withdrawal_id)
    with connection.cursor() as cursor:
        writer.stage(cursor, step)
        writer.compare(cursor)
        written = writer.settle(cursor)
        writer.drop(cursor)
    for source, repeated in _repeated(checked).items():
        written.counts.setdefault(source, Counts()).same += repeated
    return written


class _Writer:
    """Writes one kind's rows: stages them by COPY, compares them by key in SQL, then writes in two statements."""

    def __init__(self, scope: Scope, checked: CheckedKind, batch_id: int, withdrawal_id: int | None) -> None:
        self.partner = scope.partner.pk
        self.checked = checked
        self.kind = checked.kind
        self.batch_id = batch_id
        self.withdrawal_id = withdrawal_id
        self.table = table_of(self.kind)
        self.staged = sql.Identifier(f"staged_{self.kind.key}")
        self.plan = sql.Identifier(f"plan_{self.kind.key}")
        self.fields = {column.name: field_of(self.kind, column.name) for column in self.kind.columns}

    def stage(self, cursor: CursorWrapper, step: Callable[[int], None]) -> None:
        """Copy the rows into a temporary table with the types of the model's columns."""
        self.drop(cursor)
        columns = {name: column_type(model_field) for name, model_field in self.fields.items()}
        stage(cursor, self.staged, {"source": "integer", "position": "integer", **columns}, self._rows(step))

    def _rows(self, step: Callable[[int], None]) -> Iterator[tuple[object, ...]]:
        good = self.checked.good
        places = self.checked.places["source"].to_numpy()[good.index]
        values = [
            [text or None for text in good[name]] if model_field.null else good[name].tolist()
            for name, model_field in self.fields.items()
        ]
        for done, row in enumerate(zip(places.tolist(), good.index.tolist(), *values, strict=True)):
            if done % _STEP == 0:
                step(done)
            yield row

    def compare(self, cursor: CursorWrapper) -> None:
        """Make the plan: every staged row with the stored row of its key, and whether they are equal."""
        values, joins = [], []
        for name, model_field in self.fields.items():
            if model_field.is_relation:
                alias = sql.Identifier(f"of_{name}")
                target = kind_of(self.kind.references[name])
                values.append(sql.SQL("{}.id").format(alias))
                joins.append(
                    sql.SQL(
                        "LEFT JOIN {} {alias} ON {alias}.partner_id = %(partner)s AND {alias}.{} = staged.{} "
                        "AND {alias}.withdrawal_id IS NULL"
                    ).format(
                        table_of(target), column_of(target, target.key_columns[0]), sql.Identifier(name), alias=alias
                    )
                )
            else:
                values.append(sql.SQL("staged.{}").format(sql.Identifier(name)))
        stored = [sql.SQL("stored.{}").format(identifier(model_field)) for model_field in self.fields.values()]
        names = list(self.fields)
        same_key = [
            sql.SQL("{} = {}").format(stored[names.index(name)], values[names.index(name)])
            for name in self.kind.key_columns
        ]
        query = sql.SQL(
            """
            CREATE TEMPORARY TABLE {plan} ON COMMIT DROP AS
            SELECT staged.source, staged.position, {values}, stored.id AS stored_id, {client} AS stored_client,
                   stored.id IS NULL OR coalesce(stored.withdrawal_id <> coalesce(%(own)s, -1), false) AS is_new,
                   stored.id IS NOT NULL AND stored.withdrawal_id IS NULL
                   AND ROW({stored}) IS NOT DISTINCT FROM ROW({plain}) AS same
              FROM {staged} staged {joins}
              LEFT JOIN {table} stored ON stored.partner_id = %(partner)s AND {same_key}
            """
        ).format(
            plan=self.plan,
            values=sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(value, identifier(model_field))
                for value, model_field in zip(values, self.fields.values(), strict=True)
            ),
            client=sql.SQL("stored.{}").format(self._client_column()),
            stored=sql.SQL(", ").join(stored),
            plain=sql.SQL(", ").join(values),
            staged=self.staged,
            joins=sql.SQL(" ").join(joins),
            table=self.table,
            same_key=sql.SQL(" AND ").join(same_key),
        )
        cursor.execute(query, {"partner": self.partner, "own": self.withdrawal_id})

    def _client_column(self) -> sql.Identifier:
        """Column with the client; the row's own key for clients, and where no points depend on the rows."""
        name = self.kind.client_field
        return sql.Identifier("id") if name in ("", "pk") else identifier(column_field(self.kind.model, name))

    def settle(self, cursor: CursorWrapper) -> Written:
        """Carry out the plan."""
        written = Written()
        cursor.execute(
            sql.SQL(
                """
                SELECT source, count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new AND NOT same),
                       count(*) FILTER (WHERE same)
                  FROM {} GROUP BY source
                """
            ).format(self.plan)
        )
        written.counts = {source: Counts(*numbers) for source, *numbers in cursor.fetchall()}
        if self.kind.client_field:
            now = sql.SQL("stored_id" if self.kind.client_field == "pk" else "{}").format(self._client_column())
            query = sql.SQL("SELECT DISTINCT unnest(ARRAY[{}, stored_client]) FROM {} WHERE NOT same")
            cursor.execute(query.format(now, self.plan))
            written.client_ids = {client for (client,) in cursor.fetchall() if client is not None}
        columns = [identifier(model_field) for model_field in self.fields.values()]
        change_record.record_planned(
            cursor, self.kind, columns, self.plan, partner=self.partner, batch_id=self.batch_id
        )
        cursor.execute(
            sql.SQL(
                "UPDATE {} stored SET withdrawal_id = NULL, {} FROM {} plan WHERE stored.id = plan.stored_id AND NOT plan.same"
            ).format(
                self.table,
                sql.SQL(", ").join(sql.SQL("{0} = plan.{0}").format(column) for column in columns),
                self.plan,
            )
        )
        insert = sql.SQL(
            "INSERT INTO {} (partner_id, {columns}) SELECT %(partner)s, {columns} FROM {} "
            "WHERE stored_id IS NULL ORDER BY position RETURNING id"
        ).format(self.table, self.plan, columns=sql.SQL(", ").join(columns))
        change_record.record_added(cursor, self.kind, insert, partner=self.partner, batch_id=self.batch_id)
        return written

    def drop(self, cursor: CursorWrapper) -> None:
        """Drop the temporary tables: the same transaction may write another batch."""
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}, {}").format(self.staged, self.plan))


def _repeated(checked: CheckedKind) -> dict[int, int]:
    sources = checked.places["source"].tolist()
    counts: dict[int, int] = {}
    for label in checked.repeated - checked.bad:
        source = sources[label]
        counts[source] = counts.get(source, 0) + 1
    return counts
