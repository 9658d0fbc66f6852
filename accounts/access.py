"""Requests with a scope, and the decorator that states the permission a view needs. A system check rejects a route without one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from accounts.models import Membership, User
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.web.htmx import HtmxRequest
from partner_portal.lib.web.view_rules import View, rules_of, state


class PortalRequest(HtmxRequest):
    """A request as the portal's middleware leaves it; for annotations only."""

    #: Who is acting in which partner; None for strangers and for people without a membership.
    scope: Scope | None
    #: The partners that the person can open; only set together with a scope.
    memberships: list[Membership]
    #: Whether the points that the page reads are still those of the programme's former rules; only set with a scope.
    points_of_former_rules: bool
    #: The day whose figures the page shows while today's are being worked out, otherwise None; only set with a scope.
    figures_until: date | None
    #: The ETag of a page that the browser may keep; "" for any other.
    etag: str


class ScopedRequest(PortalRequest):
    """A request that `requires` or `api.access.guarded` let through: somebody is signed in and has a scope."""

    user: User
    scope: Scope


def scope_of(request: HttpRequest) -> Scope | None:
    """Return the scope of a request that may not have reached the middleware which sets it."""
    scope: Scope | None = getattr(request, "scope", None)
    return scope


def memberships_of(request: HttpRequest) -> list[Membership]:
    """Return the memberships of a request that may not have reached the middleware which sets them."""
    memberships: list[Membership] = getattr(request, "memberships", [])
    return memberships


def membership_of(request: ScopedRequest) -> Membership:
    """Return the membership by which the reader is in the partner of the scope."""
    return next(own for own in request.memberships if own.partner_id == request.scope.partner_id)


def requires(permission: Permission) -> Callable[[View], View]:
    """Let a view run only for a member whose role holds `permission`.

    Without any membership the answer explains that (403); without the right it is 403 inside one's own partner.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            scope = scope_of(request)
            if scope is None:
                return render(request, "accounts/no_membership.html", status=403)
            if not scope.may(permission):
                raise PermissionDenied(permission)
            return view(request, *args, **kwargs)

        return state(guarded, replace(rules_of(view), permission=permission))

    return mark
