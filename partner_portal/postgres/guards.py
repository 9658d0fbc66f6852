"""What the database itself refuses: rows of another partner, changes of append-only tables, and more than the
runtime role may do.

Installed after every `migrate`, from the models: a table with a `partner` column gets a row-level policy without anybody
having to remember it, and its partitions cannot be read past it; a model marked `append_only` gets triggers, and the
runtime role gets rights on what exists.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.db import connection, connections, models
from django.db.backends.utils import CursorWrapper

from partner_portal.lib.db.locks import GUARDS, lock
from partner_portal.postgres.role import RUNTIME_ROLE

PARTNER = "(SELECT nullif(current_setting('portal.partner', true), '')::bigint)"
USER = "(SELECT nullif(current_setting('portal.user', true), '')::bigint)"

CLOCK = "(SELECT current_setting('portal.clock', true) = 'yes')"
NOBODY_YET = f"({PARTNER} IS NULL AND {USER} IS NULL)"
PERSONAL = frozenset({"account.EmailAddress", "mfa.Authenticator", "usersessions.UserSession"})
SEEN_BY_COLLEAGUES = frozenset({"mfa.Authenticator"})  # the page of members says who has a second factor

_KEEP_RANK = """
CREATE OR REPLACE FUNCTION portal_keep_rank() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user = '{role}' AND (
    TG_OP = 'INSERT' AND (NEW.is_superuser OR NEW.is_staff)
    OR TG_OP = 'UPDATE' AND (NEW.is_superuser, NEW.is_staff) IS DISTINCT FROM (OLD.is_superuser, OLD.is_staff)
  ) THEN
    RAISE EXCEPTION 'only the owner of the tables makes or unmakes operators' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
"""
_REFUSE = """
CREATE OR REPLACE FUNCTION portal_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: the table is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""


_REFUSE_TRUNCATE = """
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON "{table}"
  FOR EACH STATEMENT EXECUTE FUNCTION portal_refuse_change();
"""


def tenant_models() -> list[type[models.Model]]:
    """Every model whose rows belong to one partner."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if any(field.name == "partner" and field.is_relation for field in model._meta.concrete_fields)
    ]


def clock_models() -> list[type[models.Model]]:
    """Every model marked `read_by_clock`: `accounts.scope.partners_with` reads its rows of all partners."""
    return [model for model in tenant_models() if getattr(model, "read_by_clock", False)]


def append_only_models() -> list[type[models.Model]]:
    """Every model marked `append_only`."""
    return [model for model in apps.get_models() if getattr(model, "append_only", False)]


def install_guards(sender: AppConfig, using: str = "default", **_kwargs: object) -> None:
    """Receiver of post_migrate; idempotent. Must run as the owner of the tables."""
    lock(GUARDS, 0, using)
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [RUNTIME_ROLE])
        if cursor.fetchone() is None:
            cursor.execute(f'CREATE ROLE "{RUNTIME_ROLE}" NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE')
        cursor.execute(f"SELECT pg_has_role(current_user, '{RUNTIME_ROLE}', 'SET')")
        if not cursor.fetchone()[0]:
            cursor.execute(f'GRANT "{RUNTIME_ROLE}" TO CURRENT_USER')
        cursor.execute(
            f"""
            GRANT USAGE ON SCHEMA public TO "{RUNTIME_ROLE}";
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{RUNTIME_ROLE}";
            GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{RUNTIME_ROLE}";
            REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM "{RUNTIME_ROLE}";
            """  # noqa: S608 -- one constant name
        )
        if connections[using].pg_version >= 170000:  # type: ignore[attr-defined] # PostgreSQL's own
            cursor.execute(f'GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO "{RUNTIME_ROLE}"')
        cursor.execute(_REFUSE)
        existing = set(connections[using].introspection.table_names(cursor))
        for model in tenant_models():
            if model._meta.db_table in existing:
                cursor.execute(_policy(model, model._meta.db_table))
                for partition in partitions_of(cursor, model._meta.db_table):
                    cursor.execute(_policy(model, partition))
                    cursor.execute(_sealed(partition))
        if existing >= {model._meta.db_table for model in personal_models()}:
            _guard_people(cursor)
        for model in append_only_models():
            if model._meta.db_table in existing:
                cursor.execute(_append_only(model._meta.db_table))
                for partition in partitions_of(
                    cursor, model._meta.db_table
                ):  # row triggers are inherited, these are not
                    cursor.execute(_REFUSE_TRUNCATE.format(table=partition))


def personal_models() -> dict[type[models.Model], str]:
    """The models of a person and of what belongs to one and to no partner, with the column that names the person."""
    apart = [model for model in apps.get_models() if model._meta.label in PERSONAL]
    return {get_user_model(): "id", **dict.fromkeys(apart, "user_id")}


def _guard_people(cursor: CursorWrapper) -> None:
    cursor.execute(_KEEP_RANK.format(role=RUNTIME_ROLE))
    people = get_user_model()._meta.db_table
    cursor.execute(f"""
        CREATE OR REPLACE TRIGGER keep_rank BEFORE INSERT OR UPDATE ON "{people}"
          FOR EACH ROW EXECUTE FUNCTION portal_keep_rank();
        REVOKE INSERT, UPDATE ON auth_group, auth_permission, auth_group_permissions, "{people}_groups",
          "{people}_user_permissions" FROM "{RUNTIME_ROLE}";
    """)
    for model, column in personal_models().items():
        cursor.execute(_people_policy(model, column))


@contextmanager
def append_only_lifted(model: type[models.Model]) -> Iterator[None]:
    """In the current transaction, let the owner of the table delete from it. Raises ProgrammingError for anybody else."""
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{model._meta.db_table}" DISABLE TRIGGER refuse_change')
        yield
        cursor.execute(f'ALTER TABLE "{model._meta.db_table}" ENABLE TRIGGER refuse_change')


def partitions_of(cursor: CursorWrapper, table: str) -> list[str]:
    """The tables that hold the rows of a partitioned table; none for any other."""
    cursor.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass ORDER BY 1",
        [table],
    )
    return [name for (name,) in cursor.fetchall()]


def _sealed(partition: str) -> str:
    """What is asked of the partitioned table needs no right on its partitions; policies of that table do not hold here."""
    return f"""
        REVOKE ALL ON "{partition}" FROM "{RUNTIME_ROLE}";
        GRANT MAINTAIN ON "{partition}" TO "{RUNTIME_ROLE}";
    """


def _policy(model: type[models.Model], table: str) -> str:
    seen = f"partner_id = {PARTNER}"
    if getattr(model, "visible_to_own_user", False):
        seen += f" OR user_id = {USER}"
    by_clock = f'CREATE POLICY clock ON "{table}" FOR SELECT USING ({CLOCK});' if model in clock_models() else ""
    return f"""
        ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;
        ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY;
        DROP POLICY IF EXISTS tenant ON "{table}";
        DROP POLICY IF EXISTS clock ON "{table}";
        CREATE POLICY tenant ON "{table}" USING ({seen}) WITH CHECK (partner_id = {PARTNER});
        {by_clock}
    """


def _people_policy(model: type[models.Model], column: str) -> str:
    """Not forced: the owner creates operators, and migrates.

    Before a scope is set, while somebody signs in, everybody is seen. Afterwards a person sees and changes what is theirs,
    and sees the people whom the partner knows, with whether they have a second factor.
    """
    table = model._meta.db_table
    own = f"({NOBODY_YET} OR {column} = {USER})"
    policies = [f'CREATE POLICY own ON "{table}" USING ({own}) WITH CHECK ({own});']
    if model._meta.label in SEEN_BY_COLLEAGUES or column == "id":
        known = (
            f'SELECT 1 FROM accounts_partnerperson p WHERE p.user_id = "{table}".{column} AND p.partner_id = {PARTNER}'  # noqa: S608
        )
        policies.append(f'CREATE POLICY known ON "{table}" FOR SELECT USING (EXISTS ({known}));')
    return f"""
        ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;
        DROP POLICY IF EXISTS own ON "{table}";
        DROP POLICY IF EXISTS known ON "{table}";
        {" ".join(policies)}
    """


def _append_only(table: str) -> str:
    return f"""
        REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM "{RUNTIME_ROLE}";
        CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON "{table}"
          FOR EACH ROW EXECUTE FUNCTION portal_refuse_change();
        {_REFUSE_TRUNCATE.format(table=table)}
    """
