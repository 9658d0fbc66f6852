"""Limits on what a request may send, applied before any form is parsed.

Django writes the files of a multipart form to disk while it parses the form, which the CSRF check makes it do for strangers
too. Here a body is limited first: REQUEST_MAX_MEGABYTES at every address, more only where the view accepts files and the
person holds the view's permission. Elsewhere files in a form are dropped without being stored.
"""

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, load_handler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from accounts.access import scope_of
from partner_portal.lib.web.view_rules import rules_of

FORM_OVERHEAD = 1024 * 1024  # bytes of a form beside its files
_CHUNK = 64 * 1024
_STORING = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]


class DropFiles(FileUploadHandler):
    """Stores no file of a form: what a view gets that accepts none."""

    def new_file(self, *args: object, **kwargs: object) -> None:
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never called: the file was skipped."""

    def file_complete(self, file_size: int) -> None:
        """Never called: the file was skipped."""


class BodyLimitMiddleware:
    """Answers 413 to a body that is too large, whether its length is declared or not. Needs `request.scope`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        declared = _declared(request)
        most = settings.REQUEST_MAX_BYTES
        if declared is None or declared > most or request.content_type == "multipart/form-data":
            files = _most_files(request)
            if files:
                most = max(most, files + FORM_OVERHEAD)
                request.upload_handlers = [load_handler(name, request) for name in _STORING]
        if declared is None:
            return self._of_unknown_length(request, most)
        if declared > most:
            _drop(request, most)
            return _refuse(request, most)
        return self.get_response(request)

    def _of_unknown_length(self, request: HttpRequest, most: int) -> HttpResponse:
        """A body in chunks: counted while it is read, so that the view gets one of a known length."""
        with SpooledTemporaryFile(max_size=settings.REQUEST_MAX_BYTES) as body:
            length = _copied(request.META["wsgi.input"], body, most)
            if length > most:
                return _refuse(request, most)
            body.seek(0)
            request.META["CONTENT_LENGTH"] = str(length)
            request._stream = cast("BinaryIO", body)
            return self.get_response(request)


def _declared(request: HttpRequest) -> int | None:
    """The length of the body in bytes; None for one in chunks."""
    length = request.META.get("CONTENT_LENGTH")
    if not length and request.META.get("HTTP_TRANSFER_ENCODING"):
        return None
    try:
        return max(int(length or 0), 0)
    except ValueError:
        return 0  # what Django makes of it


def _most_files(request: HttpRequest) -> int:
    """Bytes of files that the view accepts from this person; 0 for none."""
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return 0
    rules, scope = rules_of(view), scope_of(request)
    if (
        rules.most_bytes_of_files is None
        or rules.permission is None
        or scope is None
        or not scope.may(rules.permission)
    ):
        return 0
    return rules.most_bytes_of_files()


def _copied(source: IO[bytes], target: IO[bytes], most: int) -> int:
    """How many bytes were copied; reading ends beyond `most`."""
    length = 0
    while length <= most and (chunk := source.read(_CHUNK)):
        length += len(chunk)
        if length <= most:
            target.write(chunk)
    return length


def _drop(request: HttpRequest, most: int) -> None:
    """Read and forget a body, up to a few times what is allowed: a browser that is still sending shows no answer."""
    left = most * 4
    while left > 0 and (chunk := request.read(_CHUNK)):
        left -= len(chunk)


def _refuse(request: HttpRequest, most: int) -> HttpResponse:
    shown = most - FORM_OVERHEAD if most > settings.REQUEST_MAX_BYTES else most
    if request.path_info.startswith("/api/"):
        detail = _("The request is larger than %(most)s.") % {"most": filesizeformat(shown)}
        return JsonResponse({"detail": detail, "problems": []}, status=413)
    return render(request, "413.html", {"most": shown}, status=413)
