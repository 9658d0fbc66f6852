"""Writes about further kinds, each in one transaction and with its audit event: previews, on and off, and proposals."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.scope import Scope
from partner_portal.lib.dates.clock import now
from sources import proposals
from sources.answers import checked_answers, digest_of, settings_of
from sources.models import Connection, ConnectionState, Decided, KindPreview, Proposal
from sources.queries import more_kinds, preview_of, vendor_of
from sources.services import WrongChange, locked
from sources.source import JsonObject, TableSpec


@transaction.atomic
def request_preview(*, scope: Scope, connection_id: int, kind: str, answers: JsonObject) -> KindPreview:
    """Ask for what a kind would make with these answers; the caller enqueues it. Raises WrongAnswers, WrongChange."""
    connection = locked(scope, connection_id, ConnectionState.ACTIVE, ConnectionState.PAUSED)
    preview, _made = KindPreview.objects.update_or_create(
        partner=scope.partner,
        connection=connection,
        kind=kind,
        proposals__isnull=True,
        defaults={"answers": checked_answers({"answers": answers})["answers"], **_waiting(scope)},
    )
    audit.record(scope, "connection.kind_previewed", connection.label, number=connection.pk, kind=kind)
    return preview


@transaction.atomic
def request_effect(*, scope: Scope, connection_id: int, kind: str, numbers: Collection[int]) -> KindPreview:
    """Ask for what confirming these proposals would do; the caller enqueues it. Raises WrongChange."""
    connection = locked(scope, connection_id)
    spec_of(connection, kind)
    preview, _made = KindPreview.objects.update_or_create(
        partner=scope.partner,
        connection=connection,
        kind=kind,
        proposals__isnull=False,
        defaults={"proposals": sorted(numbers), **_waiting(scope)},
    )
    return preview


def _waiting(scope: Scope) -> JsonObject:
    """Fields of a preview that a worker has yet to make."""
    return {"asked_at": now(), "made_at": None, "result": {}, "language": scope.locale}


@transaction.atomic
def switch_on(*, scope: Scope, connection_id: int, kind: str) -> Connection:
    """Have the connection bring a kind, as its preview showed. The first import with it waits, or its proposals do.

    Raises WrongChange.
    """
    connection = locked(scope, connection_id, ConnectionState.ACTIVE, ConnectionState.PAUSED)
    preview = preview_of(scope, connection, kind)
    if kind not in more_kinds(connection) or preview is None or not preview.made_at or preview.result.get("why"):
        raise WrongChange(_("Look at what it would bring first."))
    more = connection.answers.get("more", {})
    others = _answers_of_others(connection, kind)
    document = {"answers": others | preview.answers, "more": {kind: scope.today.isoformat()} | more}
    # Proposals need no import that waits besides: none is written before it is confirmed.
    is_new = not _spec(connection, kind, connection.answers | document).decided
    _start_over(connection, connection.answers | document, is_new=is_new)
    preview.delete()
    audit.record(scope, "connection.kind_on", connection.label, number=connection.pk, kind=kind)
    return connection


@transaction.atomic
def switch_off(*, scope: Scope, connection_id: int, kind: str) -> Connection:
    """Have the connection leave a kind alone. What it brought stays, and files keep it up to date. Raises WrongChange."""
    connection = locked(scope, connection_id)
    more = {key: day for key, day in connection.answers.get("more", {}).items() if key != kind}
    document = {"answers": _answers_of_others(connection, kind), "more": more}
    _start_over(connection, connection.answers | document, is_new=False)
    connection.rows.filter(kind=kind).delete()
    audit.record(scope, "connection.kind_off", connection.label, number=connection.pk, kind=kind)
    return connection


def _answers_of_others(connection: Connection, kind: str) -> JsonObject:
    answers: JsonObject = connection.answers.get("answers", {})
    return {key: answer for key, answer in answers.items() if not key.startswith(f"{kind}.")}


def _start_over(connection: Connection, document: JsonObject, *, is_new: bool) -> None:
    """Store answers; the next run reads everything with them, at once unless the connection is paused.

    is_new: rows will come that nobody has looked at, so the next import waits.
    """
    was_confirmed = connection.confirmed == digest_of(connection.answers)
    connection.answers = checked_answers(document)
    if was_confirmed and not is_new:
        connection.confirmed = digest_of(connection.answers)
    _read_soon(connection)
    connection.save()


def _read_soon(connection: Connection) -> None:
    connection.window_from = None
    if connection.state == ConnectionState.ACTIVE:
        connection.next_at = now()


@transaction.atomic
def confirm(*, scope: Scope, connection_id: int, kind: str, numbers: Collection[int], seen: str) -> int:
    """Confirm proposals; the next run brings them. Returns how many.

    seen: `proposals.digest` of what the person was shown. Raises WrongChange when one of them reads otherwise now.
    """
    connection = locked(scope, connection_id)
    spec = spec_of(connection, kind)
    rows = list(_chosen(scope, connection, kind, numbers).filter(waits=True))
    if proposals.digest(spec, rows) != seen:
        raise WrongChange(_("Some of them have changed since. Look at what confirming them does again."))
    for row in rows:
        row.accepted, row.state, row.waits = proposals.cells_of(spec, row.row), Decided.CONFIRMED, False
        row.decided_at, row.decided_by = now(), scope.user
    KindPreview.objects.filter(connection=connection, kind=kind, proposals__isnull=False).delete()
    _decided(scope, connection, rows, "connection.proposals_confirmed")
    return len(rows)


@transaction.atomic
def reject(*, scope: Scope, connection_id: int, kind: str, numbers: Collection[int]) -> int:
    """Reject proposals, for good; what a confirmed one brought goes with the next run. Returns how many. Raises WrongChange."""
    connection = locked(scope, connection_id)
    spec = spec_of(connection, kind)
    rows = list(_chosen(scope, connection, kind, numbers).exclude(state=Decided.REJECTED))
    proposals.take_back(scope, connection, spec, [row for row in rows if row.state == Decided.CONFIRMED])
    for row in rows:
        row.accepted, row.state, row.waits = None, Decided.REJECTED, False
        row.decided_at, row.decided_by = now(), scope.user
    _decided(scope, connection, rows, "connection.proposals_rejected")
    return len(rows)


@transaction.atomic
def reconsider(*, scope: Scope, connection_id: int, kind: str, numbers: Collection[int]) -> int:
    """Have rejected proposals wait again. Returns how many. Raises WrongChange."""
    connection = locked(scope, connection_id)
    rows = list(_chosen(scope, connection, kind, numbers).filter(state=Decided.REJECTED))
    for row in rows:
        row.state, row.waits, row.decided_at, row.decided_by = Decided.OPEN, True, None, None
    _decided(scope, connection, rows, "connection.proposals_reopened")
    return len(rows)


def spec_of(connection: Connection, kind: str) -> TableSpec:
    """The table of a kind that is on. Raises WrongChange."""
    return _spec(connection, kind, connection.answers)


def _spec(connection: Connection, kind: str, document: JsonObject) -> TableSpec:
    """The table of a kind that is on with these answers. Raises WrongChange."""
    specs = vendor_of(connection).tables(settings_of(document))
    spec = next((spec for spec in specs if spec.kind == kind and spec.full_only), None)
    if spec is None:
        raise WrongChange(_("This is switched off."))
    return spec


def _chosen(scope: Scope, connection: Connection, kind: str, numbers: Collection[int]) -> QuerySet[Proposal]:
    return proposals.proposals(scope, connection, kind).select_for_update().filter(pk__in=numbers)


def _decided(scope: Scope, connection: Connection, rows: list[Proposal], event: str) -> None:
    if not rows:
        return
    Proposal.objects.bulk_create(  # an upsert: of thousands of rows several times as fast as `bulk_update`
        rows,
        update_conflicts=True,
        unique_fields=["connection", "kind", "key"],
        update_fields=["accepted", "state", "waits", "decided_at", "decided_by"],
        batch_size=1000,
    )
    _read_soon(connection)
    connection.save(update_fields=["window_from", "next_at"])
    audit.record(scope, event, connection.label, number=connection.pk, kind=rows[0].kind, rows=len(rows))
