"""Tables and columns of fact kinds as SQL names, from the model's own table and field names."""

from collections.abc import Collection, Iterable, Sequence

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from partner_portal.lib.rows.column_types import Month
from partner_portal.lib.rows.facts import FactKind
from partner_portal.lib.rows.facts import kind as kind_of


def table_of(kind: FactKind) -> sql.Identifier:
    """The table that stores a kind."""
    return sql.Identifier(kind.model._meta.db_table)


def field_of(kind: FactKind, name: str) -> models.Field:
    """The model field that stores a column. Raises TypeError for a relation without a column of its own."""
    return column_field(kind.model, kind.column(name).field_name)


def column_field(model: type[models.Model], name: str) -> models.Field:
    """The field of that name. Raises TypeError for one without a column of its own."""
    stored_in = model._meta.get_field(name)
    if not isinstance(stored_in, models.Field):
        raise TypeError(f"{model.__name__}.{name} has no column.")
    return stored_in


def identifier(field: models.Field) -> sql.Identifier:
    """The column of a field."""
    return sql.Identifier(str(field.column))


def column_of(kind: FactKind, name: str) -> sql.Identifier:
    """The database column that stores a column of the kind."""
    return identifier(field_of(kind, name))


def column_type(field: models.Field) -> str:
    """The type of a field's column; for a reference, that of the key that names its row."""
    return "text" if field.is_relation else str(field.db_type(connection))


def file_values(kind: FactKind, names: Iterable[str]) -> tuple[dict[str, sql.Composable], sql.Composable]:
    """Columns of the table `stored` as files have them, by name, and the joins they need: a reference is the key of its row."""
    values: dict[str, sql.Composable] = {}
    joins = []
    for name in names:
        values[name] = sql.SQL("stored.{}").format(column_of(kind, name))
        if field_of(kind, name).is_relation:
            target = kind_of(kind.references[name])
            alias = sql.Identifier(f"of_{name}")
            joins.append(
                sql.SQL("LEFT JOIN {} {alias} ON {alias}.id = {}").format(table_of(target), values[name], alias=alias)
            )
            values[name] = sql.SQL("{}.{}").format(alias, column_of(target, target.key_columns[0]))
    return values, sql.SQL(" ").join(joins)


def text_rows(
    cursor: CursorWrapper, kind: FactKind, pks: Collection[int], names: Sequence[str] = ()
) -> list[tuple[object, ...]]:
    """The primary key of stored rows and the columns of these names (none: all) as texts, as files have them; "" for null."""
    values, joins = file_values(kind, names or [column.name for column in kind.columns])
    texts = sql.SQL(", ").join(sql.SQL("coalesce({}::text, '')").format(value) for value in values.values())
    query = sql.SQL("SELECT stored.id, {} FROM {} stored {} WHERE stored.id = ANY(%s::bigint[])").format(
        texts, table_of(kind), joins
    )
    cursor.execute(query, [list(pks)])
    return list(cursor.fetchall())


def key_texts(kind: FactKind, pks: Collection[int]) -> dict[int, str]:
    """The keys of stored rows by primary key, as files have them: their values, but for empty ones, joined by "/"."""
    months = [isinstance(kind.column(name).type, Month) for name in kind.key_columns]
    with connection.cursor() as cursor:
        rows = text_rows(cursor, kind, pks, kind.key_columns)
    return {
        int(str(pk)): "/".join(
            str(value)[:7] if is_month else str(value)
            for value, is_month in zip(values, months, strict=True)
            if value != ""
        )
        for pk, *values in rows
    }


def withdrawn_among(kind: FactKind, pks: Collection[int]) -> set[int]:
    """Those of the stored rows that are withdrawn."""
    query = sql.SQL("SELECT id FROM {} WHERE id = ANY(%s::bigint[]) AND withdrawal_id IS NOT NULL").format(
        table_of(kind)
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [list(pks)])
        return {pk for (pk,) in cursor.fetchall()}
