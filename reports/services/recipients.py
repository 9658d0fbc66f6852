"""Recipients of schedules: who may get a report, confirmation of outside addresses, suspension, unsubscribing."""

import logging
import smtplib
from collections.abc import Collection
from functools import partial

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import Partner
from accounts.scope import Scope, partner_scope
from partner_portal.lib.dates import clock
from partner_portal.lib.web.one_line import one_line
from reports import failures, mails
from reports.models import Recipient, Schedule
from reports.queries.schedules import allowed_domains, domain_of, may_change, members

log = logging.getLogger(__name__)


class RecipientError(Exception):
    """A schedule cannot be sent to these recipients. The message says why, for the person who asked."""


def check_recipients(scope: Scope, member_ids: Collection[int], addresses: Collection[str]) -> None:
    """Raise RecipientError for people outside the partner, addresses outside the allowed domains, and an empty list."""
    known = {user.pk for user in members(scope)}
    if not set(member_ids) <= known:
        raise RecipientError(_("Choose people of this partner."))
    domains = allowed_domains(scope)
    for address in addresses:
        if domain_of(address) not in domains:
            raise RecipientError(
                _("%(address)s is outside of this partner, and an admin has not allowed its domain.")
                % {"address": address}
            )
    if not member_ids and not addresses:
        raise RecipientError(_("Choose at least one person to send it to."))


def set_recipients(scope: Scope, schedule: Schedule, member_ids: Collection[int], addresses: Collection[str]) -> None:
    """Replace the recipients of a schedule. Those who unsubscribed stay unsubscribed."""
    removable = schedule.recipients.filter(left_at=None)
    removable.filter(user__isnull=False).exclude(user_id__in=member_ids).delete()
    removable.filter(user__isnull=True).exclude(email__in=[address.lower() for address in addresses]).delete()
    for user_id in member_ids:
        schedule.recipients.get_or_create(
            partner=scope.partner, user_id=user_id, defaults={"confirmed_at": clock.now()}
        )
    for address in addresses:
        recipient, is_new = schedule.recipients.get_or_create(partner=scope.partner, email=address.lower())
        if is_new:
            transaction.on_commit(partial(_request_confirmation, scope.partner, recipient))


def _request_confirmation(partner: Partner, recipient: Recipient) -> None:
    try:
        with partner_scope(partner):
            mails.send_confirmation(recipient)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        if refusal := refusal_of(error):
            with partner_scope(partner):
                suspend(recipient, refusal)
            return
        log.exception("a mail to confirm a scheduled report could not be sent")


def refusal_of(error: Exception) -> str:
    """Return the mail server's reply when it permanently rejected a recipient; "" for any other error."""
    code, reply = failures.server_reply(error)
    if 500 <= code < 600:
        return reply
    # Django rejects addresses that no mail server could accept.
    return one_line(error)[:200] if isinstance(error, ValueError) and not isinstance(error, OSError) else ""


def suspend(recipient: Recipient, refusal: str) -> None:
    """Send no more mail to the recipient's present address. `refusal` is the mail server's reply."""
    recipient.refused_at, recipient.refused_address, recipient.refusal = clock.now(), recipient.address, refusal
    Recipient.objects.filter(pk=recipient.pk).update(
        refused_at=recipient.refused_at, refused_address=recipient.refused_address, refusal=refusal
    )


@transaction.atomic
def resume_recipient(*, scope: Scope, schedule: Schedule, recipient_id: int) -> Recipient | None:
    """End a recipient's suspension; None when the schedule has no such recipient.

    An unconfirmed outside address gets another request to confirm. Raises PermissionDenied.
    """
    require_change(scope, schedule)
    recipient = schedule.recipients.select_related("user").filter(pk=recipient_id, left_at=None).first()
    if recipient is None:
        return None
    was_suspended = recipient.suspended
    Recipient.objects.filter(pk=recipient.pk).update(refused_at=None, refused_address="", refusal="", alerted_at=None)
    if was_suspended and recipient.confirmed_at is None:
        recipient.schedule = schedule
        transaction.on_commit(partial(_request_confirmation, scope.partner, recipient))
    record(scope, "schedule.recipient_resumed", schedule.report.name, recipient=recipient.address)
    return recipient


def leave(*, recipient: Recipient) -> None:
    """Unsubscribe a recipient. Idempotent."""
    Recipient.objects.filter(pk=recipient.pk, left_at=None).update(left_at=clock.now())


def rejoin(*, recipient: Recipient) -> None:
    """Undo `leave`, for somebody who followed the link by mistake."""
    Recipient.objects.filter(pk=recipient.pk).update(left_at=None)


def confirm(*, recipient: Recipient) -> None:
    """Record that an outside recipient agreed to get the report."""
    Recipient.objects.filter(pk=recipient.pk, confirmed_at=None).update(confirmed_at=clock.now())


def require_change(scope: Scope, schedule: Schedule) -> None:
    """Raise PermissionDenied unless the scope may change the schedule."""
    if not may_change(scope, schedule):
        raise PermissionDenied("not the owner's")
