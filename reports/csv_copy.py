"""CSV by `COPY`: formula guard, labels and dialect are part of the query, so the database writes the lines.

They equal those of the writer in Python byte for byte; a test compares them.
"""

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import psycopg
from django.db import connection
from django.db.models import QuerySet
from psycopg import ClientCursor, pq
from psycopg.pq.abc import PGconn, PGresult

from partner_portal.lib.formula_guard import RISKY, guarded
from partner_portal.lib.rows.datasets import ALIAS, Column, Kind, Selection
from reports.dialects import EXACT_PLACES, PLACES, Dialect

BUFFER = 1 << 18  # bytes gathered before they are written
STEP = 20_000  # rows between two reports of progress


def copy_csv(
    selection: Selection, columns: Sequence[Column], out: BinaryIO, dialect: Dialect, progress: Callable[[int], None]
) -> int:
    """Write the rows without a header. Returns how many. Needs a transaction."""
    statement, params = copy_statement(selection, columns, dialect)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL datestyle = 'ISO, MDY'")
    raw: psycopg.Connection = connection.connection
    with connection.wrap_database_errors:
        return _receive(raw.pgconn, ClientCursor(raw).mogrify(statement, params).encode(), out, progress)


def copy_statement(selection: Selection, columns: Sequence[Column], dialect: Dialect) -> tuple[str, list[Any]]:
    """`COPY (...) TO STDOUT` for these columns, and the parameters of its query. Raises TypeError for rows made in Python."""
    ordered = selection.ordered(columns)
    if not isinstance(ordered, QuerySet):
        raise TypeError("these rows are no query")
    rows, inner = ordered.query.sql_with_params()
    params: list[Any] = []
    values = [_value(column, dialect, params, alone=len(columns) == 1) for column in columns]
    key = selection.sort.lstrip("-")
    keys = [f"{ALIAS}_sort", f"{ALIAS}{key}"] if selection.dataset.column(key).sorts_as_name else [f"{ALIAS}{key}"]
    direction = "DESC" if selection.sort.startswith("-") else "ASC"
    order = ", ".join(f'r."{name}" {direction} NULLS LAST' for name in keys)
    statement = (
        f"COPY (SELECT {', '.join(values)} FROM ({rows}) AS r"  # noqa: S608 -- names of declared columns; values are parameters
        f' ORDER BY {order}, r."{ALIAS}_row" ASC)'
        f" TO STDOUT (FORMAT csv, DELIMITER '{dialect.delimiter}')"
    )
    return statement, [*params, *inner]


def _value(column: Column, dialect: Dialect, params: list[Any], *, alone: bool) -> str:
    """The SQL that writes a value of the column; parameters are added in the order in which they stand in it."""
    name = f'r."{ALIAS}{column.name}"'
    if column.kind == Kind.DATE:
        return f"{name}::date"
    if column.kind == Kind.MONTH:
        return f"to_char({name}, 'YYYY-MM')"
    if column.kind == Kind.COUNT:
        return f"{name}::bigint"
    if column.kind in PLACES:
        places, exact = PLACES[column.kind], f"round({name}::numeric, {EXACT_PLACES})"
        short = f"round({name}::numeric, {places})"
        number = f"CASE WHEN {exact} = {short} THEN {short} ELSE trim_scale({exact}) END"
        return number if dialect.decimal == "." else f"translate(({number})::text, '.', '{dialect.decimal}')"
    text = _labelled(column, name, params) if column.choices else _guarded(f"{name}::text", params)
    # COPY quotes an empty text to distinguish it from NULL; other programs do not. A line with nothing in it needs quotes.
    return f"coalesce({text}, '')" if alone else f"nullif({text}, '')"


def _guarded(text: str, params: list[Any]) -> str:
    params.append(list(RISKY))
    return f"CASE WHEN left({text}, 1) = ANY (%s) THEN '''' || {text} ELSE {text} END"


def _labelled(column: Column, name: str, params: list[Any]) -> str:
    whens = []
    for value, label in (column.choices or {}).items():
        whens.append("WHEN %s THEN %s")
        params += [str(value), guarded(str(label))]
    return f"CASE {name}::text {' '.join(whens)} ELSE {_guarded(f'{name}::text', params)} END"


def _receive(pgconn: PGconn, statement: bytes, out: BinaryIO, progress: Callable[[int], None]) -> int:
    """Run a `COPY ... TO STDOUT` and write its lines with CRLF.

    libpq gives one message per row. Reading them directly takes a third of the time of psycopg's `Copy`, which at a
    million rows is more than the database needs.
    """
    pgconn.send_query(statement)
    result = pgconn.get_result()
    if result is None:
        raise psycopg.OperationalError("the server sent no answer")
    if result.status != pq.ExecStatus.COPY_OUT:
        _drain(pgconn)
        raise psycopg.errors.lookup(_sqlstate(result))(_message(result))
    rows, buffer = 0, bytearray()
    try:
        while True:
            size, data = pgconn.get_copy_data(0)
            if size < 0:
                break
            buffer += data
            buffer[-1:] = b"\r\n"
            rows += 1
            if len(buffer) > BUFFER:
                out.write(buffer)
                buffer.clear()
            if not rows % STEP:
                progress(rows)
        out.write(buffer)
    except BaseException:
        pgconn.get_cancel().cancel()
        _drain(pgconn)
        raise
    for result in _drain(pgconn):
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.lookup(_sqlstate(result))(_message(result))
    return rows


def _drain(pgconn: PGconn) -> list[PGresult]:
    """Read everything the server still sends, so that the connection can be used again."""
    results = []
    while (result := pgconn.get_result()) is not None:
        if result.status == pq.ExecStatus.COPY_OUT:
            while pgconn.get_copy_data(0)[0] > 0:
                pass
        results.append(result)
    return results


def _sqlstate(result: PGresult) -> str:
    return (result.error_field(pq.DiagnosticField.SQLSTATE) or b"08000").decode()


def _message(result: PGresult) -> str:
    return str(result.error_message.decode(errors="replace")) if result.error_message else "connection lost"
