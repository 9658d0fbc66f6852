"""What stops a portal that is in use while it is migrated, told from a migration's operations.

Old code runs beside the new schema for a while (docs/operations.md, *Upgrading without a pause*): it must find what it reads,
be able to insert without what it does not know, and not wait for a lock that is held while a table is read or rewritten.
"""

from collections.abc import Collection, Iterable, Iterator

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field, ForeignKey, ManyToManyField
from django.db.models.fields import NOT_PROVIDED

GONE = (
    migrations.RemoveField,
    migrations.DeleteModel,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
)
BY_HAND = (migrations.RunSQL, migrations.RunPython)


def objections(operations: Iterable[Operation], app: str, before: ProjectState) -> list[str]:
    """One sentence for each operation that stops old code or holds a lock for long; `before` is the state they meet."""
    state, fresh, found = before.clone(), set(), []
    for operation in operations:
        if isinstance(operation, migrations.CreateModel):
            fresh.add(operation.name.lower())  # nobody uses it yet
        model = getattr(operation, "model_name", getattr(operation, "name", "")).lower()
        if model not in fresh:
            found += [f"{operation.describe()}: {reason}" for reason in _reasons(operation, app, model, state)]
        operation.state_forwards(app, state)
    return found


def _reasons(operation: Operation, app: str, model: str, state: ProjectState) -> Iterator[str]:
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        yield from objections(operation.database_operations, app, state)
    elif isinstance(operation, GONE):
        yield "old code still uses it. Stop using it now, and remove it in the release after."
    elif isinstance(operation, BY_HAND):
        yield "nobody but its author knows what it locks."
    elif isinstance(operation, migrations.AddIndex) and not isinstance(operation, AddIndexConcurrently):
        yield "nobody writes while the index is built. Use AddIndexConcurrently in a migration with atomic = False."
    elif isinstance(operation, migrations.AddConstraint) and not isinstance(operation, AddConstraintNotValid):
        yield "nobody writes while all rows are checked. Use AddConstraintNotValid, then ValidateConstraint."
    elif isinstance(operation, migrations.AlterUniqueTogether):
        yield "nobody writes while the index is built."
    elif isinstance(operation, migrations.AddField):
        yield from _of_new(operation.field)
    elif isinstance(operation, migrations.AlterField):
        old = state.models[app, model].fields[operation.name]
        # Dropping an index or a constraint takes a moment, however many rows there are.
        dropped = {
            name for name in ("db_index", "db_constraint") if _has(old, name) and not _has(operation.field, name)
        }
        if _in_database(old, dropped) != _in_database(operation.field, dropped):
            yield "the table is rewritten or read under a lock. Add a column, fill it, and use it in the release after."


def _of_new(field: Field) -> Iterator[str]:
    if isinstance(field, ManyToManyField):
        return
    if not field.null and field.db_default is NOT_PROVIDED:
        yield "old code inserts rows without it. Make it nullable, or give it a db_default."
    if isinstance(field, ForeignKey) and field.db_constraint:
        yield "both tables are locked while the key is added. Use db_constraint=False, or say why it is short."
    if field.db_index or field.unique:
        yield "nobody writes while its index is built. Use db_index=False and AddIndexConcurrently."


def _has(field: Field, name: str) -> bool:
    return bool(getattr(field, name, False))


def _in_database(field: Field, without: Collection[str]) -> tuple[str, dict[str, object]]:
    """How the database stores the field, apart from the options `without`."""
    _name, path, arguments, options = field.deconstruct()
    return path, {
        "args": arguments,
        **{name: value for name, value in options.items() if name not in {*field.non_db_attrs, *without}},
    }
