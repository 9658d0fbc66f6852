"""Error texts: why a file or a mail failed, for the person who waits for it."""

import errno
import logging
import smtplib
import socket

from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.utils.translation import gettext as _

from partner_portal.formats.numbers import whole
from partner_portal.lib.web.one_line import one_line
from reports.writers import XLSX_ROWS, TooManyRowsError

log = logging.getLogger(__name__)


def too_many_rows(rows: int) -> str:
    """Why a workbook cannot hold so many rows."""
    return _("%(rows)s rows do not fit in Excel, which holds %(limit)s. Choose CSV, which holds them all.") % {
        "rows": whole(rows),
        "limit": whole(XLSX_ROWS),
    }


def failure_text(error: Exception) -> str:
    """Why a file could not be written. Unexpected errors are logged."""
    if isinstance(error, TooManyRowsError):
        return too_many_rows(error.rows)
    if isinstance(error, PermissionDenied):
        return _("You may no longer see these rows. No file was made.")
    if isinstance(error, KeyError):
        return _("This kind of rows no longer exists. No file was made.")
    if isinstance(error, SoftTimeLimitExceeded):
        return _("It took longer than one file may take. Choose fewer rows or columns.")
    if isinstance(error, OSError) and (
        error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} or "No space left" in str(error)
    ):
        log.error("export: the disk is full")
        return _("The disk of the portal is full. Nothing was saved; tell the people who run it, then run this again.")
    log.exception("export failed", exc_info=error)
    if isinstance(error, DatabaseError):
        return _("The database could not give the rows. Nothing was saved; run it again.")
    return _("Something went wrong in the portal, and it was logged. Nothing was saved; run it again.")


def server_reply(error: Exception) -> tuple[int, str]:
    """The mail server's code and reply about one recipient; (0, "") for any other error.

    The server replies after the recipient's address, or after the text of the mail.
    """
    code: int = 0
    text: bytes | str = b""
    if isinstance(error, smtplib.SMTPRecipientsRefused) and error.recipients:
        [(code, text), *_others] = error.recipients.values()
    elif isinstance(error, smtplib.SMTPDataError):
        code, text = error.smtp_code, error.smtp_error
    reply = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return (code, one_line(f"{code} {reply}")[:200]) if code else (0, "")


def no_mail_server() -> str:
    """The text for a mail server that gave no reply."""
    return _("The mail server did not take the mail.")


def delay_text(error: Exception) -> str:
    """Why a mail to a recipient is delayed."""
    code, reply = server_reply(error)
    if code:
        return _("the mail server put it off: %(reply)s") % {"reply": reply}
    return run_failure_text(error)


def run_failure_text(error: Exception) -> str:
    """Why a run failed, for the owner of the schedule."""
    if isinstance(error, smtplib.SMTPException | ConnectionError | TimeoutError | socket.gaierror):
        return no_mail_server()
    if isinstance(error, RuntimeError):
        return str(error)
    return failure_text(error)
