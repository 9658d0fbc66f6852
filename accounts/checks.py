"""System checks: no route without a stated permission, a log-in exemption, or a home in a library that guards itself; no
sign-in by an address that a provider only reports; no proxy that is not believed."""

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.urls import URLPattern, URLResolver, get_resolver

from partner_portal.lib.web.view_rules import rules_of

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
def every_route_is_guarded(app_configs: object, **_kwargs: object) -> list[CheckMessage]:
    """accounts.E001: a view of ours that declares neither @requires nor @login_not_required."""
    problems: list[CheckMessage] = []
    for address, pattern in routes():
        view = pattern.callback
        if view.__module__.startswith(GUARDED_ELSEWHERE) or address.startswith("admin/"):
            continue
        if rules_of(view).permission is None and getattr(view, "login_required", True):
            problems.append(Error(f"/{address} states no permission.", hint="Add @requires(...).", id="accounts.E001"))
    return problems


@register()
def providers_open_no_account_by_address(app_configs: object, **_kwargs: object) -> list[CheckMessage]:
    """accounts.E002: an address that a provider reports would open the account that has it."""
    names = ("SOCIALACCOUNT_EMAIL_AUTHENTICATION", "SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT")
    return [
        Error(
            f"{name} lets a provider's word for an address take over an account.",
            hint="Set it to False.",
            id="accounts.E002",
        )
        for name in names
        if getattr(settings, name, False)
    ]


@register()
def https_comes_through_a_proxy(app_configs: object, **_kwargs: object) -> list[CheckMessage]:
    """accounts.W001: the portal speaks no HTTPS itself, so with such a SITE_URL a proxy stands in front."""
    if not settings.HTTPS or settings.BEHIND_PROXY:
        return []
    return [
        CheckWarning(
            "SITE_URL begins with https://, so a proxy stands in front, and BEHIND_PROXY is off: all visitors count as one "
            "network address.",
            hint="Set BEHIND_PROXY=yes when the proxy sets X-Forwarded-For and X-Forwarded-Proto.",
            id="accounts.W001",
        )
    ]
