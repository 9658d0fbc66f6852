"""What people ask of a vendor: connecting, a new token, sending a list. A request only stores it, and a worker does it.

A vendor may be slow or dead, so none is called while a request or a transaction waits. Everything can be done twice: a call
whose worker died is made again. Its token is encrypted until it ends, and then erased.
"""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import translation
from django.views.decorators.debug import sensitive_variables

from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope, owner_scope, partner_scope
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db.locks import VENDOR_CALL, session_lock
from partner_portal.lib.rows.providers import client_list
from sources import sending, services
from sources.call_states import CallKind, CallState
from sources.credentials import SecretUnreadable, seal, unseal
from sources.models import Connection, VendorCall
from sources.runs import access_of, with_token
from sources.source import Account, AsksForConsent, JsonObject, SourceError, source_of

log = logging.getLogger(__name__)

EXPECTED = timedelta(seconds=30)
RETRIED_AFTER = timedelta(minutes=3)  # its worker or its message is gone
GIVEN_UP_AFTER = timedelta(minutes=15)
REMEMBERED = timedelta(days=1)

type Ask = Callable[[], Any]
type Store = Callable[[Scope, Any], JsonObject]


@sensitive_variables("token")
def request_call(
    *,
    scope: Scope,
    kind: CallKind,
    vendor: str,
    token: str = "",
    connection: Connection | None = None,
    **arguments: str | int,
) -> VendorCall:
    """Store what somebody asks of a vendor; the caller enqueues it."""
    scope.require(Permission.EXPORT if kind == CallKind.SEND else Permission.SETTINGS)
    if scope.user is None:
        raise PermissionDenied("only people ask")
    VendorCall.objects.filter(partner=scope.partner, asked_at__lt=now() - REMEMBERED).delete()
    return VendorCall.objects.create(
        partner=scope.partner,
        kind=kind,
        vendor=vendor,
        connection=connection,
        by=scope.user,
        secret=seal(token, partner_id=scope.partner.pk, vendor=vendor) if token else "",
        arguments=arguments,
        asked_at=now(),
    )


def get_call(scope: Scope, call_id: int) -> VendorCall:
    """A call that this person asked for. Raises Http404."""
    calls = VendorCall.objects.select_related("connection").filter(partner=scope.partner, by=scope.user, pk=call_id)
    if (call := calls.first()) is None:
        raise Http404
    return call


def is_late(call: VendorCall) -> bool:
    """Whether it takes longer than the vendor alone explains."""
    return now() - call.asked_at > EXPECTED


def carry_out(*, partner: Partner, call_id: int) -> str:
    """Do what was asked, once. Returns the call's state; "" when another process is at it."""
    with session_lock(VENDOR_CALL, call_id) as side:
        if side is None:
            return ""
        with partner_scope(partner):
            call = VendorCall.objects.select_related("connection", "by").get(partner=partner, pk=call_id)
        if call.state != CallState.WAITING:
            return call.state
        with translation.override(call.by.language or partner.language):
            _try(partner, call)
        return call.state


def _try(partner: Partner, call: VendorCall) -> None:
    try:
        with partner_scope(partner, call.by):
            ask, store = _steps(owner_scope(partner, call.by), call)
        answer = ask()
        with partner_scope(partner, call.by):
            details = store(owner_scope(partner, call.by), answer)
            _end(call, CallState.DONE, "", details)
    except SourceError as error:
        _fail(partner, call, error.code, error.details)
    except SecretUnreadable:
        _fail(partner, call, "key_missing", {})
    except ValidationError as error:
        _fail(partner, call, "message", {"message": " ".join(error.messages)})
    except (PermissionDenied, Http404):
        _fail(partner, call, "not_allowed", {})
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("Call %s of partner %s failed.", call.pk, partner.pk)
        _fail(partner, call, "unexpected", {})


def _steps(scope: Scope, call: VendorCall) -> tuple[Ask, Store]:
    """What to ask the vendor, outside any transaction, and what to store of its answer. Raises SecretUnreadable, Http404."""
    connection = call.connection
    token = unseal(call.secret, partner_id=scope.partner.pk, vendor=call.vendor) if call.secret else ""
    if call.kind == CallKind.SEND:
        return _sending(scope, call)
    source = source_of(call.vendor)
    if call.kind == CallKind.REVOKE and isinstance(source, AsksForConsent):
        return partial(source.revoke, token), lambda _scope, _answer: {}
    place = connection.place if connection else call.arguments.get("place", "")
    known = str(connection.account.get("id", "")) if connection else ""

    def ask() -> tuple[str, Account, JsonObject]:
        own = token
        if call.kind == CallKind.AUTHORIZE and isinstance(source, AsksForConsent):
            own = source.redeem(**json.loads(token))
        return own, *services.try_access(scope.partner, call.vendor, token=own, place=place, account_id=known)

    def store(scope: Scope, answer: Any) -> JsonObject:
        token, account, schema = answer
        if connection:
            services.replace_token(
                scope=scope, connection_id=connection.pk, token=token, account=account, schema=schema
            )
        else:
            call.connection = services.make(
                scope=scope, vendor=call.vendor, account=account, schema=schema, token=token, place=place
            )
        return {}

    return ask, store


def _sending(scope: Scope, call: VendorCall) -> tuple[Ask, Store]:
    connection, chosen = sending.receiver(scope), client_list(scope, str(call.arguments["list"]))
    if connection is None or chosen is None:
        raise Http404
    access = with_token(access_of(scope.partner, connection), connection)
    to_send = sending.list_to_send(scope, connection, chosen)

    def store(scope: Scope, sent: Any) -> JsonObject:
        missing = sending.note_sent(scope=scope, to_send=to_send, sent=sent)
        return {"added": sent.added, "removed": sent.removed, "missing": list(missing)}

    return partial(sending.send, connection, access, to_send), store


def _end(call: VendorCall, state: CallState, why: str, details: JsonObject) -> None:
    call.state, call.why, call.details, call.secret = state, why, dict(details), ""
    call.save()


def _fail(partner: Partner, call: VendorCall, code: str, details: JsonObject) -> None:
    with partner_scope(partner):
        call.refresh_from_db()  # what was made meanwhile has been rolled back
        _end(call, CallState.FAILED, code, details)


@transaction.atomic
def disconnect(*, scope: Scope, connection: Connection, as_files: bool) -> VendorCall | None:
    """End a connection (`services.disconnect`). Returns the call that ends its token at the vendor, to be enqueued, if any."""
    source, secret = source_of(connection.vendor), connection.secret
    services.disconnect(scope=scope, connection_id=connection.pk, as_files=as_files)
    try:
        token = unseal(secret, partner_id=scope.partner.pk, vendor=connection.vendor) if secret else ""
    except SecretUnreadable:
        return None
    if not token or not isinstance(source, AsksForConsent) or not source.is_revocable(token):
        return None
    return request_call(scope=scope, kind=CallKind.REVOKE, vendor=connection.vendor, token=token, connection=connection)


def unfinished() -> QuerySet[VendorCall]:
    """Calls of all partners that no worker has made in time. For `accounts.scope.partners_with`."""
    return VendorCall.objects.filter(state=CallState.WAITING, asked_at__lte=now() - RETRIED_AFTER)


def retry_unfinished(*, partner: Partner) -> list[int]:
    """Numbers of the partner's calls to enqueue again. Those that waited too long fail, so that their token is erased."""
    with partner_scope(partner):
        late = list(unfinished().filter(partner=partner))
        for call in late:
            if call.asked_at <= now() - GIVEN_UP_AFTER:
                _end(call, CallState.FAILED, "no_worker", {})
    return [call.pk for call in late if call.state == CallState.WAITING]
