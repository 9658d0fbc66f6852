"""Services that write reminders and calendar addresses, and send the reminders."""

from secrets import token_urlsafe

from django.db import transaction
from django.dispatch import receiver
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import audit
from accounts.models import User
from accounts.scope import Scope
from partner_portal.formats.days import day_text
from partner_portal.formats.numbers import whole
from partner_portal.lib import site
from partner_portal.lib.mail import Content, Link, Row, Table, compose
from partner_portal.lib.rows.events import member_left
from partner_portal.lib.web.one_line import one_line
from renewals import queries, rules
from renewals.models import CalendarFeed, RemindedRenewal, RenewalReminder


@transaction.atomic
def remind_me(*, scope: Scope, days_before: int | None) -> None:
    """Remind the user by mail that many days before a decision deadline; None stops it."""
    if days_before is None:
        RenewalReminder.objects.filter(partner=scope.partner, user=scope.user).delete()
    else:
        RenewalReminder.objects.update_or_create(
            partner=scope.partner, user=scope.user, defaults={"days_before": days_before}
        )
    audit.record(scope, "renewals.reminder_changed", days_before=days_before)


@transaction.atomic
def new_calendar(*, scope: Scope) -> str:
    """Create and return the user's private calendar token. An earlier address stops working.

    Only a digest is stored, so that the token cannot be read again. Raises ValueError for the system's scope.
    """
    token = token_urlsafe(32)
    CalendarFeed.objects.filter(partner=scope.partner, user=scope.user).delete()
    if scope.user is None:
        raise ValueError("the system has no calendar of its own")
    CalendarFeed.objects.create(partner=scope.partner, user=scope.user, digest=queries.digest(token))
    audit.record(scope, "renewals.calendar_created")
    return token


@transaction.atomic
def revoke_calendar(*, scope: Scope) -> None:
    """Revoke the user's calendar address."""
    CalendarFeed.objects.filter(partner=scope.partner, user=scope.user).delete()
    audit.record(scope, "renewals.calendar_revoked")


@receiver(member_left, dispatch_uid="renewals.delete_what_leavers_had")
@transaction.atomic
def delete_what_leavers_had(*, scope: Scope, user: User, **_given: object) -> None:
    """Receive `member_left`: delete the reminder and the calendar address of the person in the scope's partner."""
    RenewalReminder.objects.filter(partner=scope.partner, user=user).delete()
    feeds, _kinds = CalendarFeed.objects.filter(partner=scope.partner, user=user).delete()
    if feeds:
        audit.record(scope, "renewals.calendar_revoked", user.email)


@transaction.atomic
def send_reminder(*, scope: Scope, reminder: RenewalReminder) -> int:
    """Mail one person the renewals to decide soon, once per renewal. Returns the number of renewals.

    Raises OSError or smtplib.SMTPException when the mail cannot be sent; nothing is recorded then, so that it is retried.
    """
    RenewalReminder.objects.select_for_update().get(pk=reminder.pk)
    renewals = queries.to_remind(scope, reminder)
    if not renewals:
        return 0
    stakes = queries.stakes_of(scope, renewals)
    RemindedRenewal.objects.bulk_create(
        RemindedRenewal(partner=scope.partner, reminder=reminder, renewal=renewal) for renewal in renewals
    )
    with translation.override(reminder.user.language or scope.partner.language):
        rows = [
            Row(
                (
                    row.client.name,
                    row.product_line,
                    day_text(rules.deadline(row.renews_on)),
                    day_text(row.renews_on),
                    whole(stakes[row.pk]),
                ),
                address=site.link("renewal_client", row.client.client_id),
            )
            for row in renewals
        ]
        head = (_("Client"), _("Products"), _("Decide by"), _("Renews on"), _("Points at stake"))
        subject = ngettext("%(count)s renewal to decide soon", "%(count)s renewals to decide soon", len(renewals))
        content = Content(
            subject % {"count": len(renewals)},
            _("You get this because you asked to be reminded."),
            partner=one_line(scope.partner.name),
            tables=[Table(rows, head, numeric=(4,))],
            action=Link(_("See your renewals"), site.link("renewals")),
            manage=Link(_("Change your reminders"), site.link("renewal_reminders")),
            leave=site.link("renewal_reminder_stop", queries.reminder_token(reminder)),
        )
        compose(content, reminder.user.email).send()
    return len(renewals)


@transaction.atomic
def stop_reminding(*, scope: Scope, user: User) -> None:
    """Delete a person's reminder, as the unsubscribe link in its mails does. Idempotent."""
    deleted, _kinds = RenewalReminder.objects.filter(partner=scope.partner, user=user).delete()
    if deleted:
        audit.record(scope, "renewals.reminder_stopped", user.email)
