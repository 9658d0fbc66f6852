"""System check: no route without a stated permission, a log-in exemption, or a home in a library that guards itself."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

GUARDED_ELSEWHERE = ("allauth.", "django.contrib.admin", "django.views.static")


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address pattern with its view."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, address)
        else:
            yield address, pattern


@register()
def every_route_is_guarded(app_configs: Any, **_kwargs: Any) -> list[CheckMessage]:
    """accounts.E001: a view of ours that says neither @requires nor @login_not_required."""
    problems: list[CheckMessage] = []
    for address, pattern in routes():
        view = pattern.callback
        if view.__module__.startswith(GUARDED_ELSEWHERE) or address.startswith("admin/"):
            continue
        if not hasattr(view, "required_permission") and getattr(view, "login_required", True):
            problems.append(Error(f"/{address} states no permission.", hint="Add @requires(...).", id="accounts.E001"))
    return problems
