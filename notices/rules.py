"""Pure rules of notices: when a mail may go out."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from reports.schedule import instant


def after_quiet(now: datetime, quiet: tuple[time, time] | None, zone: str) -> datetime:
    """The first instant from `now` (aware) on that lies outside the quiet hours.

    quiet: times of the zone; the first belongs to it, the second does not. They may span midnight; equal ones span nothing.
    """
    if quiet is None:
        return now
    start, end = quiet
    there = now.astimezone(ZoneInfo(zone))
    at = there.time()
    if not (start <= at < end if start <= end else at >= start or at < end):
        return now
    day = there.date() if at < end else there.date() + timedelta(days=1)
    return max(now, instant(day, end, ZoneInfo(zone)))
