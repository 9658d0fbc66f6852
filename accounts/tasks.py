"""Background tasks of accounts: mails to people who are not signed in."""

import logging
from functools import partial
from smtplib import SMTPException

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from accounts import account_mails

log = logging.getLogger(__name__)
_retried = partial(
    shared_task, autoretry_for=(OSError, SMTPException), retry_backoff=10, retry_backoff_max=600, max_retries=6
)


@_retried()
def mail_reset_link(email: str, language: str) -> bool:
    """Mail a link to a new password, if anybody has the address."""
    return account_mails.mail_reset_link(email, language)


@_retried()
def mail_about_guessing(email: str, network_address: str) -> bool:
    """Warn the owner of an address, if anybody has it."""
    return account_mails.mail_about_guessing(email, network_address)


def later(task: Task, *arguments: str) -> None:
    """Enqueue a task for somebody who is not signed in. A broker that is down is logged; the page answers the same."""
    try:
        task.delay(*arguments)
    except (OperationalError, OSError):
        log.exception("%s could not be enqueued; check REDIS_URL", task.name)
