"""Makes sure that a page never shows yesterday's ledger, or that of former rules, as today's."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.access import PortalRequest
from ledger.services import catch_up_without_waiting


class LedgerCatchUpMiddleware:
    """Catches the ledger up before the view runs, and notes on the request when that could not be waited for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponse:
        if request.scope is not None:
            request.points_of_former_rules = not catch_up_without_waiting(scope=request.scope)
        return self.get_response(request)
