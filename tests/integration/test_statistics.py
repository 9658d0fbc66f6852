"""After a large import the planner is told, by the role that pages run as."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from imports import pipeline
from partner_portal.lib.db import analyze
from partner_portal.postgres.role import RUNTIME_ROLE


def test_the_runtime_role_may_have_every_table_looked_at(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (RUNTIME_ROLE,)
        notices: list[Any] = []
        connection.connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        analyze.analyze_tables()
        ours = set(connection.introspection.table_names(cursor))
        # Tables of the system belong to the superuser; of ours none may be passed over.
        assert [text for text in notices if any(f'"{table}"' in text for table in ours)] == []


@pytest.mark.parametrize(("rows", "told"), [(analyze.MANY_ROWS - 1, False), (analyze.MANY_ROWS, True)])
def test_only_a_large_import_has_them_looked_at(scope: Any, rows: int, told: bool) -> None:
    from imports.fact_writer import Counts, Written

    class Rows:
        kind = SimpleNamespace(after_writing=None)
        values = [()] * rows

    class Checked:
        kinds = [Rows()]

    written = Written({0: Counts(new=rows)}, set())
    with (
        patch.object(pipeline.fact_writer, "write", return_value=written),
        patch.object(pipeline, "add_remarks"),
        patch.object(analyze, "analyze_tables") as analyze_tables,
    ):
        pipeline.write_checked(scope, pipeline.Outcome(Checked()), batch_id=0, step=lambda *_: None)  # type: ignore[arg-type]
    assert analyze_tables.called is told
