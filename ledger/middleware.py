"""Makes sure that a page never shows yesterday's ledger as today's."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.scope import Scope
from ledger.queries import posting
from ledger.services import catch_up


def post_through_today(scope: Scope) -> None:
    """Catch the ledger up when the day has turned since it was last posted. One query where nothing is due."""
    state = posting(scope)
    if state is not None and state.posted_through < scope.today:
        catch_up(scope=scope)


class PostedThroughToday:
    """Catches the ledger up before the view runs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        scope = getattr(request, "scope", None)
        if scope is not None:
            post_through_today(scope)
        return self.get_response(request)
