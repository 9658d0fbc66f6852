"""Mails of reports and schedules: the report, confirmation, alerts, notices. Text and HTML, in the reader's language.

Names that people typed are folded to one line, so that none passes for a line of the mail itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import Membership, Partner, User
from accounts.roles import Permission, Role
from accounts.scope import member_scope, system_scope
from partner_portal.formats.numbers import whole
from partner_portal.lib.rows.datasets import find
from partner_portal.lib.rows.providers import data_as_of
from partner_portal.lib.subscription_mail import SubscriptionMail
from partner_portal.lib.web.one_line import one_line
from reports.content_types import CONTENT_TYPES
from reports.definitions import period_of, period_text, reopen
from reports.models import Delivery, Export, Recipient, SavedReport, Schedule, ScheduleRun
from reports.queries.schedules import recipient_token
from reports.receipts import page_link

ATTACHMENT_BYTES = 10 * 1024 * 1024


def report_mail(
    *, schedule: Schedule, run: ScheduleRun, export: Export, recipient: Recipient
) -> EmailMultiAlternatives | None:
    """The mail of one run to one recipient; None for a member who has left.

    Members get a link that opens under their own rights, and the file only when they may see every column in it. Outside
    recipients cannot sign in, so they always get the file.
    """
    partner = schedule.partner
    if recipient.user is None:
        return _outside_mail(schedule, run, export, recipient)
    membership = Membership.objects.filter(partner=partner, user=recipient.user, user__is_active=True).first()
    if membership is None:
        return None
    membership.user, membership.partner = recipient.user, partner
    scope = member_scope(membership)
    with translation.override(scope.locale), timezone.override(partner.time_zone):
        attach, note = False, ""
        if schedule.delivery == Delivery.ATTACHMENT:
            dataset = find(export.dataset)
            permitted = {column.name for column in dataset.permitted(scope)}
            if (
                not scope.may(dataset.permission)
                or not scope.may(Permission.EXPORT)
                or not set(export.columns) <= permitted
            ):
                note = _("The file is not attached because it holds columns that your role does not see.")
            elif (export.size or 0) > ATTACHMENT_BYTES:
                note = _("The file is larger than 10 MB, so it is not attached.")
            else:
                attach = True
        mail = _mail(
            schedule, export, recipient.user.email, slot=run.slot, late=run.late, recipient=recipient, note=note
        )
    if attach:
        _attach(mail, export)
    return mail


def _outside_mail(schedule: Schedule, run: ScheduleRun, export: Export, recipient: Recipient) -> EmailMultiAlternatives:
    with translation.override(schedule.partner.language), timezone.override(schedule.partner.time_zone):
        fits = (export.size or 0) <= ATTACHMENT_BYTES
        note = "" if fits else _("The file is larger than 10 MB, so it is not attached; ask the sender for it.")
        mail = _mail(
            schedule, export, recipient.email, slot=run.slot, late=run.late, recipient=recipient, note=note, link=False
        )
    if fits:
        _attach(mail, export)
    return mail


def trial_mail(export: Export) -> EmailMultiAlternatives:
    """The test mail of the schedule that `export.trial` describes, to the person who requested it."""
    report = SavedReport(partner=export.partner, owner=export.owner, name=export.title, dataset=export.dataset)
    schedule = Schedule(partner=export.partner, owner=export.owner, report=report, **(export.trial or {}))
    mail = _mail(
        schedule,
        export,
        export.owner.email,
        slot=None,
        late=0,
        recipient=None,
        note=_("This is a test. Only you got it."),
    )
    if schedule.delivery == Delivery.ATTACHMENT and (export.size or 0) <= ATTACHMENT_BYTES:
        _attach(mail, export)
    return mail


def _attach(mail: EmailMultiAlternatives, export: Export) -> None:
    with default_storage.open(str(export.file.name), "rb") as file:
        mail.attach(export.file_name, file.read(), CONTENT_TYPES[export.format].partition(";")[0])


def _mail(
    schedule: Schedule, export: Export, address: str, *, slot: datetime | None, late: int, recipient: Recipient | None,
    note: str, link: bool = True,
) -> EmailMultiAlternatives:  # fmt: skip
    scope = system_scope(schedule.partner)
    selection = reopen(scope, export.dataset, export.params, export.columns).selection
    days = period_text(period_of(selection))
    leave = f"{settings.SITE_URL}{reverse('schedule_leave', args=[recipient_token(recipient)])}" if recipient else ""
    context = {
        "name": one_line(schedule.report.name),
        "partner": one_line(schedule.partner.name),
        "owner": one_line(schedule.owner),
        "days": days,
        "filters": one_line(export.filters),
        "rows": export.rows,
        "as_of": data_as_of(scope),
        "slot": slot.astimezone(ZoneInfo(schedule.zone)) if slot else None,
        "zone": schedule.zone,
        "late": late,
        "note": note,
        "link": page_link(selection) if link else "",
        "manage": f"{settings.SITE_URL}{reverse('schedule', args=[schedule.pk])}" if link and schedule.pk else "",
        "leave": leave,
    }
    subject = f"{schedule.report.name}: {days}" if days else schedule.report.name
    why = _("You get this because it is scheduled for you.") if leave else ""
    context["manage_text"] = _("Change or stop this schedule")
    mail = _compose(subject, "report", context, address, partner=schedule.partner, why=why)
    if leave:
        mail.offer_unsubscribe(leave)
    return mail


def send_confirmation(recipient: Recipient) -> None:
    """Ask an outside address to confirm that it wants the report. Raises OSError or SMTPException."""
    schedule = recipient.schedule
    context = {
        "name": one_line(schedule.report.name),
        "partner": one_line(schedule.partner.name),
        "owner": one_line(schedule.owner),
        "link": f"{settings.SITE_URL}{reverse('schedule_confirm', args=[recipient_token(recipient)])}",
    }
    with translation.override(schedule.partner.language):
        subject = _("%(partner)s wants to send you a report") % {"partner": schedule.partner.name}
        why = _("You get this because somebody there entered your address.")
        _compose(subject, "confirm", context, recipient.email, partner=schedule.partner, why=why).send()


def send_ready(export: Export) -> None:
    """Notify the owner that a file is ready. Raises OSError or SMTPException."""
    context = {"export": export, "link": f"{settings.SITE_URL}{reverse('export', args=[export.pk])}"}
    subject = _("%(name)s is ready") % {"name": export.file_name}
    why = _("You get this because you asked to be mailed when the file is ready.")
    _compose(subject, "ready", context, export.owner.email, partner=export.partner, why=why).send()


def other_admins(partner: Partner, user: User) -> list[User]:
    """The active admins of a partner except one person."""
    admins = Membership.objects.filter(partner=partner, role=Role.ADMIN, user__is_active=True).exclude(user=user)
    return [membership.user for membership in admins.select_related("user").order_by("pk")]


def send_large(export: Export, person: User) -> None:
    """Notify an admin that somebody requested a large export. Raises OSError or SMTPException."""
    partner = export.partner
    context = {
        "owner": one_line(export.owner),
        "export": export,
        "title": one_line(export.title),
        "filters": one_line(export.filters),
        "link": f"{settings.SITE_URL}{reverse('accounts_audit')}?action=export.large",
    }
    with translation.override(person.language or partner.language), timezone.override(partner.time_zone):
        subject = _("Large export: %(rows)s rows") % {"rows": whole(export.rows)}
        why = _("You get this because you are an admin.")
        _compose(subject, "large", context, person.email, partner=partner, why=why).send()


def people_to_notify(schedule: Schedule) -> list[User]:
    """The admins, and the owner while they are a member."""
    memberships = Membership.objects.filter(partner=schedule.partner, user__is_active=True).select_related("user")
    return [
        row.user for row in memberships.order_by("pk") if row.role == Role.ADMIN or row.user_id == schedule.owner_id
    ]


def send_trouble(schedule: Schedule, person: User, reason: str, *, paused: bool) -> None:
    """Alert somebody that a schedule failed or paused, and why. Raises OSError or SMTPException."""
    context = {
        "name": one_line(schedule.report.name),
        "reason": one_line(reason),
        "paused": paused,
        "link": f"{settings.SITE_URL}{reverse('schedule', args=[schedule.pk])}",
    }
    with translation.override(person.language or schedule.partner.language):
        subject = _("“%(name)s” is paused") if paused else _("“%(name)s” could not be sent")
        subject %= {"name": schedule.report.name}
        why = _("You get this because you are an admin, or it is your schedule.")
        _compose(subject, "trouble", context, person.email, partner=schedule.partner, why=why).send()


def send_unreached(schedule: Schedule, person: User, missed: Sequence[tuple[str, str]]) -> None:
    """Alert somebody that a schedule misses recipients: their (name, reason). Raises OSError or SMTPException."""
    context = {
        "name": one_line(schedule.report.name),
        "missed": [(one_line(name), one_line(reason)) for name, reason in missed],
        "link": f"{settings.SITE_URL}{reverse('schedule', args=[schedule.pk])}",
    }
    with translation.override(person.language or schedule.partner.language):
        subject = _("“%(name)s” does not reach everybody") % {"name": schedule.report.name}
        why = _("You get this because you are an admin, or it is your schedule.")
        _compose(subject, "unreached", context, person.email, partner=schedule.partner, why=why).send()


def _compose(
    subject: str, template: str, context: Mapping[str, object], address: str, *, partner: Partner, why: str
) -> SubscriptionMail:
    """why: the recipient gets the mail, as the last sentence of its HTML."""
    context = {**context, "subject": one_line(subject), "partner": one_line(partner.name), "why": why}
    mail = SubscriptionMail(
        one_line(subject)[:200], render_to_string(f"reports/mail/{template}.txt", context), to=[address]
    )
    mail.attach_alternative(render_to_string(f"reports/mail/{template}.html", context), "text/html")
    return mail
