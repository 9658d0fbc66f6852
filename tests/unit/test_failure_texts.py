"""Why a file or a mail failed, in words."""

import errno
import smtplib

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError

from reports.failures import delay_text, failure_text, run_failure_text, server_reply
from reports.writers import TooManyRowsError

UNEXPECTED = "Something went wrong in the portal, and it was logged. Nothing was saved; run it again."
NO_SERVER = "The mail server did not take the mail."


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            TooManyRowsError(1_048_576),
            "1,048,576 rows do not fit in Excel, which holds 1,048,575. Choose CSV, which holds them all.",
        ),
        (PermissionDenied(), "You may no longer see these rows. No file was made."),
        (KeyError("rows"), "This kind of rows no longer exists. No file was made."),
        (
            SoftTimeLimitExceeded(),
            "It took longer than one file may take. Choose fewer rows or columns.",
        ),
        (
            OSError(errno.ENOSPC, "full"),
            "The disk of the portal is full. Nothing was saved; tell the people who run it, then run this again.",
        ),
        (DatabaseError(), "The database could not give the rows. Nothing was saved; run it again."),
        (OSError(errno.EIO, "broken"), UNEXPECTED),
        (ValueError(), UNEXPECTED),
    ],
)
def test_a_file_that_failed(error: Exception, text: str) -> None:
    assert failure_text(error) == text


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"no such\r\nuser")}), (550, "550 no such user")),
        (smtplib.SMTPDataError(452, b"mailbox full"), (452, "452 mailbox full")),
        (smtplib.SMTPServerDisconnected(), (0, "")),
    ],
)
def test_what_the_mail_server_replied(error: Exception, reply: tuple[int, str]) -> None:
    assert server_reply(error) == reply


def test_a_run_that_failed() -> None:
    assert run_failure_text(TimeoutError()) == NO_SERVER
    assert run_failure_text(RuntimeError("The file is too large.")) == "The file is too large."
    assert run_failure_text(ValueError()) == UNEXPECTED
    assert delay_text(smtplib.SMTPDataError(452, b"full")) == "the mail server put it off: 452 full"
    assert delay_text(ConnectionRefusedError()) == NO_SERVER
