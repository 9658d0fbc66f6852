"""Middleware that has the ledger posted up to today before a page reads it."""

import time
from collections.abc import Callable
from datetime import date

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from accounts.access import PortalRequest
from accounts.scope import Scope
from ledger.queries import behind, posting
from ledger.services import REPOSTED_AT_ONCE, catch_up_without_waiting, is_large
from ledger.tasks import catch_up_ledger
from program.queries import revision

ASK_AGAIN = 60  # seconds after which the task is enqueued once more
PATIENCE = 300  # seconds after which a page posts the ledger itself: no worker seems to run


class LedgerCatchUpMiddleware:
    """Catches the ledger up before the view runs; a large one is left to a worker, and a page shows the former day meanwhile.

    Sets `request.points_of_former_rules` to True when another process is reposting the ledger under new rules, and
    `request.figures_until` to the day whose figures the page shows when today's are being worked out, otherwise to None.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponse:
        scope = request.scope
        if scope is not None:
            day = former_day(scope) if request.method in ("GET", "HEAD") and behind(scope) else None
            request.figures_until = day if day and day < scope.today else None
            if day:
                request.scope = scope.on(day)
                request.points_of_former_rules = request.figures_until is None
            else:
                request.points_of_former_rules = not catch_up_without_waiting(scope=scope)
        return self.get_response(request)


def former_day(scope: Scope) -> date | None:
    """The day to show of a ledger that takes long to post, once a worker is asked to post it; None to post it now.

    The worker takes it before those that nobody has asked for.
    """
    state = posting(scope)
    revised = state is not None and state.revision != revision(scope)
    if state is None or not is_large(scope, REPOSTED_AT_ONCE if revised else None):
        return None
    asked = f"ledger-behind-{scope.partner_id}-{state.posted_through}-{revision(scope)}-{scope.today}"
    since = cache.get_or_set(asked, time.time, 24 * 3600)
    if since is not None and time.time() - since > PATIENCE:
        return None
    if cache.add(f"{asked}-enqueued", True, ASK_AGAIN):
        catch_up_ledger.delay(scope.partner_id)
    return min(state.posted_through, scope.today)
