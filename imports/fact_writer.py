"""Facts in the database, generic over their kinds: which rows are there, and how the rows of a batch are written.

All SQL that names a kind's table is made here, from the model's own table and field names.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models
from psycopg import sql

from accounts.scope import Scope
from imports.checks import CheckedKind
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.rows.facts import kind as kind_of

_STEP = 5000


@dataclass(slots=True)
class Counts:
    """What writing rows did, or would do."""

    new: int = 0
    changed: int = 0
    same: int = 0


@dataclass(slots=True)
class Written:
    """Counts by source number, and the clients (primary keys) whose points may have moved."""

    counts: dict[int, Counts] = field(default_factory=dict)
    client_ids: set[int] = field(default_factory=set)


def stored_keys(scope: Scope, kind: FactKind, texts: Collection[str]) -> set[str]:
    """Which of these reference texts (the key's values joined by "/") name a stored row of the partner."""
    key = [_column(kind, name) for name in kind.key_columns]
    named = key[0] if len(key) == 1 else sql.SQL("concat_ws('/', {})").format(sql.SQL(", ").join(key))
    query = sql.SQL("SELECT {named} FROM {table} WHERE partner_id = %s AND withdrawal_id IS NULL AND {named} = ANY(%s)")
    with connection.cursor() as cursor:
        cursor.execute(query.format(named=named, table=_table(kind.model)), [scope.partner.pk, list(texts)])
        return {row[0] for row in cursor.fetchall()}


def write(scope: Scope, checked: CheckedKind, step: Callable[[int], None]) -> Written:
    """Write the good rows of a kind: new ones are added, those with other values changed, the same ones left alone.

    Needs the partner's lock, so that what is compared stays true. `step` is told how many rows are handed over.
    """
    writer = _Writer(scope, checked)
    with connection.cursor() as cursor:
        writer.stage(cursor, step)
        writer.compare(cursor)
        written = writer.settle(cursor)
        writer.drop(cursor)
    for source, repeated in _repeated(checked).items():
        written.counts.setdefault(source, Counts()).same += repeated
    return written


class _Writer:
    """One kind's rows: staged by COPY, compared with the table by key in SQL, then written in two statements."""

    def __init__(self, scope: Scope, checked: CheckedKind) -> None:
        self.partner = scope.partner.pk
        self.checked = checked
        self.kind = checked.kind
        self.table = _table(self.kind.model)
        self.staged = sql.Identifier(f"staged_{self.kind.key}")
        self.plan = sql.Identifier(f"plan_{self.kind.key}")
        self.fields = {column.name: _field(self.kind, column.name) for column in self.kind.columns}

    def stage(self, cursor: Any, step: Callable[[int], None]) -> None:
        """The rows as a temporary table, in the types of the model's columns."""
        self.drop(cursor)
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_type(kept_in)))
            for name, kept_in in self.fields.items()
        ]
        create = sql.SQL("CREATE TEMPORARY TABLE {} (source integer, position integer, {}) ON COMMIT DROP")
        cursor.execute(create.format(self.staged, sql.SQL(", ").join(columns)))
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(self.staged)) as target:
            for done, row in enumerate(self._rows()):
                if done % _STEP == 0:
                    step(done)
                target.write_row(row)
        cursor.execute(sql.SQL("ANALYZE {}").format(self.staged))

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        good = self.checked.good
        places = self.checked.places["source"].to_numpy()[good.index]
        values = [
            [text or None for text in good[name]] if kept_in.null else good[name].tolist()
            for name, kept_in in self.fields.items()
        ]
        return zip(places.tolist(), good.index.tolist(), *values, strict=True)

    def compare(self, cursor: Any) -> None:
        """The plan: every staged row with the stored row of its key, and whether they say the same."""
        values, joins = [], []
        for name, kept_in in self.fields.items():
            if kept_in.is_relation:
                alias = sql.Identifier(f"of_{name}")
                target = kind_of(self.kind.references[name])
                values.append(sql.SQL("{}.id").format(alias))
                joins.append(
                    sql.SQL(
                        "LEFT JOIN {} {alias} ON {alias}.partner_id = %(partner)s AND {alias}.{} = staged.{} "
                        "AND {alias}.withdrawal_id IS NULL"
                    ).format(
                        _table(target.model), _column(target, target.key_columns[0]), sql.Identifier(name), alias=alias
                    )
                )
            else:
                values.append(sql.SQL("staged.{}").format(sql.Identifier(name)))
        stored = [sql.SQL("stored.{}").format(_identifier(kept_in)) for kept_in in self.fields.values()]
        names = list(self.fields)
        same_key = [
            sql.SQL("{} = {}").format(stored[names.index(name)], values[names.index(name)])
            for name in self.kind.key_columns
        ]
        query = sql.SQL(
            """
            CREATE TEMPORARY TABLE {plan} ON COMMIT DROP AS
            SELECT staged.source, staged.position, {values}, stored.id AS stored_id, {client} AS stored_client,
                   stored.id IS NULL OR stored.withdrawal_id IS NOT NULL AS is_new,
                   stored.id IS NOT NULL AND stored.withdrawal_id IS NULL
                   AND ROW({stored}) IS NOT DISTINCT FROM ROW({plain}) AS same
              FROM {staged} staged {joins}
              LEFT JOIN {table} stored ON stored.partner_id = %(partner)s AND {same_key}
            """
        ).format(
            plan=self.plan,
            values=sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(value, _identifier(kept_in))
                for value, kept_in in zip(values, self.fields.values(), strict=True)
            ),
            client=sql.SQL("stored.{}").format(self._client_column()),
            stored=sql.SQL(", ").join(stored),
            plain=sql.SQL(", ").join(values),
            staged=self.staged,
            joins=sql.SQL(" ").join(joins),
            table=self.table,
            same_key=sql.SQL(" AND ").join(same_key),
        )
        cursor.execute(query, {"partner": self.partner})

    def _client_column(self) -> sql.Identifier:
        """The column with the client; of the client itself, and where no points depend on the rows, the row's own key."""
        name = self.kind.client_field
        return sql.Identifier("id") if name in ("", "pk") else _identifier(self.kind.model._meta.get_field(name))

    def settle(self, cursor: Any) -> Written:
        """Carry the plan out."""
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
        columns = [_identifier(kept_in) for kept_in in self.fields.values()]
        cursor.execute(
            sql.SQL(
                "UPDATE {} stored SET withdrawal_id = NULL, {} FROM {} plan WHERE stored.id = plan.stored_id AND NOT plan.same"
            ).format(
                self.table,
                sql.SQL(", ").join(sql.SQL("{0} = plan.{0}").format(column) for column in columns),
                self.plan,
            )
        )
        cursor.execute(
            sql.SQL(
                "INSERT INTO {} (partner_id, {columns}) SELECT %s, {columns} FROM {} WHERE stored_id IS NULL ORDER BY position"
            ).format(self.table, self.plan, columns=sql.SQL(", ").join(columns)),
            [self.partner],
        )
        return written

    def drop(self, cursor: Any) -> None:
        """Leave no temporary table to the next batch of the same transaction."""
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}, {}").format(self.staged, self.plan))


def _repeated(checked: CheckedKind) -> dict[int, int]:
    sources = checked.places["source"].tolist()
    counts: dict[int, int] = {}
    for label in checked.repeated - checked.bad:
        source = sources[label]
        counts[source] = counts.get(source, 0) + 1
    return counts


def _field(kind: FactKind, name: str) -> Any:
    """The model field (whose type Django's stubs do not tell apart from reverse relations) that keeps a column."""
    return kind.model._meta.get_field(kind.column(name).field_name)


def _identifier(field: Any) -> sql.Identifier:
    return sql.Identifier(field.column)


def _column(kind: FactKind, name: str) -> sql.Identifier:
    return _identifier(_field(kind, name))


def _table(model: type[models.Model]) -> sql.Identifier:
    return sql.Identifier(model._meta.db_table)


def _type(field: Any) -> str:
    """The column type of a field; of a reference, that of the key it is named by."""
    return "text" if field.is_relation else str(field.db_type(connection))
