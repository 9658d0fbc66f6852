"""Periodic tasks that send renewal reminders."""

import logging
from smtplib import SMTPException

from celery import shared_task

from accounts.models import Partner
from accounts.scope import partner_scope, partners_with, system_scope
from ledger.services import catch_up_if_behind
from renewals import queries, services

log = logging.getLogger(__name__)


@shared_task
def remind_of_renewals() -> int:
    """Enqueue one task per partner with a reminder due, so that one failure does not stop the others. Returns how many."""
    partners = partners_with(queries.due_reminders())
    for partner in partners:
        remind_partner.delay(partner.pk)
    return len(partners)


@shared_task
def remind_partner(partner_id: int) -> int:
    """Send the reminders that are due, each in its own transaction. Returns the number of mails.

    A mail that cannot be sent is retried by the next run and does not stop the others.
    """
    partner, sent = Partner.objects.get(pk=partner_id), 0
    with partner_scope(partner):
        catch_up_if_behind(scope=system_scope(partner))
        reminders = list(queries.reminders(system_scope(partner)))
    for reminder in reminders:
        try:
            with partner_scope(partner):
                sent += bool(services.send_reminder(scope=system_scope(partner), reminder=reminder))
        except (OSError, SMTPException):
            log.warning("renewal reminder %s could not be mailed", reminder.pk, exc_info=True)
    return sent
