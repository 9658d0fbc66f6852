"""Masks secrets in logged addresses, and drops tracebacks of requests answered with 4xx."""

import logging
import re

_SECRET_IN_PATH = re.compile(
    r"(/renewals/calendar/[^/\s]+/|/schedules/(?:leave|confirm)/|/renewals/reminders/stop/|/notices/stop/|/accounts/password/reset/key/|/accounts/confirm-email/)"
    r"[^\s/?\"'#]+"
)


def masked(text: str) -> str:
    """The text with the secrets of addresses replaced by `***`."""
    return _SECRET_IN_PATH.sub(r"\1***", text)


class MaskingFormatter(logging.Formatter):
    """Formats a record as a line and masks secrets in all of it, also where an argument or a traceback holds them."""

    def format(self, record: logging.LogRecord) -> str:
        """The masked line."""
        return masked(super().format(record))


class RefusalFilter(logging.Filter):
    """Removes the traceback from records of requests answered with 4xx: it adds nothing to the line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True."""
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True
