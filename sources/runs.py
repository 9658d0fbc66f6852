"""A run of a connection: reads outside any transaction into files, then imports them in one transaction.

Nothing is half done: a run that is killed, fails or hits a guard has written no fact, and the next one starts over.
"""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.utils import translation

from accounts.models import Partner, User
from accounts.scope import Scope, owner_scope, partner_scope, system_scope
from imports.batch_states import NotNow
from imports.checks import Step
from imports.connected import Decision, ReadFile, import_connected
from imports.mapping import WrongMapping
from imports.models import BatchStatus, ImportBatch
from imports.pipeline import Outcome
from imports.services import cancel
from imports.tables import UnreadableFile
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import CONNECTION_RUN, session_lock
from sources import proposals, rows
from sources.answers import account_of, digest_of, every_minutes, guards_of, mapping_of, settings_of
from sources.credentials import SecretUnreadable, unseal
from sources.guards import guard_hit, points_of
from sources.models import Connection, ConnectionState, Run, RunState
from sources.queries import waiting_batch
from sources.renewal_days import moved_renewals
from sources.run_files import TableFile, clean_folder, remove_folder
from sources.source import (
    Access,
    JsonObject,
    QuotaUsedUp,
    ScopeMissing,
    Seen,
    Settings,
    SourceError,
    TableSpec,
    TokenRejected,
    TryLater,
    Window,
    WrongAccount,
    source_of,
)

log = logging.getLogger(__name__)

BACK_OFF = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=60),
)  # after the first, second, third failure


class NotRunnable(Exception):  # noqa: N818 -- it says what the connection is
    """The connection does not run now; `code` says why (`sources.texts`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class _Job:
    """A run's own copy of what it needs, so that it reads without a transaction."""

    connection: Connection
    run: Run
    access: Access
    settings: Settings
    window: Window | None
    known: dict[str, frozenset[str]]


@dataclass(slots=True)
class _Tables:
    """The tables that were read."""

    files: list[tuple[TableSpec, TableFile, Seen]] = field(default_factory=list)
    missing_scope: ScopeMissing | None = None


def run_connection(
    *,
    partner: Partner,
    connection_id: int,
    by_itself: bool,
    user: User | None = None,
    full: bool | None = None,
    commit_first: bool = False,
    step: Step,
) -> Run | None:
    """Run a connection once. None when another process is running it, or when it is no longer due to run by itself.

    full: None for what is due. commit_first: write a first import too, which otherwise waits for a person.
    Raises NotRunnable when somebody requested the run and it cannot start.
    """
    with session_lock(CONNECTION_RUN, connection_id) as side:
        if side is None:
            return None
        try:
            with partner_scope(partner, user):
                job = _begin(_scope(partner, user), connection_id, by_itself, full)
        except NotRunnable:
            if by_itself:
                return None
            raise
        try:
            return _carried_out(partner, job, commit_first, step)
        finally:
            remove_folder(connection_id)


def _scope(partner: Partner, user: User | None) -> Scope:
    return owner_scope(partner, user) if user else system_scope(partner)


def _begin(scope: Scope, connection_id: int, by_itself: bool, full: bool | None) -> _Job:
    """Create the run. Raises NotRunnable."""
    connection = Connection.objects.select_for_update().get(partner=scope.partner, pk=connection_id)
    for lost in connection.runs.filter(state=RunState.RUNNING):
        lost.state, lost.why, lost.ended_at = RunState.INTERRUPTED, "interrupted", clock.now()
        lost.save()
    runnable = (ConnectionState.ACTIVE,) if by_itself else (ConnectionState.ACTIVE, ConnectionState.PAUSED)
    if connection.state not in runnable:
        raise NotRunnable(connection.state)
    waiting = waiting_batch(scope, connection)
    if waiting and by_itself:
        connection.next_at = clock.now() + timedelta(minutes=every_minutes(connection.answers))
        connection.save(update_fields=["next_at"])
        raise NotRunnable("waits")
    if waiting:
        _discard(scope, connection, waiting)
    account = account_of(connection.account)
    settings = settings_of(
        connection.answers, account, rows.assigned(scope, connection), proposals.accepted(scope, connection)
    )
    source = source_of(connection.vendor)
    specs = source.tables(settings)
    can_window = connection.window_from is not None and any(spec.windowed for spec in specs)
    if full is None:
        full = connection.full_on is None or connection.full_on < scope.today
    full = full or not can_window
    window = None if full or connection.window_from is None else Window(connection.window_from)
    run = Run.objects.create(
        partner=scope.partner, connection=connection, full=full, by=scope.user, started_at=clock.now()
    )
    known = {spec.name: rows.known_ids(scope, connection, spec.kind) for spec in specs if spec.kind}
    return _Job(connection, run, access_of(scope.partner, connection), settings, window, known)


def access_of(partner: Partner, connection: Connection) -> Access:
    """Access to the vendor's account, without the token, which is decrypted as late as possible."""
    account = account_of(connection.account)
    return Access(
        partner=partner.slug, zone=partner.time_zone, place=connection.place, account_id=account.id if account else ""
    )


def with_token(access: Access, connection: Connection) -> Access:
    """The access with the connection's token. Raises SecretUnreadable."""
    token = unseal(connection.secret, partner_id=connection.partner_id, vendor=connection.vendor)
    return Access(access.partner, access.zone, token, access.place, access.account_id)


def _discard(scope: Scope, connection: Connection, batch: ImportBatch) -> None:
    """Discard the import that waits: the new run replaces it. Raises NotRunnable while it is being written."""
    if batch.status == BatchStatus.COMMITTING:
        raise NotRunnable("committing")
    try:
        cancel(scope=scope, batch_id=batch.pk)
    except NotNow as reason:
        raise NotRunnable("committing") from reason


def _carried_out(partner: Partner, job: _Job, commit_first: bool, step: Step) -> Run:
    """Read, import, and store how it ended."""
    try:
        tables = _read(job, partner, step)
        with partner_scope(partner):
            scope = system_scope(partner)
            with translation.override(scope.locale):
                _import(scope, job, tables, commit_first, step)
    except SourceError as error:
        _fail(partner, job, error.code, error.details, error)
    except SecretUnreadable:
        _fail(partner, job, "key_missing", {}, TokenRejected())
    except UnreadableFile as error:
        _fail(partner, job, "file_unreadable", {"file": error.name, "message": error.problem.message}, error)
    except WrongMapping as error:
        _fail(partner, job, "mapping", {"message": str(error)}, error)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("Run %s of connection %s failed.", job.run.pk, job.connection.pk)
        _fail(partner, job, "unexpected", {}, error)
    return job.run


def _read(job: _Job, partner: Partner, step: Step) -> _Tables:
    """Read every table into a file. Raises SourceError, SecretUnreadable."""
    connection = job.connection
    source = source_of(connection.vendor)
    folder = clean_folder(connection.pk)
    access = job.access
    if source.needs_token:
        access = with_token(access, connection)
    tables = _Tables()
    with source.reading(access, job.settings, connection.files) as reading:
        try:
            for spec in source.tables(job.settings):
                if spec.full_only and not job.run.full:
                    continue
                into = TableFile(folder, spec)
                window = job.window if spec.windowed else None
                with closing(into):
                    try:
                        seen = reading.read(spec, window, job.known.get(spec.name, frozenset()), into, step)
                    except ScopeMissing as error:
                        tables.missing_scope = tables.missing_scope or error
                        continue
                tables.files.append((spec, into, seen))
        finally:
            job.run.calls = reading.calls
    if tables.missing_scope and not tables.files:
        raise tables.missing_scope
    return tables


def _import(scope: Scope, job: _Job, tables: _Tables, commit_first: bool, step: Step) -> None:
    """Import what was read: write it, leave it for a person, or drop it when nothing is new."""
    connection = Connection.objects.select_for_update().get(partner=scope.partner, pk=job.connection.pk)
    job.connection, run = connection, job.run
    if connection.state == ConnectionState.DISCONNECTED:
        _end(run, RunState.DISCARDED, "disconnected")
        return
    readings = [(spec, seen) for spec, _file, seen in tables.files]
    gone = rows.gone_rows(scope, connection, readings)
    for spec, seen in readings:
        proposals.note(scope, connection, spec, seen)
    closed = moved_renewals(scope, connection, readings, gone)
    _describe(job, tables, gone)
    files = [*_files(tables, job.settings, connection.label), *closed]
    first = connection.confirmed != run.result["digest"]
    if tables.missing_scope:
        run.why, run.details["scope"] = tables.missing_scope.code, tables.missing_scope.details
    if not files or (not gone.pks and _is_unchanged(scope, connection, run)):
        _settle(scope, job, tables, None)
        return
    why: tuple[str, JsonObject] = ("asks", {})

    def decide(outcome: Outcome) -> Decision:
        nonlocal why
        counts = outcome.counts.values()
        run.added = sum(count.new for count in counts)
        run.changed = sum(count.changed for count in counts)
        run.withdrawn = outcome.missing.total
        run.left_out = sum(map(len, outcome.checked.bad_rows))
        before, after = points_of(outcome)
        run.points = {"before": str(before), "after": str(after)}
        if not run.added + run.changed + run.withdrawn:
            return Decision(drop=True)
        hit = guard_hit(outcome, guards_of(connection.answers))
        why = ("first", {}) if first and not commit_first else hit or ("", {})
        return Decision(write=not why[0])

    complete = connection.answers.get("complete", [])
    result = import_connected(
        scope=scope,
        connection_id=connection.pk,
        origin=connection.label,
        files=files,
        complete=[key for key in complete if any(spec.kind in ("", key) for spec, _seen in readings)],
        gone=gone.pks,
        decide=decide,
        step=step,
    )
    if result.batch and result.batch.status != BatchStatus.COMMITTED:
        if result.batch.blocked:
            why = ("blocked", {})
        _wait(scope, connection, run, result.batch, why, readings)
    else:
        _settle(scope, job, tables, result.batch)


def _describe(job: _Job, tables: _Tables, gone: rows.Gone) -> None:
    """Store with the run what it read, and what the connection stores once the run succeeds."""
    run, connection = job.run, job.connection
    starts, hashes, files = [], {}, dict(connection.files)
    for spec, file, seen in tables.files:
        in_window = job.window is not None and spec.windowed
        if spec.kind:
            run.read[spec.kind] = file.rows
        if not in_window or file.rows:
            hashes[spec.name] = file.digest()
        if spec.windowed and seen.at:
            starts.append(seen.at)
        files |= seen.files
        run.unmatched += len(seen.unmatched)
    run.details["gone"] = gone.named
    run.result = {
        "digest": digest_of(connection.answers),
        "hashes": hashes,
        "ids": {spec.kind: spec.id for spec, _file, _seen in tables.files if spec.kind},
        "window_from": min(starts).isoformat() if starts else None,
        "files": files,
        "more": any(seen.more for _spec, _file, seen in tables.files),
    }


def _is_unchanged(scope: Scope, connection: Connection, run: Run) -> bool:
    """Whether the files are those of the last successful run, and no fact has changed since."""
    checked: JsonObject = connection.checked
    same = all(checked.get("hashes", {}).get(name) == digest for name, digest in run.result["hashes"].items())
    return same and checked["generation"] == scope.partner.generation and checked["digest"] == run.result["digest"]


def _files(tables: _Tables, settings: Settings, label: str) -> list[ReadFile]:
    files = []
    for spec, file, _seen in tables.files:
        if spec.kind:
            files.append(ReadFile(file.path, f"{spec.name}.csv", spec.kind, mapping_of(spec, settings, label)))
        files += [ReadFile(path, name) for path, name in file.files]
    return files


def _settle(scope: Scope, job: _Job, tables: _Tables, batch: ImportBatch | None) -> None:
    """End a successful run."""
    connection, run = job.connection, job.run
    for spec, _file, seen in tables.files:
        rows.note_unmatched(scope, connection, spec, seen)
    if batch:
        run.batch_id = batch.pk
    take_over(scope, connection, run, batch)
    for spec, file, seen in tables.files:
        if spec.kind:
            known = rows.known_ids(scope, connection, spec.kind)
            rows.adopt(scope, connection, spec, mapping_of(spec, job.settings, connection.label), file.path, known)
        rows.note_missing(scope, connection, spec, seen, clock.now())


def take_over(scope: Scope, connection: Connection, run: Run, batch: ImportBatch | None) -> None:
    """Mark a run as successful, and store its result in the connection: the next run starts from it."""
    result: JsonObject = run.result
    if batch:
        run.added, run.changed, run.withdrawn = batch.added, batch.changed, batch.withdrawn
        run.points = _points(batch)
        rows.remember_brought(scope, connection, batch, result["ids"])
        connection.confirmed = result["digest"]
    moment = clock.now()
    if result["window_from"]:
        connection.window_from = datetime.fromisoformat(result["window_from"])
    if run.full:
        connection.full_on = scope.today
    connection.files = result["files"]
    hashes = result["hashes"] if run.full else {**connection.checked.get("hashes", {}), **result["hashes"]}
    connection.checked = {"hashes": hashes, "digest": result["digest"], "generation": scope.partner.generation}
    connection.good_at, connection.failures = moment, 0
    delay = timedelta() if result["more"] else timedelta(minutes=every_minutes(connection.answers))
    connection.next_at = moment + delay if connection.state == ConnectionState.ACTIVE else None
    connection.save()
    _end(run, RunState.COMMITTED if batch else RunState.NOTHING_NEW, run.why)


def _points(batch: ImportBatch) -> dict[str, str]:
    before, after = (batch.points.get(name) or {} for name in ("points_before", "points_after"))
    return {"before": str(before.get("total", 0)), "after": str(after.get("total", 0))}


def _wait(
    scope: Scope,
    connection: Connection,
    run: Run,
    batch: ImportBatch,
    why: tuple[str, JsonObject],
    readings: Sequence[tuple[TableSpec, Seen]],
) -> None:
    """Leave the import for a person. No fact is written."""
    for spec, seen in readings:
        rows.note_unmatched(scope, connection, spec, seen)
    run.batch_id, code = batch.pk, why[0]
    run.details |= why[1]
    connection.failures = 0
    if connection.state == ConnectionState.ACTIVE:
        connection.next_at = clock.now() + timedelta(minutes=every_minutes(connection.answers))
    connection.save()
    _end(run, RunState.WAITS, code)


def _fail(partner: Partner, job: _Job, code: str, details: JsonObject, error: Exception) -> None:
    """Store that a run failed, and when the next one is due."""
    run = job.run
    with partner_scope(partner):
        connection = Connection.objects.select_for_update().get(partner=partner, pk=job.connection.pk)
        connection.failures += 1
        if connection.state == ConnectionState.ACTIVE:
            connection.next_at = _next_try(connection, error)
            if isinstance(error, TokenRejected | WrongAccount):
                connection.state, connection.next_at = ConnectionState.REJECTED, None
        connection.save()
        log.warning("Connection %s of partner %s: %s", connection.pk, partner.pk, code)
        run.read, run.added, run.changed, run.withdrawn, run.batch_id = {}, 0, 0, 0, None
        run.details = dict(details)
        _end(run, RunState.FAILED, code)


def _next_try(connection: Connection, error: Exception) -> datetime:
    moment = clock.now()
    if isinstance(error, QuotaUsedUp):
        return max(error.until, moment + BACK_OFF[0])
    rhythm = timedelta(minutes=every_minutes(connection.answers))
    wait = BACK_OFF[connection.failures - 1] if connection.failures <= len(BACK_OFF) else max(rhythm, BACK_OFF[-1])
    if isinstance(error, TryLater) and error.seconds:
        wait = max(wait, timedelta(seconds=error.seconds))
    return moment + wait


def _end(run: Run, state: RunState, why: str) -> None:
    run.state, run.why, run.ended_at = state, why, clock.now()
    run.save()
