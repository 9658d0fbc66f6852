"""The only reader of the date and time. Business days are dates in the partner's time zone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_moved: ContextVar[date | None] = ContextVar("moved_clock", default=None)


def now() -> datetime:
    """The instant, in UTC: for time stamps only, never for a business day."""
    return datetime.now(UTC)


def today(zone: str) -> date:
    """Today in `zone` (an IANA name), unless the clock was moved by `moved_to` or PORTAL_TODAY."""
    moved = _moved.get()
    if moved is not None:
        return moved
    if settings.PORTAL_TODAY:
        try:
            return date.fromisoformat(settings.PORTAL_TODAY)
        except ValueError as error:
            raise ImproperlyConfigured(f"PORTAL_TODAY: '{settings.PORTAL_TODAY}' is not YYYY-MM-DD.") from error
    return now().astimezone(ZoneInfo(zone)).date()


@contextmanager
def moved_to(day: date | None) -> Iterator[None]:
    """Inside, `today` is `day`; None leaves the clock alone."""
    token = _moved.set(day if day is not None else _moved.get())
    try:
        yield
    finally:
        _moved.reset(token)
