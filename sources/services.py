"""Writes of connections, each in one transaction and with its audit event."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope, partner_scope, system_scope
from imports.batch_states import NotNow
from imports.services import cancel
from partner_portal.lib.dates.clock import now
from partner_portal.lib.rows.events import credentials_rotated
from sources import rows
from sources.answers import (
    account_data,
    answer_of,
    checked_answers,
    field_data,
    settings_of,
)
from sources.credentials import SecretUnreadable, hint, reseal, seal
from sources.models import ConnectedRow, Connection, ConnectionState, Run, RunState
from sources.queries import open_questions_of, questions_of, waiting_batch
from sources.source import Access, Account, JsonObject, PlaceMissing, WrongAccount, source_of

LEASE = timedelta(minutes=2)  # after which a run that was enqueued and did not start is enqueued again


class WrongChange(ValidationError):  # noqa: N818 -- it says what the change is
    """A change that the connection does not allow; the message says why."""


def try_access(
    partner: Partner, vendor: str, *, token: str, place: str, account_id: str = ""
) -> tuple[Account, JsonObject]:
    """Test an access: the account, and the properties of its tables in their stored form. Raises SourceError.

    A table that the token may not read has no properties.
    """
    source = source_of(vendor)
    access = Access(partner.slug, partner.time_zone, token, place, account_id)
    if source.needs_place and not place.strip():
        raise PlaceMissing(place)
    account = source.test(access)
    if account_id and account.id != account_id:
        raise WrongAccount(found=account.id, expected=account_id)
    schema = {}
    for spec in source.tables(settings_of({}, account)):
        if spec.kind:
            schema[spec.name] = [field_data(field) for field in source.fields(access, spec.name)]
    return account, schema


@transaction.atomic
def make(
    *,
    scope: Scope,
    vendor: str,
    account: Account,
    schema: JsonObject,
    token: str = "",
    place: str = "",
    answers: JsonObject | None = None,
) -> Connection:
    """Store a tested connection. It runs once no question is open. Raises WrongAnswers, and WrongChange if it exists."""
    scope.require(Permission.SETTINGS)
    source = source_of(vendor)
    same = Connection.objects.filter(partner=scope.partner, vendor=vendor, place=place)
    if same.exclude(state=ConnectionState.DISCONNECTED).exists():
        raise WrongChange(_("This connection exists already."))
    label = str(source.label)
    connection = Connection(
        partner=scope.partner,
        vendor=vendor,
        label=f"{label}: {place}" if source.needs_place else label,
        place=place,
        account=account_data(account),
        schema=schema,
        answers=checked_answers(answers or {}),
        created_by=scope.user,
    )
    _set_token(connection, token)
    _start_if_ready(connection)
    connection.save()
    audit.record(scope, "connection.made", connection.label, account=account.id, number=connection.pk)
    return connection


def _set_token(connection: Connection, token: str) -> None:
    if token:
        connection.secret = seal(token, partner_id=connection.partner_id, vendor=connection.vendor)
        connection.token_hint = hint(token)


def _start_if_ready(connection: Connection) -> None:
    """Have the connection run now, unless a question is open."""
    ready = not open_questions_of(connection)
    connection.state = ConnectionState.ACTIVE if ready else ConnectionState.OPEN
    connection.next_at = now() if ready else None


@transaction.atomic
def answer(*, scope: Scope, connection_id: int, answers: JsonObject) -> Connection:
    """Replace the answers of a connection. The first import with new ones waits for a person. Raises WrongAnswers, WrongChange."""
    connection = locked(scope, connection_id)
    document = checked_answers(answers)
    already = connection.answers.get("more", {})
    document |= (
        {"more": {kind: already.get(kind, day) for kind, day in document["more"].items()}} if "more" in document else {}
    )
    for question in questions_of(connection) if connection.good_at else ():
        before, after = (given.get("answers", {}).get(question.key) for given in (connection.answers, document))
        if question.once and before and answer_of(before) != answer_of(after or {}):
            raise WrongChange(_("%(name)s cannot be changed any more: rows would be doubled.") % {"name": question.key})
    connection.answers = document
    if connection.state in (ConnectionState.OPEN, ConnectionState.ACTIVE):
        _start_if_ready(connection)
    connection.window_from = None  # the next run reads everything
    connection.save()
    audit.record(scope, "connection.answered", connection.label, number=connection.pk)
    return connection


@transaction.atomic
def replace_token(*, scope: Scope, connection_id: int, token: str, account: Account, schema: JsonObject) -> Connection:
    """Store a new, tested token of the same account. Raises WrongAccount."""
    connection = locked(scope, connection_id)
    if connection.account.get("id") != account.id:
        raise WrongAccount(found=account.id, expected=str(connection.account.get("id")))
    _set_token(connection, token)
    connection.account, connection.schema, connection.failures = account_data(account), schema, 0
    if connection.state in (ConnectionState.REJECTED, ConnectionState.OPEN, ConnectionState.ACTIVE):
        _start_if_ready(connection)
    connection.save()
    audit.record(scope, "connection.token_replaced", connection.label, number=connection.pk)
    return connection


@transaction.atomic
def pause(*, scope: Scope, connection_id: int) -> Connection:
    """Stop the connection from running by itself. Raises WrongChange."""
    connection = locked(scope, connection_id, ConnectionState.ACTIVE)
    connection.state, connection.next_at = ConnectionState.PAUSED, None
    connection.save()
    audit.record(scope, "connection.paused", connection.label, number=connection.pk)
    return connection


@transaction.atomic
def resume(*, scope: Scope, connection_id: int) -> Connection:
    """Resume a paused connection; it is due at once. Raises WrongChange."""
    connection = locked(scope, connection_id, ConnectionState.PAUSED)
    _start_if_ready(connection)
    connection.failures = 0
    connection.save()
    audit.record(scope, "connection.resumed", connection.label, number=connection.pk)
    return connection


@transaction.atomic
def request_sync(*, scope: Scope, connection_id: int, full: bool) -> Connection:
    """Check that the connection can run, and record who requested it; the caller enqueues the run. Raises WrongChange."""
    connection = locked(scope, connection_id, ConnectionState.ACTIVE, ConnectionState.PAUSED)
    if full:
        connection.window_from = None
        connection.save(update_fields=["window_from"])
    audit.record(scope, "connection.sync_requested", connection.label, number=connection.pk, full=full)
    return connection


@transaction.atomic
def disconnect(*, scope: Scope, connection_id: int, as_files: bool) -> Connection:
    """End a connection: its token is erased at once, its facts stay.

    as_files: later files may withdraw the facts, as if files had brought them. Otherwise only people withdraw them.
    """
    connection = locked(scope, connection_id)
    waiting = waiting_batch(scope, connection)
    if waiting:
        try:
            cancel(scope=scope, batch_id=waiting.pk)
        except NotNow as reason:
            raise WrongChange(str(reason)) from reason
    connection.secret, connection.token_hint = "", ""
    connection.state, connection.next_at = ConnectionState.DISCONNECTED, None
    connection.save()
    if as_files:
        connection.rows.all().delete()
    audit.record(scope, "connection.removed", connection.label, number=connection.pk, as_files=as_files)
    return connection


@transaction.atomic
def assign(*, scope: Scope, connection_id: int, clients: Mapping[int, str]) -> int:
    """Assign rows to clients: our client ids by primary key of the row, "" to undo it. Returns how many changed.

    The next full run imports them. Ids are checked by that import.
    """
    connection = locked(scope, connection_id)
    changed = 0
    for pk, client_id in clients.items():
        row = connection.rows.filter(pk=pk, fact_id__isnull=True).exclude(client_id=client_id)
        changed += row.update(client_id=client_id)
    if changed:
        connection.window_from = None
        connection.save(update_fields=["window_from"])
        audit.record(scope, "connection.assigned", connection.label, number=connection.pk, rows=changed)
    return changed


@transaction.atomic
def confirm_gone(*, scope: Scope, connection_id: int) -> int:
    """Confirm that the rows which the last full runs did not find are gone: the next run withdraws them. Returns how many."""
    connection = locked(scope, connection_id)
    pks = [row.pk for row in rows.given_up(scope, connection)]
    ConnectedRow.objects.filter(partner=scope.partner, pk__in=pks).update(gone=True)
    if pks:
        audit.record(scope, "connection.gone_confirmed", connection.label, number=connection.pk, rows=len(pks))
    return len(pks)


def locked(scope: Scope, connection_id: int, *states: ConnectionState) -> Connection:
    """The connection, locked until the transaction ends. Raises WrongChange when it is in none of the states."""
    scope.require(Permission.SETTINGS)
    connection = Connection.objects.select_for_update().get(partner=scope.partner, pk=connection_id)
    if connection.state == ConnectionState.DISCONNECTED or (states and connection.state not in states):
        raise WrongChange(
            _("%(name)s: %(state)s.") % {"name": connection.label, "state": ConnectionState(connection.state).label}
        )
    return connection


def due_connections() -> QuerySet[Connection]:
    """The due connections of all partners, for `accounts.scope.partners_with`."""
    return Connection.objects.filter(next_at__lte=now(), state=ConnectionState.ACTIVE)


def killed_runs() -> QuerySet[Run]:
    """The runs of all partners that were killed more than a day ago and less than a week. For `accounts.scope.partners_with`."""
    days = now() - timedelta(days=7), now() - timedelta(days=1)
    return Run.objects.filter(
        Q(state=RunState.INTERRUPTED, ended_at__range=days) | Q(state=RunState.RUNNING, started_at__range=days)
    )


def claim_due(*, partner: Partner) -> list[int]:
    """Claim the partner's due connections for LEASE, until their runs set the next time. Returns their primary keys."""
    with partner_scope(partner):
        due = due_connections().filter(partner=partner)
        claimed = [row.pk for row in due.select_for_update(skip_locked=True)]
        Connection.objects.filter(partner=partner, pk__in=claimed).update(next_at=now() + LEASE)
    return claimed


def rotate(*, partner: Partner) -> tuple[int, list[str]]:
    """Encrypt the partner's tokens with the newest key. Returns how many, and the labels of those that cannot be read."""
    done, unreadable = 0, []
    with partner_scope(partner):
        for connection in Connection.objects.select_for_update().filter(partner=partner).exclude(secret=""):
            try:
                connection.secret = reseal(connection.secret)
            except SecretUnreadable:
                unreadable.append(connection.label)
                continue
            connection.save(update_fields=["secret"])
            done += 1
        answers: Any = credentials_rotated.send(Connection, scope=system_scope(partner))
        for _receiver, (more, names) in answers:
            done += more
            unreadable += names
        if done:
            audit.record(system_scope(partner), "connection.keys_rotated", rows=done)
    return done, unreadable
