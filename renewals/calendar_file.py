"""An iCalendar file (RFC 5545) of whole-day events."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

# Not allowed in a text even when escaped; tabs and line breaks are.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a whole day."""

    uid: str  #: the same in every version of an event, so that calendars update it
    day: date
    summary: str
    description: str
    url: str


def calendar_file(name: str, events: Iterable[Event], stamp: datetime) -> bytes:
    """The calendar as a file. stamp: when it was made."""
    import icalendar  # takes 0.2 s to load, and only one view needs it

    calendar = icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Partner Portal//Renewals//EN")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", icalendar.vText(_CONTROLS.sub("", name)))
    calendar.add("refresh-interval", timedelta(hours=12), parameters={"VALUE": "DURATION"})
    for event in events:
        entry = icalendar.Event()
        entry.add("uid", event.uid)
        entry.add("dtstamp", stamp.astimezone(UTC))
        entry.add("dtstart", event.day)
        entry.add("dtend", event.day + timedelta(days=1))
        entry.add("summary", _CONTROLS.sub("", event.summary))
        entry.add("description", _CONTROLS.sub("", event.description))
        entry.add("url", event.url)
        entry.add("transp", "TRANSPARENT")
        calendar.add_component(entry)
    return bytes(calendar.to_ical(sorted=False))
