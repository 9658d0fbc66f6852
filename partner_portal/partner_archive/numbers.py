"""Gives the rows of an archive new numbers: in staged tables, before they are written.

Every table gets its own map from old to new numbers, in the order of the old ones, since the order of rows means something
(entries of a day, changes of a row).
"""

import json
from collections.abc import Callable, Iterable, Iterator

from django.apps import apps
from django.db import connection, models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from accounts.models import User
from partner_portal.partner_archive.contents import (
    FACT_NUMBERS,
    JSON_WITH_NUMBERS,
    NUMBERS_IN_KEYS,
    NUMBERS_IN_NOTICES,
    fact_models,
    has_number,
)

KEYED = ("notices.Notice", "notices.NotifiedEvent", "notices.ChannelMessage")
_BATCH = 2000


def staged(model: type[models.Model]) -> sql.Identifier:
    """The temporary table with the rows of a table as the archive has them."""
    return sql.Identifier(f"staged_{model._meta.db_table}")


def numbers_of(model: type[models.Model]) -> sql.Identifier:
    """The temporary table with the old and new numbers of a table's rows, or of people."""
    return sql.Identifier(f"numbers_{model._meta.db_table}")


def number_rows(cursor: CursorWrapper, model: type[models.Model]) -> None:
    """Give every staged row a number of this installation."""
    cursor.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS"
            " SELECT id AS old, nextval(pg_get_serial_sequence({}, 'id')) AS new"
            " FROM (SELECT id FROM {} ORDER BY id) AS row"
        ).format(numbers_of(model), sql.Literal(model._meta.db_table), staged(model))
    )
    index_numbers(cursor, model)


def index_numbers(cursor: CursorWrapper, model: type[models.Model]) -> None:
    """Make the numbers of a table quick to find. Raises IntegrityError when one is there twice."""
    cursor.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (old)").format(numbers_of(model)))
    cursor.execute(sql.SQL("ANALYZE {}").format(numbers_of(model)))


def rewrite(cursor: CursorWrapper) -> None:
    """Put the new numbers into keys and JSON of the staged rows."""
    for label in KEYED:
        for kind, (place, target) in NUMBERS_IN_KEYS.items():
            _rewrite_key(cursor, apps.get_model(label), kind, place, apps.get_model(target))
    _rewrite_earlier_values(cursor)
    for label, columns in JSON_WITH_NUMBERS.items():
        for column in sorted(columns):
            if change := _CHANGES.get((label, column)):
                _rewrite_json(cursor, apps.get_model(label), column, change)


def _rewrite_key(
    cursor: CursorWrapper, model: type[models.Model], kind: str, place: str, target: type[models.Model]
) -> None:
    pattern = r"(?<=:)\d+$" if place == "last" else r"^\d+(?=$|:)"
    cursor.execute(
        sql.SQL(
            "UPDATE {} AS row SET key = regexp_replace(row.key, {pattern}, number.new::text) FROM {} AS number"
            " WHERE row.kind = {} AND substring(row.key FROM {pattern})::bigint = number.old"
        ).format(staged(model), numbers_of(target), sql.Literal(kind), pattern=sql.Literal(pattern))
    )


def _rewrite_earlier_values(cursor: CursorWrapper) -> None:
    """Foreign keys among the earlier values of changed rows (`ImportChange.before`)."""
    changes = staged(apps.get_model("imports.ImportChange"))
    for kind, model in fact_models().items():
        for field in model._meta.concrete_fields:
            target = field.related_model
            if not isinstance(target, type) or not has_number(target) or field.name == "partner":
                continue
            cursor.execute(
                sql.SQL(
                    "UPDATE {} AS row SET before = jsonb_set(row.before, {path}, to_jsonb(number.new)) FROM {} AS number"
                    " WHERE row.kind = {} AND jsonb_typeof(row.before -> {column}) = 'number'"
                    " AND (row.before ->> {column})::bigint = number.old"
                ).format(
                    changes,
                    numbers_of(target),
                    sql.Literal(kind),
                    path=sql.Literal([str(field.column)]),
                    column=sql.Literal(str(field.column)),
                )
            )


class _Numbers:
    """New numbers by old ones, read as they are asked for."""

    def __init__(self, cursor: CursorWrapper) -> None:
        self._cursor = cursor

    def of(self, model: type[models.Model], old: Iterable[int]) -> list[int]:
        """The new numbers in the order of the old ones; those without a row are left out."""
        wanted = [int(each) for each in old]
        self._cursor.execute(sql.SQL("SELECT old, new FROM {} WHERE old = ANY(%s)").format(numbers_of(model)), [wanted])
        new = dict(self._cursor.fetchall())
        return [new[each] for each in wanted if each in new]

    def fact(self, kind: object, old: Iterable[int]) -> list[int]:
        """The same for facts of a kind."""
        model = fact_models().get(str(kind))
        return self.of(model, old) if model else []


type _Change = Callable[[_Numbers, dict[str, object], object], object]  # numbers, the row's kind and number, the value


def _by_kind(numbers: _Numbers, _row: dict[str, object], value: object) -> object:
    return {kind: numbers.fact(kind, pks) for kind, pks in value.items()} if isinstance(value, dict) else value


def _effects(numbers: _Numbers, _row: dict[str, object], value: object) -> object:
    """Of every object inside with a `kind`, its `pk` or `pks`."""

    def changed(part: object) -> object:
        if isinstance(part, list):
            return [changed(each) for each in part]
        if not isinstance(part, dict):
            return part
        new = {name: changed(each) for name, each in part.items()}
        if "kind" in part and "pks" in part:
            new["pks"] = numbers.fact(part["kind"], part["pks"])
        if "kind" in part and "pk" in part:
            new["pk"] = next(iter(numbers.fact(part["kind"], [part["pk"]])), 0)
        return new

    return changed(value)


def _list_parameter(numbers: _Numbers, _row: dict[str, object], value: object) -> object:
    if not isinstance(value, dict) or not str(value.get("list") or "").isdigit():
        return value
    found = numbers.of(apps.get_model("reports.SavedList"), [int(value["list"])])
    return value | {"list": str(found[0]) if found else value["list"]}


def _recipients(numbers: _Numbers, _row: dict[str, object], value: object) -> object:
    return numbers.of(apps.get_model("reports.Recipient"), value) if isinstance(value, list) else value


def _missed(numbers: _Numbers, _row: dict[str, object], value: object) -> object:
    if not isinstance(value, list):
        return value
    model = apps.get_model("reports.Recipient")
    return [
        entry | {"recipient": next(iter(numbers.of(model, [entry["recipient"]])), entry["recipient"])}
        for entry in value
    ]


def _notice(numbers: _Numbers, row: dict[str, object], value: object) -> object:
    named = NUMBERS_IN_NOTICES.get(str(row["kind"]))
    if named is None or not isinstance(value, dict):
        return value
    name, target = named
    rows = [
        each | {name: next(iter(numbers.of(apps.get_model(target), [each[name]])), each[name])} if name in each else each
        for each in value.get("rows", ())
    ]  # fmt: skip
    return value | {"rows": rows}


_CHANGES: dict[tuple[str, str], _Change] = {
    ("clients.LineMerge", "moved"): _by_kind,
    ("clients.LineMerge", "swapped"): _by_kind,
    ("imports.ImportBatch", "gone"): _by_kind,
    ("imports.ImportBatch", "effects"): _effects,
    ("notices.ChannelMessage", "values"): _notice,
    ("notices.Notice", "values"): _notice,
    ("reports.Export", "params"): _list_parameter,
    ("reports.SavedReport", "params"): _list_parameter,
    ("reports.ScheduleRun", "delivered"): _recipients,
    ("reports.ScheduleRun", "missed"): _missed,
}


def _rewrite_json(cursor: CursorWrapper, model: type[models.Model], column: str, change: _Change) -> None:
    names = [str(field.column) for field in model._meta.concrete_fields]
    kind = sql.Identifier("kind") if "kind" in names else sql.SQL("''")
    numbers = _Numbers(cursor)
    for rows in _read(cursor, staged(model), kind, sql.Identifier(column)):
        for number, of_kind, text in rows:
            before = json.loads(text)
            after = change(numbers, {"kind": of_kind}, before)
            if after != before:
                cursor.execute(
                    sql.SQL("UPDATE {} SET {} = %s WHERE id = %s").format(staged(model), sql.Identifier(column)),
                    [json.dumps(after), number],
                )


def _read(
    cursor: CursorWrapper, table: sql.Identifier, kind: sql.Composable, column: sql.Identifier
) -> Iterator[list[tuple[int, str, str]]]:
    """Rows whose value holds any digit, some at a time."""
    last = 0
    while True:
        cursor.execute(
            sql.SQL("SELECT id, {}, {column}::text FROM {} WHERE id > %s AND {column}::text ~ '[0-9]' ORDER BY id LIMIT %s").format(
                kind, table, column=column
            ),
            [last, _BATCH],
        )  # fmt: skip
        rows = cursor.fetchall()
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def inserted(
    model: type[models.Model], references: dict[str, type[models.Model]], partner: str, columns: list[str]
) -> sql.Composed:
    """INSERT of the staged rows with new numbers.

    references: columns with numbers of rows, and their tables. partner: the column of the partner, "" for the partner itself.
    """
    values: list[sql.Composable] = []
    joins: list[sql.Composable] = []
    of_kind = FACT_NUMBERS.get(model._meta.label, "")
    for column in columns:
        if column == partner:
            values.append(sql.SQL("%(partner)s"))
        elif column == of_kind:
            joined = []
            for kind, target in fact_models().items():
                alias = sql.Identifier(f"of_{kind}")
                joins.append(
                    sql.SQL("LEFT JOIN {} AS {alias} ON row.kind = {} AND {alias}.old = row.{}").format(
                        numbers_of(target), sql.Literal(kind), sql.Identifier(column), alias=alias
                    )
                )
                joined.append(sql.SQL("{}.new").format(alias))
            values.append(sql.SQL("coalesce({})").format(sql.SQL(", ").join(joined)))
        elif column in references:
            alias = sql.Identifier(f"by_{column}")
            joins.append(
                sql.SQL("LEFT JOIN {} AS {alias} ON {alias}.old = row.{}").format(
                    numbers_of(references[column]), sql.Identifier(column), alias=alias
                )
            )
            values.append(sql.SQL("{}.new").format(alias))
        else:
            values.append(sql.SQL("row.{}").format(sql.Identifier(column)))
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} AS row {}").format(
        sql.Identifier(model._meta.db_table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(values),
        staged(model),
        sql.SQL(" ").join(joins),
    )


def staged_type(field: models.Field) -> str:
    """The type of a column in a staged table: that of the real one, without its sequence."""
    return str(field.db_type(connection) or "").replace("bigserial", "bigint").replace("serial", "integer")


def person_numbers() -> sql.Identifier:
    """The numbers of people."""
    return numbers_of(User)
