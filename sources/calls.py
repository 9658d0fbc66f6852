"""What people ask of a vendor: connecting, a new token, sending a list. A request only stores it, and a worker does it.

A vendor may be slow or dead, so none is called while a request or a transaction waits. Everything can be done twice: a call
whose worker died is made again. Its token is encrypted until it ends, and then erased.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
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
from sources.answers import WrongAnswers
from sources.call_states import CallKind, CallState
from sources.credentials import SecretUnreadable, seal, unseal
from sources.models import Connection, VendorCall
from sources.runs import access_of, with_token
from sources.source import JsonObject, SourceError

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
    except (WrongAnswers, ValidationError) as error:
        message = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        _fail(partner, call, "message", {"message": message})
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
    place = connection.place if connection else call.arguments.get("place", "")
    known = str(connection.account.get("id", "")) if connection else ""
    test = partial(services.try_access, scope.partner, call.vendor, token=token, place=place, account_id=known)

    def store(scope: Scope, answer: Any) -> JsonObject:
        account, schema = answer
        if connection:
            services.replace_token(
                scope=scope, connection_id=connection.pk, token=token, account=account, schema=schema
            )
        else:
            call.connection = services.make(
                scope=scope, vendor=call.vendor, account=account, schema=schema, token=token, place=place
            )
        return {}

    return test, store


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
    call.connection_id = call.connection_id if call.kind != CallKind.CONNECT else None
    with partner_scope(partner):
        _end(call, CallState.FAILED, code, details)


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
