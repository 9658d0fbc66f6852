"""Roles, row-level security, migrations and connections of the database."""

from collections.abc import Iterator

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from partner_portal.doctor.findings import Finding, failed, ok, warning
from partner_portal.lib.db import replica
from partner_portal.postgres.guards import append_only_models, personal_models, tenant_models
from partner_portal.postgres.role import RUNTIME_ROLE

MIGRATE = "Run manage.py migrate with the DATABASE_URL of the database's owner: it installs the guards again."
SETUP = "Create the roles as docs/operations.md shows, and connect as portal_app."
LEAST_VERSION = 180000

_ROLE = """
SELECT current_user, session_user,
  (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
  (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user),
  (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
     AND pg_get_userbyid(relowner) = current_user)
"""
# Partitions and tables that inherit have the column too, and are readable by themselves.
_TENANT_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
  EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'partner_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND has_table_privilege(c.oid, 'SELECT')
ORDER BY 1
"""
_APPEND_ONLY = """
SELECT count(*) FILTER (WHERE t.tgname IN ('refuse_change', 'refuse_truncate') AND t.tgenabled = 'O') = 2
  AND NOT has_table_privilege(%s, 'UPDATE, DELETE, TRUNCATE')
FROM pg_trigger t WHERE t.tgrelid = %s::regclass
"""


def check_server() -> Iterator[Finding]:
    """Version, encoding, whether it takes changes, and how many connections are left."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
            " current_setting('server_encoding'), pg_is_in_recovery(), current_setting('max_connections')::int,"
            " (SELECT sum(numbackends) FROM pg_stat_database)::int"
        )
        number, version, encoding, standby, most, used = cursor.fetchone()
    if standby:
        yield failed(
            "This server is a standby and takes no changes.", "Let DATABASE_URL name the primary, or promote it."
        )
    if number < LEAST_VERSION:
        yield warning(f"PostgreSQL {version} is older than what the portal is tested with.", "Upgrade to 18.")
    if encoding != "UTF8":
        yield failed(
            f"The database's encoding is {encoding}.", "Create it anew with ENCODING 'UTF8', and restore into it."
        )
    if used >= most * 0.8:
        yield warning(
            f"{used} of {most} connections are in use.",
            "Raise max_connections, run fewer web threads and workers, or put PgBouncer in between (docs/operations.md).",
        )
    yield ok(f"PostgreSQL {version}, {used} of {most} connections in use")


def check_replica() -> Iterator[Finding]:
    """Whether the read replica is a standby of this database, and how far behind it is."""
    if not replica.configured():
        yield ok("none is set: the primary answers everything")
        return
    state = replica.state()
    if not state.standby:
        yield failed(
            "DATABASE_REPLICA_URL names a server that is no standby; nothing is read from it.",
            "Name a standby of DATABASE_URL's server, or unset it. After a failover, exchange the two.",
        )
    elif state.behind_seconds > settings.DATABASE_REPLICA_LAG_SECONDS:
        yield warning(
            f"The replica is {state.behind_seconds:.0f} s and {state.behind_bytes:,} bytes behind; the primary answers.",
            "Look at its log, at pg_stat_wal_receiver there and at pg_stat_replication of the primary.",
        )
    else:
        yield ok(f"the replica is {state.behind_bytes:,} bytes behind")


def check_roles() -> Iterator[Finding]:
    """Whether the portal's role can do no more than it must."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLE)
        current, login, above_rules, login_above_rules, owned = cursor.fetchone()
    good = True
    if current != RUNTIME_ROLE:
        good = False
        yield failed(f"The portal works as {current}, not as {RUNTIME_ROLE}.", f"Unset PORTAL_DATABASE_ROLE. {SETUP}")
    if above_rules:
        good = False
        yield failed(
            f"Row-level security does not apply to {current}.", f"ALTER ROLE {current} NOSUPERUSER NOBYPASSRLS;"
        )
    elif login_above_rules:
        good = False
        yield failed(f"The portal logs in as {login}, to whom row-level security does not apply.", SETUP)
    if owned:
        good = False
        yield failed(
            f"{current} owns {owned} tables, sequences or indexes, and can lift what guards them.",
            f"REASSIGN OWNED BY {current} TO portal_owner;",
        )
    if good:
        yield ok(f"works as {current}, which owns nothing")


def check_row_level_security() -> Iterator[Finding]:
    """Whether every table of a partner, and of people, is guarded; and whether nothing is seen without a partner."""
    existing = set(connection.introspection.table_names())
    if not existing >= {model._meta.db_table for model in tenant_models()}:
        yield failed("Tables are missing.", MIGRATE)
        return
    open_tables, append_only = [], []
    with connection.cursor() as cursor:
        cursor.execute(_TENANT_TABLES)
        found = cursor.fetchall()
        open_tables += [name for name, enabled, forced, policy in found if not (enabled and forced and policy)]
        for model in personal_models():
            cursor.execute("SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(%s)", [model._meta.db_table])
            if cursor.fetchone() == (False,):
                open_tables.append(model._meta.db_table)
        for model in append_only_models():
            table = model._meta.db_table
            cursor.execute(_APPEND_ONLY, [table, table])
            if not cursor.fetchone()[0]:
                append_only.append(table)
    readable = [] if open_tables else _readable_without_a_partner()
    for tables, what in (
        (open_tables, "Without row-level security"),
        (readable, "Readable without a partner"),
        (append_only, "No longer append-only"),
    ):
        if tables:
            yield failed(f"{what}: {', '.join(tables)}.", MIGRATE)
    if not (open_tables or readable or append_only):
        yield ok(f"{len(found)} tables show the rows of one partner only")


def _readable_without_a_partner() -> list[str]:
    tables = sorted(model._meta.db_table for model in tenant_models())
    seen = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables)  # noqa: S608
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('portal.partner', '', true), set_config('portal.user', '', true)")
        cursor.execute(seen)
        return [table for (table,) in cursor.fetchall()]


def check_migrations() -> Iterator[Finding]:
    """Whether the schema is the one that this code expects."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    known = executor.loader.disk_migrations or {}
    ours = {app for app, _name in known}
    unknown = [
        f"{app}.{name}" for app, name in executor.loader.applied_migrations if app in ours and (app, name) not in known
    ]
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _backwards in plan[:5])
        yield failed(
            f"{len(plan)} migrations are missing: {names}{', ...' if len(plan) > 5 else ''}.",
            "Run manage.py migrate with the DATABASE_URL of the database's owner.",
        )
    if unknown:
        yield warning(
            f"The database is newer than this code: it has {', '.join(sorted(unknown)[:5])}.",
            "Install the newer version again, or restore the backup from before it.",
        )
    if not plan and not unknown:
        yield ok(f"all {len(known)} applied")
