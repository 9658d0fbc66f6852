"""Advisory locks of PostgreSQL, and every key that the portal takes them by.

A lock has two keys: one of the kinds below, and the primary key of what is locked. A lock of a transaction is released when
that ends; a lock of a session belongs to a connection of its own and its one transaction, so that PostgreSQL releases it
when its process dies, however it dies. A lock on a replica would exclude nobody: whoever asks for one there is sent to the
primary. Only the places of `places` are counted on each server apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from partner_portal.lib.db.replica import from_primary

PARTNER_FACTS = 7001  # a partner: one writer of its facts and ledger
IMPORT_BATCH = 7002  # a batch: the worker that checks or writes it
PERSON_REQUESTS = 7003  # a person and a place: one of the requests that they may have running at the same time
GUARDS = 7004  # 0: one process that installs the database's own guards
CONNECTION_RUN = 7005  # a live connection: the process that reads from it
VENDOR_CALL = 7006  # a call of a vendor: the worker that makes it
EXPORT = 7101  # an export: the worker that writes it
EXPORT_REQUESTS = 7102  # a user: one file is requested at a time
LISTS = 7103  # a partner: one writer of its lists
REPORTS = 7104  # a user, or a partner: one writer of their reports
SCHEDULE_RUN = 7105  # a run of a schedule: the worker that is at it
DIGEST_RUN = 7106  # a digest of a person: the worker that is at it
NOTICE_MAIL = 7107  # a person: the worker that mails their notices

# The transaction that holds it may be idle for as long as the job takes.
_TAKE = """
SELECT pg_try_advisory_xact_lock(%s, %s), set_config('idle_in_transaction_session_timeout', '0', true),
  set_config('transaction_timeout', '0', true)
"""
MOST_PLACES = 64
# Whether one of so many places is free, which is then locked until the end of the transaction; see `places`.
SLOT_CLAIMED = "EXISTS (SELECT FROM generate_series(1, %s) AS place WHERE pg_try_advisory_xact_lock(%s, %s + place))"


def lock(kind: int, key: int, using: str = DEFAULT_DB_ALIAS) -> None:
    """Wait for the lock and hold it until the transaction ends; taking it again is free."""
    from_primary()
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [kind, key])


def lock_if_free(kind: int, key: int) -> bool:
    """Take the lock without waiting and hold it until the transaction ends; False when somebody else has it."""
    from_primary()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [kind, key])
        return bool(cursor.fetchone()[0])


@contextmanager
def session_lock(kind: int, key: int) -> Iterator[BaseDatabaseWrapper | None]:
    """Hold the lock during the block, over any number of transactions; yields the connection that holds it.

    None when a living process has it. The connection stays in a transaction that reads and writes nothing, so that a
    pooler leaves it with its session (ADR 160). It serves for nothing else.
    """
    from_primary()
    side = connection.copy()
    try:
        side.set_autocommit(False)
        with side.cursor() as cursor:
            cursor.execute(_TAKE, [kind, key])
            taken = cursor.fetchone()[0]
        yield side if taken else None
    finally:
        # Closing is enough, but PostgreSQL may notice it only after the next process has asked for the lock.
        with suppress(DatabaseError, InterfaceError):
            side.rollback()
        side.close()


def held_keys(kind: int) -> set[int]:
    """The keys of all locks of a kind that living processes hold."""
    from_primary()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [kind],
        )
        return {row[0] for row in cursor.fetchall()}


def places(kind: int, key: int, limit: int) -> list[int]:
    """The parameters of `SLOT_CLAIMED`: `limit` places (at most `MOST_PLACES`) of one key."""
    return [min(limit, MOST_PLACES), kind, key % 2**24 * (MOST_PLACES + 1)]
