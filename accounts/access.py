"""The mark every view carries: the permission it needs. A system check refuses a route without one."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import Membership
from accounts.roles import Permission
from accounts.scope import Scope

View = Callable[..., HttpResponse]


class ScopedRequest(HttpRequest):
    """A request that `requires` let through: it has a scope."""

    scope: Scope
    memberships: list[Membership]
    htmx: Any


def requires(permission: Permission) -> Callable[[View], View]:
    """Let a view run only for a member whose role holds `permission`.

    Without any membership the answer explains that (403); without the right it is 403 inside one's own partner.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            scope: Scope | None = getattr(request, "scope", None)
            if scope is None:
                return render(request, "accounts/no_membership.html", status=403)
            if not scope.may(permission):
                raise PermissionDenied(permission)
            return view(request, *args, **kwargs)

        guarded.required_permission = permission  # type: ignore[attr-defined]
        return guarded

    return mark
