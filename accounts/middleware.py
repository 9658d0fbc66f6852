"""Closed by default: sends strangers to the sign-in page, and gives everybody else their scope.

A signed-in request runs inside one transaction in which the database shows its partner's rows only.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import MiddlewareNotUsed
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from accounts import scope as scopes
from accounts.access import PortalRequest
from accounts.models import User
from accounts.sessions import LEFT_KEY
from partner_portal.lib.db.replica import answered, from_primary
from partner_portal.lib.web.htmx import htmx_of
from partner_portal.lib.web.refusals import refuse_parallel

logger = logging.getLogger(__name__)
PARTNER_KEY = "partner"
LINKS_OF_ANYBODY = {"account_confirm_email", "account_reset_password_from_key"}


class ProxyWarning:
    """Logs once a process that a proxy seems to stand in front while BEHIND_PROXY is off.

    Every visitor then has the proxy's network address: the audit log names it, and one stranger's tries count as everybody's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if settings.BEHIND_PROXY:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.warned = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self.warned and "X-Forwarded-For" in request.headers:
            self.warned = True
            logger.warning(
                "Requests come with X-Forwarded-For, and BEHIND_PROXY is off: all visitors count as one network address. "
                "Set BEHIND_PROXY=yes if a proxy of yours sets that header."
            )
        return self.get_response(request)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's middleware, which also gives the reason for signing in again and never answers htmx with a sign-in form."""

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]) -> Any:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.session.is_empty():
            messages.warning(request, _("You were signed out. Sign in and you come back to this view."))
        if not htmx_of(request):
            return super().handle_no_permission(request, view_func)
        back = htmx_of(request).current_url_abs_path or "/"
        return HttpResponseClientRedirect(redirect_to_login(back, resolve_url(settings.LOGIN_URL)).url)


class ScopeMiddleware:
    """Sets `request.scope` (None without a membership) and opens the request's transaction.

    A response of 500 and above rolls the transaction back, as an exception does. What only reads is answered by the replica
    where there is one; who is signed in is asked of the primary before, so that signing out holds at once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponse:
        request.scope = None
        user = request.user
        if not user.is_authenticated:
            return self.get_response(request)
        give = partial(self._scoped, request, user)
        return answered(give) if request.method in ("GET", "HEAD") else give()

    def _scoped(self, request: PortalRequest, user: User) -> HttpResponse:
        with transaction.atomic():
            if not scopes.enter(user.pk, settings.REQUESTS_AT_ONCE):
                return refuse_parallel(request)
            left = request.session.get(LEFT_KEY, ())
            memberships = [row for row in scopes.memberships_of(user) if row.partner_id not in left]
            if not memberships:
                from_primary()  # they may have just become a member
                return self._answer(request)
            chosen = request.session.get(PARTNER_KEY)
            membership = next((row for row in memberships if row.partner_id == chosen), memberships[0])
            membership.user = user
            scopes.set_tenant(membership.partner_id, user.pk)
            scope = scopes.member_scope(membership)
            request.scope = scope
            request.memberships = memberships
            with translation.override(scope.locale), timezone.override(scope.partner.time_zone):
                request.LANGUAGE_CODE = scope.locale
                return self._answer(request)

    def process_view(self, request: HttpRequest, view: Any, _arguments: Any, _named: Any) -> None:
        """Links from mails name their person: they work whoever is signed in in that browser."""
        match = request.resolver_match
        if match and match.url_name in LINKS_OF_ANYBODY and request.user.is_authenticated:
            scopes.set_tenant(None)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code >= 500:
            transaction.set_rollback(True)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response
