"""Access to the API: who asks, with which right, in which transaction, and the JSON of every refusal."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import wraps
from typing import cast

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from ninja.security import HttpBearer

from accounts.access import ScopedRequest, scope_of
from accounts.roles import Permission
from accounts.scope import claim_slot, partner_scope
from api import queries, services
from api.tokens import parse
from ledger.services import catch_up_without_waiting
from partner_portal.lib.db.replica import answered, from_primary
from partner_portal.lib.web.refusals import json_refusal, refuse_parallel
from partner_portal.lib.web.view_rules import View, rules_of, state


class ApiRequest(ScopedRequest):
    """A request to an operation of the API."""

    permission: Permission  # what the operation needs
    stack: ExitStack  # contexts that the response is made in
    auth: str  # the caller, as the limit counts them


class RefusedError(Exception):
    """A request is refused before its operation runs. `response` says why."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


class _RolledBackError(Exception):
    """Rolls the transaction of a token back behind a response of 500 and above."""


def refusal(status: int, detail: str, problems: Sequence[str] = ()) -> HttpResponse:
    """A refusal as JSON. detail: one sentence. problems: a sentence for each of several faults."""
    response = json_refusal(status, detail, list(problems))
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Partner Portal"'
    if status == 405:
        response["Allow"] = "GET, HEAD"
    return response


def guarded(view: View, permission: Permission) -> View:
    """Wrap an operation: GET and HEAD only, refused as JSON to strangers, never stored in caches."""

    @login_not_required
    @wraps(view)
    def guard(request: ApiRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            request.method = "GET"  # the server leaves out the body of a response to HEAD
            request.permission = permission
            response = answered(lambda: _answer(view, request, *args, **kwargs))
        else:
            response = refusal(405, _("This API only reads: use GET."))
        patch_cache_control(response, private=True, no_store=True)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response

    return state(guard, replace(rules_of(view), permission=permission, takes_tokens=True))


def _answer(view: View, request: ApiRequest, *args: object, **kwargs: object) -> HttpResponseBase:
    with suppress(_RolledBackError), ExitStack() as request.stack:
        response = view(request, *args, **kwargs)
        if response.status_code >= 500:
            raise _RolledBackError
    return response


class Token(HttpBearer):
    """A token in the Authorization header. It alone decides, whoever is signed in."""

    def authenticate(self, request: HttpRequest, token: str) -> str | None:
        """Enter the scope of a token; None for one that is unknown, revoked, ended, or without an active owner.

        Raises RefusedError and PermissionDenied.
        """
        request = cast(ApiRequest, request)
        presented = parse(token)
        partner = queries.partner_of_token(presented) if presented else None
        if presented is None or partner is None:
            from_primary()  # they may have just been made
            return None
        request.stack.enter_context(partner_scope(partner))
        match = queries.scope_of_token(partner, presented)
        if match is None:
            from_primary()
            return None
        stored, request.scope = match
        if not claim_slot(stored.user_id, settings.REQUESTS_AT_ONCE):
            raise RefusedError(refuse_parallel(request))
        request.stack.enter_context(translation.override(request.scope.locale))
        request.stack.enter_context(timezone.override(partner.time_zone))
        request.scope.require(request.permission)
        services.note_use(scope=request.scope, token=stored)
        if not catch_up_without_waiting(scope=request.scope):
            raise RefusedError(_rules_changed())
        return f"token-{stored.pk}"


def signed_in(request: ApiRequest) -> str | None:
    """Let a person read who is signed in and sends no token. Raises RefusedError and PermissionDenied."""
    if "Authorization" in request.headers or not request.user.is_authenticated:
        return None
    if scope_of(request) is None:
        raise RefusedError(refusal(403, _("You do not belong to any partner.")))
    request.scope.require(request.permission)
    if request.points_of_former_rules:
        raise RefusedError(_rules_changed())
    if request.figures_until:
        raise RefusedError(_in_a_moment(_("Today's figures are being worked out.")))
    return f"user-{request.user.pk}"


def _rules_changed() -> HttpResponse:
    return _in_a_moment(_("The programme's rules have changed; all points are being worked out again."))


def _in_a_moment(why: str) -> HttpResponse:
    """503 while figures are recomputed: pages show the former ones with a remark, which no program would read."""
    response = refusal(503, why)
    response["Retry-After"] = "10"
    return response


@csrf_exempt
@login_not_required
def not_found(request: HttpRequest, rest: str = "") -> HttpResponse:
    """404 for every unknown address below the API."""
    return refusal(404, _("There is nothing at this address."))
