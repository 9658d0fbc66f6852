"""Gives each signed-in request its scope, inside one transaction in which the database shows that partner's rows only."""

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts import scope as scopes

PARTNER_KEY = "partner"


class ScopeMiddleware:
    """Sets `request.scope` (None without a membership) and opens the request's transaction.

    A response of 500 and above rolls the transaction back, as an exception does.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.scope = None  # type: ignore[attr-defined]
        if not request.user.is_authenticated:
            return self.get_response(request)
        with transaction.atomic():
            scopes.set_tenant(None, request.user.pk)
            memberships = scopes.memberships_of(request.user)
            if not memberships:
                return self._answer(request)
            chosen = request.session.get(PARTNER_KEY)
            membership = next((each for each in memberships if each.partner_id == chosen), memberships[0])
            membership.user = request.user
            scopes.set_tenant(membership.partner_id, request.user.pk)
            scope = scopes.member_scope(membership)
            request.scope = scope  # type: ignore[attr-defined]
            request.memberships = memberships  # type: ignore[attr-defined]
            with translation.override(scope.locale), timezone.override(scope.partner.time_zone):
                request.LANGUAGE_CODE = scope.locale  # type: ignore[attr-defined]
                return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code >= 500:
            transaction.set_rollback(True)
        return response
