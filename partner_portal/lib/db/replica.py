"""Reading from a streaming replica, where DATABASE_REPLICA_URL names one (ADR 177).

`answered` gives a whole answer from the replica: all that is asked meanwhile, raw SQL included, is asked of that one server,
the partner's generation too, so that figures are never cached under a generation that their rows have not reached. An answer
that the replica cannot give is begun anew on the primary: because it writes, asks for locks, or is about somebody whose last
write the replica has not replayed, or because the replica is away.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from django.conf import settings
from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from partner_portal.lib.db.outage import refuses_writes
from partner_portal.lib.metrics import REPLICA_READS

logger = logging.getLogger(__name__)

ALIAS = "replica"
AWAY_SECONDS = 5.0  # without another try after a failure
KNOWN_SECONDS = 600  # that the position of a last write is kept; without one, the primary says how far it is now

# Positions in the write-ahead log are bytes since its beginning.
STANDBY = """
SELECT pg_is_in_recovery(), (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint,
  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""
POSITION = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"


class Outcome(StrEnum):
    """Where an answer came from, and why not from the replica."""

    REPLICA = "replica"
    BEHIND = "behind"
    NEEDS_PRIMARY = "needs_primary"
    FAILED = "failed"


class _NotFromReplica(BaseException):
    """Ends an answer on the replica. Not an Exception, so that no handler on the way makes an error page of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class _Reading:
    primary: BaseDatabaseWrapper
    replayed: int


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How far the replica is, for operators."""

    #: Whether it is a standby; anything else is not read from.
    standby: bool
    #: Bytes of the write-ahead log that it has not replayed.
    behind_bytes: int
    #: Age of the last transaction that it has replayed, in seconds; 0 when it has replayed all.
    behind_seconds: float


_reading: ContextVar[_Reading | None] = ContextVar("reading", default=None)


class _Process:
    """What this process knows."""

    away_until = 0.0  # by the monotonic clock
    # A replica that is used has replayed `settled`, which is one to two times DATABASE_REPLICA_LAG_SECONDS old.
    settled = 0
    sample = 0
    sampled_at = float("-inf")


def configured() -> bool:
    """Whether there is a replica."""
    return ALIAS in connections.settings


def answered[T](answer: Callable[[], T]) -> T:
    """`answer()`, given by the replica where it can be. It may run twice, so it must not have effects besides the database."""
    if (
        not configured()
        or _reading.get() is not None
        or connections[DEFAULT_DB_ALIAS].in_atomic_block  # which may hold writes that nobody else sees
        or time.monotonic() < _Process.away_until
    ):
        return answer()
    try:
        with _on_replica() as database:
            given = answer()
            if database.errors_occurred:  # whatever was made of them
                raise _NotFromReplica(Outcome.FAILED)
    except _NotFromReplica as reason:
        REPLICA_READS.labels(reason.outcome).inc()
        if reason.outcome == Outcome.FAILED:
            _give_up(reason)
    else:
        REPLICA_READS.labels(Outcome.REPLICA).inc()
        return given
    return answer()


def from_primary() -> None:
    """Called before what only the primary knows, such as locks and whether somebody is unknown."""
    if _reading.get() is not None:
        raise _NotFromReplica(Outcome.NEEDS_PRIMARY)


def note_tenant(partner_id: int | None, user_id: int | None) -> None:
    """Called when the database is told whose rows to show.

    On the replica, goes to the primary unless their last write is there. Elsewhere, remembers whose write it is if this
    transaction writes.
    """
    if not configured():
        return
    named = {"partner": partner_id, "user": user_id}
    names = [f"replica-position-{kind}-{pk}" for kind, pk in named.items() if pk]
    reading = _reading.get()
    if reading is None:
        database = cast("Any", connections[DEFAULT_DB_ALIAS])
        database.writes_of.update(names)
    elif names and reading.replayed < _needed(names, reading.primary):
        raise _NotFromReplica(Outcome.BEHIND)


def note_write(database: BaseDatabaseWrapper, names: Collection[str]) -> None:
    """Store how far the primary is after a commit, for those whose write it was."""
    position = _position(database)
    for name in names:
        if (cache.get(name) or 0) < position:  # two commits may be noted in another order than they were made
            cache.set(name, position, KNOWN_SECONDS)


def state() -> ReplicaState:
    """How far the replica is. Raises DatabaseError when either server cannot be asked."""
    position = _position(connections[DEFAULT_DB_ALIAS])
    standby, replayed, age = _ask(connections[ALIAS], STANDBY)
    behind = max(position - (replayed or 0), 0)
    return ReplicaState(bool(standby), behind, float(age or 0) if behind else 0.0)


@contextmanager
def _on_replica() -> Iterator[BaseDatabaseWrapper]:
    primary, database = connections[DEFAULT_DB_ALIAS], connections[ALIAS]
    try:
        standby, replayed, _age = _ask(database, STANDBY)
    except (DatabaseError, InterfaceError) as error:
        raise _NotFromReplica(Outcome.FAILED) from error
    if not standby:  # promoted, it goes its own way
        raise _NotFromReplica(Outcome.FAILED)
    database.errors_occurred = False
    token = _reading.set(_Reading(primary, int(replayed or 0)))
    connections[DEFAULT_DB_ALIAS] = database
    try:
        with database.execute_wrapper(_watch):
            yield database
    except (OperationalError, InterfaceError) as error:  # of a cursor that was open, or of the end of the transaction
        raise _NotFromReplica(Outcome.FAILED) from error
    finally:
        connections[DEFAULT_DB_ALIAS] = primary
        _reading.reset(token)


def _watch(execute: Callable[..., object], sql: str, params: object, many: bool, context: dict[str, object]) -> object:
    try:
        return execute(sql, params, many, context)
    except (DatabaseError, InterfaceError) as error:
        if refuses_writes(error):
            raise _NotFromReplica(Outcome.NEEDS_PRIMARY) from error
        if isinstance(error, OperationalError | InterfaceError):
            raise _NotFromReplica(Outcome.FAILED) from error
        raise


def _give_up(reason: _NotFromReplica) -> None:
    _Process.away_until = time.monotonic() + AWAY_SECONDS
    logger.warning("The replica cannot be read; the primary is, for a while: %s", reason.__cause__ or "not a standby")
    with suppress(DatabaseError, InterfaceError):
        connections[ALIAS].close()


def _needed(names: list[str], primary: BaseDatabaseWrapper) -> int:
    """The position that must be replayed to read for these: their last writes, and all that is older than the lag allowed."""
    stored: dict[str, int] = cache.get_many(names)
    missing = [name for name in names if name not in stored]
    late = time.monotonic() - _Process.sampled_at >= settings.DATABASE_REPLICA_LAG_SECONDS
    if missing or late:
        try:
            position = _position(primary)
        except (DatabaseError, InterfaceError) as error:  # whoever asks next says so
            raise _NotFromReplica(Outcome.NEEDS_PRIMARY) from error
        for name in missing:
            cache.add(name, position, KNOWN_SECONDS)
            stored[name] = position
        if late:
            recent = time.monotonic() - _Process.sampled_at < 2 * settings.DATABASE_REPLICA_LAG_SECONDS
            _Process.settled = _Process.sample if recent else position
            _Process.sample, _Process.sampled_at = position, time.monotonic()
    return max(_Process.settled, *stored.values())


def _position(database: BaseDatabaseWrapper) -> int:
    return int(_ask(database, POSITION)[0])


def _ask(database: BaseDatabaseWrapper, question: str) -> tuple[Any, ...]:
    with database.cursor() as cursor:
        cursor.execute(question)
        return tuple(cursor.fetchone())
