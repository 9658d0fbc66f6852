"""Locks that the database holds until the end of the transaction."""

from django.db import connection

PERSON_REQUESTS = 7003  # one of the requests that a person may have running at the same time
PARTNER_FACTS = 7001  # facts and ledger of one partner: one writer at a time


def lock(kind: int, key: int) -> None:
    """Wait for the lock (kind, key) and keep it until the transaction ends; taking it again is free."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [kind, key])


def lock_if_free(kind: int, key: int) -> bool:
    """Take the lock without waiting and keep it until the transaction ends; False when somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [kind, key])
        return bool(cursor.fetchone()[0])
