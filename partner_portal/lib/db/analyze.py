"""What the database's planner knows about the tables."""

from django.db import connection

MANY_ROWS = 5_000


def analyze_tables() -> None:
    """Refresh the planner's statistics of every table, as autovacuum would within minutes.

    Right after a large import its plans still rest on what was there before: a page that takes a tenth of a second then took
    minutes. A second or two, whatever the size.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
