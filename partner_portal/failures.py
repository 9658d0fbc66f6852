"""What is answered when a request fails: 503 while the database is away, which ends by itself, otherwise 500."""

import sys

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from partner_portal.lib.db.outage import is_outage
from partner_portal.lib.web.refusals import refuse_away


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for the exception that is being handled, wherever below it was raised. Its log line says what it was."""
    return refuse_away(request) if is_outage(sys.exception()) else defaults.server_error(request)
