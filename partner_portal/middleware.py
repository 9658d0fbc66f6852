"""Limits and headers for every request, applied before the caller is known."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Lock

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import UnreadablePostError
from django.middleware.gzip import GZipMiddleware
from django.utils.translation import gettext as _

from partner_portal.lib import log_context
from partner_portal.lib.web.addresses import split_address
from partner_portal.lib.web.refusals import refuse, refuse_parallel
from partner_portal.logs import ACCESS

access_log = logging.getLogger(ACCESS)
GetResponse = Callable[[HttpRequest], HttpResponse]
LONGEST_ADDRESS = 8_000  # bytes; the web server itself reads no more than 8,190 of a request line
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class RequestIdMiddleware:
    """Gives every request an id: in its log lines, its tasks, its answer, and on the page that reports an error.

    A proxy that is trusted may choose it. With LOG_REQUESTS, each answered request is a line of the log.
    """

    UNLOGGED = ("/health/", "/metrics")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(log_context.HEADER, "") if settings.BEHIND_PROXY else ""
        request_id = log_context.usable_id(given)
        token = log_context.begin(request_id)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response.headers[log_context.HEADER] = request_id
            if settings.LOG_REQUESTS and not request.path_info.startswith(self.UNLOGGED):
                _log_answer(request, response.status_code, time.perf_counter() - started)
        finally:
            log_context.end(token)
        return response


def _log_answer(request: HttpRequest, status: int, seconds: float) -> None:
    milliseconds = round(seconds * 1000, 1)
    match = request.resolver_match
    extra = {
        "method": request.method,
        "path": request.path,
        "route": match.view_name if match else "",
        "status": status,
        "milliseconds": milliseconds,
    }
    access_log.info("%s %s %d in %s ms", request.method, request.path, status, milliseconds, extra=extra)


class BrowserPolicyMiddleware:
    """Sends the headers that prevent browsers from giving other sites the portal's answers and the person's devices."""

    HEADERS = {
        "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in self.HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class CompressionMiddleware(GZipMiddleware):
    """Compresses pages and JSON; files and what is sent as it is made go as they are.

    Django adds up to 100 bytes at random to what it compresses, and masks the form token anew in every answer, so that the
    length of an answer tells nobody what is in it (ADR 144).
    """

    KINDS = ("text/html", "application/json")

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress an answer for a browser that takes gzip."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in self.KINDS:
            return response
        return super().process_response(request, response)


class UnusableRequestMiddleware:
    """Rejects what no view can use: NUL anywhere (400), which PostgreSQL cannot hold, and endless or broken addresses.

    Checks path, query, headers and cookies first, and at the form once the middleware that bounds and guards it has run.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if len(request.path_info.encode()) + len(request.META.get("QUERY_STRING", "")) > LONGEST_ADDRESS:
            return refuse(request, HTTPStatus.REQUEST_URI_TOO_LONG, _("The address is too long."))
        if _nul_outside_the_body(request):
            return _refuse_nul(request)
        if (
            split_address(request.META.get("HTTP_HX_CURRENT_URL", "")) is None
        ):  # htmx sends what the browser's bar shows
            return refuse(request, HTTPStatus.BAD_REQUEST, _("The header HX-Current-URL is not an address."))
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Reject a form with NUL in it. Contents of files are not read; Django cleans their names."""
        if request.method in ("GET", "HEAD", "OPTIONS", "TRACE"):
            return None
        try:
            has_nul = _nul_in_the_body(request)
        except UnreadablePostError:  # whoever sent it has gone
            return None
        return _refuse_nul(request) if has_nul else None


def _refuse_nul(request: HttpRequest) -> HttpResponse:
    return refuse(request, HTTPStatus.BAD_REQUEST, _("A character with the code 0 is in the request; no text has one."))


def _nul_outside_the_body(request: HttpRequest) -> bool:
    if _any_nul((request.path_info, request.META.get("QUERY_STRING", ""))):
        return True
    if "%00" in request.META.get("QUERY_STRING", ""):
        return True
    for name, value in request.META.items():
        if not name.startswith(("HTTP_", "CONTENT_")) or not isinstance(value, str):
            continue
        if "\0" in value or (name.startswith("HTTP_HX_") and "%00" in value):  # htmx sends addresses in headers
            return True
    return _any_nul(request.COOKIES) or _any_nul(request.COOKIES.values())


def _nul_in_the_body(request: HttpRequest) -> bool:
    if request.content_type in FORMS:
        return any(_any_nul((name, *values)) for name, values in request.POST.lists()) or _any_nul(request.FILES)
    return request.content_type == "application/json" and (b"\0" in request.body or b"\\u0000" in request.body)


def _any_nul(texts: Iterable[object]) -> bool:
    return any("\0" in str(text) for text in texts)


class ParallelRequestsMiddleware:
    """Answers 503 when this process alone is already answering as many requests of one caller as one person may have.

    A caller is a session or an Authorization header. It is the cheap half of the limit, without a query, so that a flood
    leaves threads free for everybody else; `accounts.scope.enter` counts a person's requests over all processes. A file
    counts until it is sent.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._running: Counter[str] = Counter()
        self._lock = Lock()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        caller = request.META.get("HTTP_AUTHORIZATION") or request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if not caller or not settings.REQUESTS_AT_ONCE:
            return self.get_response(request)
        with self._lock:
            if self._running[caller] >= settings.REQUESTS_AT_ONCE:
                return refuse_parallel(request)
            self._running[caller] += 1
        streams = False
        try:
            response = self.get_response(request)
            streams = response.streaming
        finally:
            if not streams:
                self._release(caller)
        if streams:
            # Called by the server once the answer is sent or the reader is gone.
            response._resource_closers.append(lambda: self._release(caller))  # type: ignore[attr-defined] # not in the stubs
        return response

    def _release(self, caller: str) -> None:
        with self._lock:
            self._running[caller] -= 1
            if self._running[caller] <= 0:
                del self._running[caller]
