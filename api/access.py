"""Who asks: a token, or somebody who is signed in. Each answer is made in one transaction that sees their partner's rows only."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from accounts.access import PortalRequest
from accounts.roles import Permission
from accounts.scope import Scope, partner_scope, take_place
from api import queries, services
from api.limits import seconds_to_wait
from api.tokens import parse
from ledger.services import catch_up_without_waiting
from partner_portal.lib.web.refusals import json_refusal, refuse_parallel
from partner_portal.lib.web.view_rules import View, rules_of, state

logger = logging.getLogger(__name__)


class _FailedError(Exception):
    """Takes an answer of 500 out of the transaction, which is rolled back by that."""

    def __init__(self, response: HttpResponseBase) -> None:
        super().__init__()
        self.response = response


def refusal(status: int, detail: str, problems: Sequence[str] = ()) -> HttpResponse:
    """A refusal as JSON: the sentence, and what exactly is wrong where it is more than one thing."""
    response = json_refusal(status, detail, list(problems))
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Partner Portal"'
    if status == 405:
        response["Allow"] = "GET, HEAD"
    return response


def answers(permission: Permission) -> Callable[[View], View]:
    """Let a view answer only to a caller who holds `permission`. The view finds the caller's scope in `request.scope`.

    A token in the Authorization header decides alone; without one, the session does. Refused, as JSON: 405 other methods
    than GET and HEAD, 401 no or no valid token, 403 a right that is missing, 429 too many requests in a minute, 503 too
    many at the same time or rules that have just changed.
    """

    def mark(view: View) -> View:
        @csrf_exempt  # nothing but reading gets past the first line; other methods are told so, in JSON
        @login_not_required
        @wraps(view)
        def guarded(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in ("GET", "HEAD"):
                response: HttpResponseBase = refusal(405, _("This API only reads: use GET."))
            else:
                request.method = "GET"  # the server leaves the body of an answer to HEAD out
                response = _admitted(request, permission, lambda: view(request, *args, **kwargs))
            patch_cache_control(response, private=True, no_store=True)
            patch_vary_headers(response, ["Authorization", "Cookie"])
            return response

        return state(guarded, replace(rules_of(view), permission=permission, takes_tokens=True))

    return mark


def _admitted(
    request: PortalRequest, permission: Permission, answer: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    if "Authorization" in request.headers:
        return _by_token(request, permission, answer)
    if not request.user.is_authenticated:
        return refusal(401, _("Send a token: Authorization: Bearer pp_…"))
    scope = request.scope
    if scope is None:
        return refusal(403, _("You do not belong to any partner."))
    behind = request.points_of_former_rules
    return _within_limits(scope, permission, f"user-{request.user.pk}", lambda: _in_time() if behind else answer())


def _by_token(
    request: PortalRequest, permission: Permission, answer: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    scheme, _space, text = request.headers["Authorization"].partition(" ")
    presented = parse(text) if scheme.lower() == "bearer" else None
    partner = queries.partner_of_token(presented) if presented else None
    unknown = refusal(401, _("This token is unknown, revoked or has ended, or its owner has no access any more."))
    if presented is None or partner is None:
        return unknown
    try:
        with partner_scope(partner):
            found = queries.scope_of_token(partner, presented)
            if found is None:
                return unknown
            token, scope = found
            if not take_place(token.user_id, settings.REQUESTS_AT_ONCE):
                return refuse_parallel(request)
            request.scope = scope
            with translation.override(scope.locale), timezone.override(partner.time_zone):
                return _kept_whole(
                    _within_limits(scope, permission, f"token-{token.pk}", lambda: _noted(scope, token, answer))
                )
    except _FailedError as failed:
        return failed.response


def _noted(scope: Scope, token: Any, answer: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    services.note_use(scope=scope, token=token)
    return answer() if catch_up_without_waiting(scope=scope) else _in_time()


def _in_time() -> HttpResponseBase:
    """Programs get no points of former rules: nobody there would read a remark."""
    response = refusal(503, _("The programme's rules have changed; all points are being worked out again."))
    response["Retry-After"] = "10"
    return response


def _within_limits(
    scope: Scope, permission: Permission, caller: str, answer: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    if not scope.may(permission):
        return refusal(403, _("The role “%(role)s” may not read this.") % {"role": scope.role})
    wait = seconds_to_wait(caller)
    if wait:
        response = refusal(429, _("Too many requests. Ask again in %(seconds)d seconds.") % {"seconds": wait})
        response["Retry-After"] = str(wait)
        return response
    return answer()


def _kept_whole(response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code >= 500:
        raise _FailedError(response)
    return response


@csrf_exempt
@login_not_required
def not_found(request: HttpRequest, rest: str = "") -> HttpResponseBase:
    """Every address below the API that is none, for anybody."""
    return refusal(404, _("There is nothing at this address."))
