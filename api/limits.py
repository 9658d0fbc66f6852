"""How often one caller may ask: a count in the shared cache for each minute of the clock."""

from django.conf import settings
from django.core.cache import cache

from partner_portal.lib.dates import clock

WINDOW = 60  # seconds


def seconds_to_wait(caller: str) -> int:
    """Count one request of the caller. 0 lets it through; otherwise the seconds until the next may come."""
    second = int(clock.now().timestamp())
    key = f"api-requests-{caller}-{second // WINDOW}"
    cache.add(key, 0, WINDOW * 2)
    try:
        count = cache.incr(key)
    except ValueError:  # thrown out of a full cache between the two lines
        return 0
    return 0 if count <= settings.API_REQUESTS_A_MINUTE else WINDOW - second % WINDOW
