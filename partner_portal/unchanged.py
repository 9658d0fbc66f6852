"""Answers 304 for a page of figures that the reader's browser has already and of which nothing has changed (ADR 171)."""

from collections.abc import Callable
from hashlib import sha256
from typing import cast

from django.conf import settings
from django.contrib.messages import get_messages
from django.contrib.staticfiles.storage import staticfiles_storage
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import parse_etags

from accounts.access import PortalRequest, ScopedRequest
from ledger.queries import posting
from partner_portal.lib.caching import code_fingerprint
from partner_portal.lib.web.addresses import split_address
from partner_portal.lib.web.view_rules import rules_of
from partner_portal.navigation import freshness
from program.queries import revision

UNNAMED = {"last_login", "password"}  # of a person: no page shows them, and one changes at every sign-in


class UnchangedPageMiddleware:
    """Compares the ETag of a page with what the page would depend on now, before its view runs.

    A view says what its page shows besides facts by `lib.web.view_rules.kept_by_browsers`.

    Only whole pages that a person opens from elsewhere: a range that is chosen on the page itself is stored by the view.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponse:
        request.etag = ""
        response = self.get_response(request)
        if request.etag and response.status_code in (200, 304) and not get_messages(request).used:  # type: ignore[union-attr] # the middleware sets a BaseStorage
            response.headers["ETag"] = request.etag
            response.headers.pop("Cache-Control", None)  # which forbids to keep it
            patch_cache_control(response, private=True, no_cache=True)
            patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response

    def process_view(
        self, request: PortalRequest, view: Callable[..., object], *_arguments: object
    ) -> HttpResponse | None:
        """Answer 304 if the browser has the page as it is now."""
        own = rules_of(view).shown_besides
        if own is None or request.scope is None or request.method not in ("GET", "HEAD") or not _is_usual(request):
            return None
        request.etag = f'W/"{_fingerprint(cast("ScopedRequest", request), own)}"'
        if request.etag in parse_etags(request.headers.get("If-None-Match", "")):
            return HttpResponseNotModified()
        return None


def _is_usual(request: PortalRequest) -> bool:
    """Whether nothing about the request makes its answer one that is given once."""
    came_from = split_address(request.headers.get("Referer", ""))
    return (
        not request.htmx
        and not request.figures_until
        and not request.points_of_former_rules
        and "list" not in request.GET  # clients join and leave a list without a new generation
        and "on" not in request.GET  # asked for once in a while
        and (came_from is None or came_from.path != request.path)
        and bool(request.META.get("CSRF_COOKIE"))
        and len(get_messages(request)) == 0
    )


def _fingerprint(request: ScopedRequest, own: Callable[[ScopedRequest], object]) -> str:
    """Everything that the page depends on: its address, its reader, the rules, the code, the day, and `own`."""
    scope = request.scope
    state = posting(scope)
    parts = (
        code_fingerprint(),
        getattr(staticfiles_storage, "manifest_hash", ""),
        settings.OPERATOR_EMAIL,
        request.get_full_path(),
        request.META["CSRF_COOKIE"],  # the secret: the tokens of the page that the browser has are masks of it
        _values(request.user),
        [(row.partner.name, _values(row), getattr(row, "unread", 0)) for row in request.memberships],
        _values(scope.partner),
        sorted(scope.permissions),
        scope.locale,
        scope.today,
        revision(scope),
        (state.posted_through, state.posted_at) if state else None,
        freshness(scope),
        own(request),
    )
    return sha256(f"{settings.SECRET_KEY}{parts!r}".encode()).hexdigest()


def _values(row: Model) -> list[object]:
    return [getattr(row, field.attname) for field in row._meta.concrete_fields if field.attname not in UNNAMED]
