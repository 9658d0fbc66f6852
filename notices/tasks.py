"""Tasks of notices: check what has moved for events, send what is due, remove what is old."""

from celery import shared_task
from django.db import InterfaceError, OperationalError

from accounts.models import Partner
from accounts.scope import partner_scope, partners_with, system_scope
from ledger.services import catch_up_if_behind
from notices import channels, queries, sending, services
from partner_portal.lib.dates import clock


@shared_task
def check_due_partners() -> int:
    """Every five minutes: enqueue one task per partner whose figures or day have moved. Returns how many."""
    partners = partners_with(queries.due_checks())
    for partner in partners:
        check_partner.delay(partner.pk)
    return len(partners)


@shared_task
def check_partner(partner_id: int) -> int:
    """Notify the people of one partner of what is new. Returns the number of notices."""
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        catch_up_if_behind(scope=system_scope(partner))
    partner.refresh_from_db()
    with partner_scope(partner):
        return services.check_for_events(scope=system_scope(partner))


@shared_task
def send_due() -> int:
    """Every minute: enqueue the digests, mails of notices and messages of channels that are due. Returns how many."""
    count, now = 0, clock.now()
    due = (*sending.due_digests(now), sending.notices_to_mail(now), channels.due_messages())
    for partner in partners_with(*due):
        digests = sending.claim_digests(partner=partner, now=now)
        messages = channels.claim_messages(partner=partner)
        for run_id in digests:
            send_digest.delay(partner.pk, run_id)
        for message_id in messages:
            send_to_channel.delay(partner.pk, message_id)
        has_mails = sending.has_notices_to_mail(partner=partner, now=now)
        if has_mails:
            mail_notices.delay(partner.pk)
        count += len(digests) + len(messages) + has_mails
    return count


@shared_task(autoretry_for=(OperationalError, InterfaceError), retry_backoff=3, retry_kwargs={"max_retries": 5})
def send_digest(partner_id: int, run_id: int) -> str:
    """Send one digest. Delivered twice, the second delivery does nothing."""
    return sending.send_digest(partner_id=partner_id, run_id=run_id)


@shared_task
def mail_notices(partner_id: int) -> int:
    """Mail the people of one partner their notices that are due. Returns the number of mails."""
    return sending.mail_notices(partner_id=partner_id)


@shared_task
def send_to_channel(partner_id: int, message_id: int) -> str:
    """Send one message to a channel. Delivered twice, the second delivery finds it sent."""
    return channels.send(partner_id=partner_id, message_id=message_id)


@shared_task
def remove_outdated_notices() -> int:
    """Every day: delete old notices. Returns how many."""
    count = 0
    for partner in partners_with(*services.outdated()):
        with partner_scope(partner):
            count += services.remove_outdated(scope=system_scope(partner))
    return count
