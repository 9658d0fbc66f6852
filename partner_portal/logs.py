"""Formats log records as lines or as JSON, masks secrets in logged addresses, and drops tracebacks of 4xx answers."""

import json
import logging
import re
from datetime import UTC, datetime

from partner_portal.lib import log_context

FORMATS = ("text", "json")
ACCESS = "portal.access"  # the logger of answered requests
#: What a record of `ACCESS` carries beside its message.
ACCESS_FIELDS = ("method", "path", "route", "status", "milliseconds")

_SECRET_IN_PATH = re.compile(
    r"(/renewals/calendar/[^/\s]+/|/schedules/(?:leave|confirm)/|/renewals/reminders/stop/|/notices/stop/|/accounts/password/reset/key/|/accounts/confirm-email/)"
    r"[^\s/?\"'#]+"
)


def masked(text: str) -> str:
    """The text with the secrets of addresses replaced by `***`."""
    return _SECRET_IN_PATH.sub(r"\1***", text)


class MaskingFormatter(logging.Formatter):
    """Formats a record as a line and masks secrets in all of it, also where an argument or a traceback holds them.

    A format may name `request`, the id of the request that this belongs to, or `-`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The masked line."""
        record.request_label = log_context.current().request_id or "-"
        return masked(super().format(record))


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object with the ids of request, task, partner and user; masks secrets in addresses."""

    def format(self, record: logging.LogRecord) -> str:
        """The masked object, on one line."""
        now = log_context.current()
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            "request_id": now.request_id,
            "task_id": now.task_id,
            "partner_id": now.partner_id,
            "user_id": now.user_id,
        }
        if record.name == ACCESS:
            entry |= {name: getattr(record, name, None) for name in ACCESS_FIELDS}
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        present = {name: value for name, value in entry.items() if value not in ("", None)}
        return masked(json.dumps(present, ensure_ascii=False))


class RefusalFilter(logging.Filter):
    """Removes the traceback from records of requests answered with 4xx: it adds nothing to the line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True."""
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True
