"""What is answered when no view can: the page of the status, or JSON under the API's address (docs/api.md).

Django's own handlers look into the form for its token before they render. Where the form is what could not be read, that
fails again and becomes a 500, so the handlers here leave the form alone.
"""

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views import defaults

from partner_portal.lib.db.outage import is_outage
from partner_portal.lib.web.refusals import is_for_a_program, json_failure, json_refusal, refuse_away


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400: a request or a form that cannot be read."""
    if is_for_a_program(request):
        return json_refusal(HTTPStatus.BAD_REQUEST, _("The request cannot be read."), [])
    return defaults.bad_request(_form_unread(request), exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    if is_for_a_program(request):
        return json_refusal(HTTPStatus.FORBIDDEN, _("You may not do that."), [])
    return defaults.permission_denied(_form_unread(request), exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    if is_for_a_program(request):
        return json_refusal(HTTPStatus.NOT_FOUND, _("There is nothing at this address."), [])
    return defaults.page_not_found(_form_unread(request), exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for the exception that is being handled: 503 while the database is away, which ends by itself, otherwise 500.

    What it was is in the log.
    """
    if is_outage(sys.exception()):
        return refuse_away(request)
    if is_for_a_program(request):
        return json_failure()
    return defaults.server_error(_form_unread(request))


def _form_unread(request: HttpRequest) -> HttpRequest:
    """Tell Django's check of the form token that its work is done."""
    request.csrf_processing_done = True  # type: ignore[attr-defined] # set by the middleware, not in the stubs
    return request
