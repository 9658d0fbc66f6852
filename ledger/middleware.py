"""Middleware that posts the ledger up to today before a page reads it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.access import PortalRequest
from ledger.services import catch_up_without_waiting


class LedgerCatchUpMiddleware:
    """Catches the ledger up before the view runs.

    Sets `request.points_of_former_rules` to True when another process is reposting it under new rules.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponse:
        if request.scope is not None:
            request.points_of_former_rules = not catch_up_without_waiting(scope=request.scope)
        return self.get_response(request)
