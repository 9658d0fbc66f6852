"""What the database's planner knows about the tables."""

from collections.abc import Iterable

from django.db import connection, models
from psycopg import sql

MANY_ROWS = 5_000


def analyze_tables(of: Iterable[type[models.Model]] = ()) -> None:
    """Refresh the planner's statistics of these models' tables (none: of every table), as autovacuum would within minutes.

    Right after a large import its plans still rest on what was there before: a page that takes a tenth of a second then took
    minutes. So whoever writes many rows calls this in the same transaction, before anything reads them. A tenth of a second or
    two for a table, whatever its size.
    """
    tables = sql.SQL(", ").join(sql.Identifier(model._meta.db_table) for model in of)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE {}").format(tables))
