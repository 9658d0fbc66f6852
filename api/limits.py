"""How many requests a caller may make in each minute of the clock."""

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from partner_portal.lib.dates import clock

WINDOW = 60  # seconds


class RequestsPerMinute(BaseThrottle):
    """API_REQUESTS_A_MINUTE for each caller, counted atomically in the shared cache.

    It holds no state between its two calls: one instance serves all threads.
    """

    def allow_request(self, request: HttpRequest) -> bool:
        """Count a request of the caller. Returns whether it is within the limit."""
        key = f"api-requests-{getattr(request, 'auth', '')}-{_second() // WINDOW}"
        cache.add(key, 0, WINDOW * 2)
        try:
            count = cache.incr(key)
        except ValueError:  # evicted from a full cache between the two lines
            return True
        return count <= settings.API_REQUESTS_A_MINUTE

    def wait(self) -> float:
        """The seconds until the next minute begins."""
        return WINDOW - _second() % WINDOW


def _second() -> int:
    return int(clock.now().timestamp())
