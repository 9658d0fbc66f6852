"""What the database's planner knows about the tables."""

from collections.abc import Iterable

from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

MANY_ROWS = 5_000
# Rows looked at are 300 times as many. Five times more would take seconds of an import; autovacuum looks at them soon enough.
TARGET = 20


def analyze_tables(of: Iterable[type[models.Model]] = ()) -> None:
    """Refresh the planner's statistics of these models' tables (none: of every table), as autovacuum would within minutes.

    Right after a large import its plans still rest on what was there before: a page that takes a tenth of a second then took
    minutes. So whoever writes many rows calls this in the same transaction, before anything reads them. Some hundredths of a
    second for a table, whatever its size.
    """
    with connection.cursor() as cursor:
        analyze(cursor, *(sql.Identifier(model._meta.db_table) for model in of))


def analyze(cursor: CursorWrapper, *tables: sql.Composable) -> None:
    """As `analyze_tables`, of tables as `ANALYZE` names them: temporary ones too."""
    query = sql.SQL(
        "SET LOCAL default_statistics_target = {}; ANALYZE {}; SET LOCAL default_statistics_target TO DEFAULT"
    )
    cursor.execute(query.format(sql.Literal(TARGET), sql.SQL(", ").join(tables)))
