"""Many rows written at once.

They are staged in a temporary table, since COPY does not write tables with row-level security.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from partner_portal.lib.db.analyze import analyze


def stage(
    cursor: CursorWrapper, table: sql.Identifier, columns: Mapping[str, str], rows: Iterable[Sequence[object]]
) -> None:
    """Copy rows into a new temporary table with columns of these types. Reading the rows must not query the database."""
    typed = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(of_type)) for name, of_type in columns.items()]
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(table, sql.SQL(", ").join(typed)))
    with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as target:
        for row in rows:
            target.write_row(row)
    analyze(cursor, table)


def insert_rows(model: type[models.Model], names: Sequence[str], rows: Collection[Sequence[object]]) -> None:
    """Insert rows with values of these fields in this order; JSON as text."""
    fields = [model._meta.get_field(name) for name in names]
    columns = {str(field.column): str(field.db_type(connection)) for field in fields if isinstance(field, models.Field)}
    table, staged = sql.Identifier(model._meta.db_table), sql.Identifier(f"staged_{model._meta.db_table}")
    with connection.cursor() as cursor:
        stage(cursor, staged, columns, rows)
        names_sql = sql.SQL(", ").join(map(sql.Identifier, columns))
        cursor.execute(
            sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM {}").format(table, staged, columns=names_sql)
        )
        cursor.execute(sql.SQL("DROP TABLE {}").format(staged))
