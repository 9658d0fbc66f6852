"""Writes reminders and calendar addresses, and sends the reminders."""

from secrets import token_urlsafe

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import audit
from accounts.models import User
from accounts.scope import Scope
from partner_portal.lib.subscription_mail import SubscriptionMail
from partner_portal.lib.web.one_line import one_line
from renewals import queries, rules
from renewals.models import CalendarFeed, RemindedRenewal, RenewalReminder


@transaction.atomic
def remind_me(*, scope: Scope, days_before: int | None) -> None:
    """Mail the user that many days before a decision deadline; None stops it."""
    if days_before is None:
        RenewalReminder.objects.filter(partner=scope.partner, user=scope.user).delete()
    else:
        RenewalReminder.objects.update_or_create(
            partner=scope.partner, user=scope.user, defaults={"days_before": days_before}
        )
    audit.record(scope, "renewals.reminder_changed", days_before=days_before)


@transaction.atomic
def new_calendar(*, scope: Scope) -> str:
    """A new private calendar token of the user; an older address stops working. It cannot be read again later."""
    token = token_urlsafe(32)
    CalendarFeed.objects.filter(partner=scope.partner, user=scope.user).delete()
    if scope.user is None:
        raise ValueError("the system has no calendar of its own")
    CalendarFeed.objects.create(partner=scope.partner, user=scope.user, digest=queries.digest(token))
    audit.record(scope, "renewals.calendar_created")
    return token


@transaction.atomic
def revoke_calendar(*, scope: Scope) -> None:
    """The user's calendar address stops working at once."""
    CalendarFeed.objects.filter(partner=scope.partner, user=scope.user).delete()
    audit.record(scope, "renewals.calendar_revoked")


@transaction.atomic
def forget(*, scope: Scope, user: User) -> None:
    """Delete the reminder and the calendar address of somebody who leaves the scope's partner."""
    RenewalReminder.objects.filter(partner=scope.partner, user=user).delete()
    feeds, _kinds = CalendarFeed.objects.filter(partner=scope.partner, user=user).delete()
    if feeds:
        audit.record(scope, "renewals.calendar_revoked", user.email)


@transaction.atomic
def send_reminder(*, scope: Scope, reminder: RenewalReminder) -> int:
    """Mail one person what they must decide soon, each renewal once. Returns the number of renewals.

    Raises OSError or smtplib.SMTPException when the mail cannot be handed over; then nothing is noted and it is tried again.
    """
    RenewalReminder.objects.select_for_update().get(pk=reminder.pk)
    found = queries.to_remind(scope, reminder)
    if not found:
        return 0
    stakes = queries.stakes_of(scope, found)
    RemindedRenewal.objects.bulk_create(
        RemindedRenewal(partner=scope.partner, reminder=reminder, renewal=renewal) for renewal in found
    )
    with translation.override(reminder.user.language or scope.partner.language):
        context = {
            "user": reminder.user,
            "partner": one_line(scope.partner.name),
            "rows": [(row, rules.deadline(row.renews_on), stakes[row.pk]) for row in found],
            "address": f"{settings.SITE_URL}{reverse('renewals')}",
            "settings_address": f"{settings.SITE_URL}{reverse('renewal_reminders')}",
        }
        subject = ngettext("%(count)s renewal to decide soon", "%(count)s renewals to decide soon", len(found)) % {
            "count": len(found)
        }
        text = render_to_string("renewals/reminder.txt", context)
        mail = SubscriptionMail(subject=subject, body=text, to=[reminder.user.email])
        token = queries.reminder_token(reminder)
        mail.offer_unsubscribe(f"{settings.SITE_URL}{reverse('renewal_reminder_stop', args=[token])}")
        mail.send()
    return len(found)


@transaction.atomic
def stop_reminding(*, scope: Scope, user: User) -> None:
    """End somebody's reminders, as the link in each of them asks. Doing it again changes nothing."""
    gone, _kinds = RenewalReminder.objects.filter(partner=scope.partner, user=user).delete()
    if gone:
        audit.record(scope, "renewals.reminder_stopped", user.email)


audit.name_actions(
    {
        "renewals.reminder_changed": _("Own renewal reminder changed"),
        "renewals.reminder_stopped": _("Renewal reminder stopped by its mail"),
        "renewals.calendar_created": _("Private calendar address created"),
        "renewals.calendar_revoked": _("Private calendar address revoked"),
    }
)
