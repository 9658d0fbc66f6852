"""Mails of reports and schedules: the report, confirmation, alerts, notices. Text and HTML, in the reader's language.

Names that people typed are folded to one line, so that none passes for a line of the mail itself.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.core.files.storage import default_storage
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Membership, Partner, User
from accounts.roles import Permission, Role
from accounts.scope import Scope, member_scope, owner_scope, system_scope
from partner_portal.formats.days import period_text as range_text
from partner_portal.formats.numbers import whole
from partner_portal.lib import site
from partner_portal.lib.mail import Content, Link, PortalMail, Row, Table, compose
from partner_portal.lib.rows.datasets import find
from partner_portal.lib.rows.providers import data_as_of
from partner_portal.lib.web.one_line import one_line
from reports.content_types import CONTENT_TYPES
from reports.definitions import period_of, period_text, reopen
from reports.first_rows import first_rows
from reports.models import Delivery, Export, Recipient, SavedReport, Schedule, ScheduleRun
from reports.queries.schedules import recipient_token
from reports.receipts import page_link

ATTACHMENT_BYTES = 10 * 1024 * 1024


def report_mail(*, schedule: Schedule, run: ScheduleRun, export: Export, recipient: Recipient) -> PortalMail | None:
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
            schedule, export, scope, recipient.user.email, slot=run.slot, late=run.late, recipient=recipient, note=note
        )
    if attach:
        _attach(mail, export)
    return mail


def _outside_mail(schedule: Schedule, run: ScheduleRun, export: Export, recipient: Recipient) -> PortalMail:
    with translation.override(schedule.partner.language), timezone.override(schedule.partner.time_zone):
        fits = (export.size or 0) <= ATTACHMENT_BYTES
        note = "" if fits else _("The file is larger than 10 MB, so it is not attached; ask the sender for it.")
        owner = owner_scope(schedule.partner, schedule.owner)  # the file is theirs, and holds the same
        mail = _mail(
            schedule, export, owner, recipient.email, slot=run.slot, late=run.late, recipient=recipient, note=note,
            link=False,
        )  # fmt: skip
    if fits:
        _attach(mail, export)
    return mail


def trial_mail(export: Export) -> PortalMail:
    """The test mail of the schedule that `export.trial` describes, to the person who requested it."""
    report = SavedReport(partner=export.partner, owner=export.owner, name=export.title, dataset=export.dataset)
    schedule = Schedule(partner=export.partner, owner=export.owner, report=report, **(export.trial or {}))
    mail = _mail(
        schedule,
        export,
        owner_scope(export.partner, export.owner),
        export.owner.email,
        slot=None,
        late=0,
        recipient=None,
        note=_("This is a test. Only you got it."),
    )
    if schedule.delivery == Delivery.ATTACHMENT and (export.size or 0) <= ATTACHMENT_BYTES:
        _attach(mail, export)
    return mail


def _attach(mail: PortalMail, export: Export) -> None:
    with default_storage.open(str(export.file.name), "rb") as file:
        mail.attach(export.file_name, file.read(), CONTENT_TYPES[export.format].partition(";")[0])


def _mail(
    schedule: Schedule, export: Export, reader: Scope, address: str, *, slot: datetime | None, late: int,
    recipient: Recipient | None, note: str, link: bool = True,
) -> PortalMail:  # fmt: skip
    """reader: under whose rights the mail shows the figure and the first rows."""
    scope = system_scope(schedule.partner)
    selection = reopen(scope, export.dataset, export.params, export.columns).selection
    period = period_of(selection)
    days = period_text(period)
    rows = first_rows(reader, export.dataset, export.params, export.columns)
    as_of, partner = data_as_of(scope), one_line(schedule.partner.name)
    slot_text = f"{_moment(slot.astimezone(ZoneInfo(schedule.zone)))} {schedule.zone}" if slot else ""
    late_text = ngettext(
        "The portal was not running when %(count)s earlier one was due; this is the latest.",
        "The portal was not running when %(count)s earlier ones were due; this is the latest.",
        late,
    ) % {"count": late}
    name = one_line(schedule.report.name)
    leave = site.link("schedule_leave", recipient_token(recipient)) if recipient else ""
    about = ", ".join(filter(None, [rows.figure if rows else "", range_text(period) if period else ""]))
    subject = f"{name}: {about}" if about else name
    content = Content(
        subject,
        _("You get this because it is scheduled for you.")
        if leave
        else _("You get this because you asked for a test."),
        partner,
        headline=name,
        figure=rows.figure if rows else "",
        figure_text=rows.figure_text if rows else "",
        paragraphs=[
            *([f"{days} ({schedule.zone})"] if days else []),
            *([note] if note else []),
            *([late_text] if late else []),
        ],
        tables=[rows.table] if rows and rows.table else [],
        action=Link(_("See the rows"), page_link(selection)) if link else None,
        further=[
            _named(_("Filters"), one_line(export.filters) or _("None")),
            *([_named(_("Data as of"), _moment(timezone.localtime(as_of)))] if as_of else []),
            *([_named(_("Due"), slot_text)] if slot_text else []),
            _named(_("Sent by"), f"{one_line(schedule.owner)}, {partner}"),
        ],
        manage=Link(_("Change or stop this schedule"), site.link("schedule", schedule.pk))
        if link and schedule.pk
        else None,
        leave=leave,
    )
    return compose(content, address)


def _named(label: str, value: str) -> str:
    return f"{label}: {value}"


def _moment(at: datetime) -> str:
    return date_format(at, "j M Y, H:i")


def send_confirmation(recipient: Recipient) -> None:
    """Ask an outside address to confirm that it wants the report. Raises OSError or SMTPException."""
    schedule = recipient.schedule
    names = {"partner": one_line(schedule.partner.name), "person": one_line(schedule.owner)}
    with translation.override(schedule.partner.language):
        text = _("%(person)s of %(partner)s wants to send you the report “%(name)s” by mail from time to time.")
        content = Content(
            _("%(partner)s wants to send you a report") % names,
            _("You get this because somebody there entered your address."),
            names["partner"],
            paragraphs=[text % {**names, "name": one_line(schedule.report.name)}],
            action=Link(_("Yes, send it to me"), site.link("schedule_confirm", recipient_token(recipient))),
            further=[_("You get nothing until you say yes. If you do not want it, you can ignore this mail.")],
        )
        compose(content, recipient.email).send()


def ready_mail(export: Export) -> PortalMail:
    """The notice to the owner that a file is ready."""
    rows = first_rows(owner_scope(export.partner, export.owner), export.dataset, export.params, export.columns)
    title = one_line(export.title)
    content = Content(
        _("%(name)s is ready") % {"name": export.file_name},
        _("You get this because you asked to be mailed when the file is ready."),
        one_line(export.partner.name),
        figure=rows.figure if rows else "",
        figure_text=rows.figure_text if rows else "",
        paragraphs=[", ".join(filter(None, [title, export.days])), *([export.filters] if export.filters else [])],
        tables=[rows.table] if rows and rows.table else [],
        action=Link(_("Download the file"), site.link("export", export.pk)),
        further=[_("Download it before it expires. Only you can open the link, signed in.")],
    )
    return compose(content, export.owner.email)


def other_admins(partner: Partner, user: User) -> list[User]:
    """The active admins of a partner except one person."""
    admins = Membership.objects.filter(partner=partner, role=Role.ADMIN, user__is_active=True).exclude(user=user)
    return [membership.user for membership in admins.select_related("user").order_by("pk")]


def send_large(export: Export, person: User) -> None:
    """Notify an admin that somebody requested a large export. Raises OSError or SMTPException."""
    partner = export.partner
    with translation.override(person.language or partner.language), timezone.override(partner.time_zone):
        rows = whole(export.rows)
        text = _("%(person)s asked for %(name)s: %(number)s rows.")
        content = Content(
            _("Large export: %(rows)s rows") % {"rows": rows},
            _("You get this because you are an admin. Admins are told of every export of this size."),
            one_line(partner.name),
            paragraphs=[
                text % {"person": one_line(export.owner), "name": export.file_name, "number": rows},
                "; ".join(filter(None, [one_line(export.title), export.days, one_line(export.filters)])),
            ],
            action=Link(_("See the audit log"), f"{site.link('accounts_audit')}?action=export.large"),
        )
        compose(content, person.email).send()


def people_to_notify(schedule: Schedule) -> list[User]:
    """The admins, and the owner while they are a member."""
    memberships = Membership.objects.filter(partner=schedule.partner, user__is_active=True).select_related("user")
    return [
        row.user for row in memberships.order_by("pk") if row.role == Role.ADMIN or row.user_id == schedule.owner_id
    ]


def send_trouble(schedule: Schedule, person: User, reason: str, *, paused: bool) -> None:
    """Alert somebody that a schedule failed or paused, and why. Raises OSError or SMTPException."""
    with translation.override(person.language or schedule.partner.language):
        names = {"name": one_line(schedule.report.name)}
        subject = _("“%(name)s” is paused") if paused else _("“%(name)s” could not be sent")
        what = (
            _("The schedule of “%(name)s” is paused.") if paused else _("The report “%(name)s” could not be sent.")
        ) % names
        action = Link(_("See what happened, and resume it"), site.link("schedule", schedule.pk))
        _alert(schedule, person, subject % names, [what, one_line(reason)], (), action)


def send_unreached(schedule: Schedule, person: User, missed: Sequence[tuple[str, str]]) -> None:
    """Alert somebody that a schedule misses recipients: their (name, reason). Raises OSError or SMTPException."""
    with translation.override(person.language or schedule.partner.language):
        names = {"name": one_line(schedule.report.name)}
        text = [
            _("The report “%(name)s” does not reach the people below.") % names,
            _("Everybody else gets it as before. You are told once, not every time."),
        ]
        rows = [Row((f"{one_line(name)}: {one_line(reason)}",)) for name, reason in missed]
        action = Link(_("See what happened, and try again"), site.link("schedule", schedule.pk))
        _alert(schedule, person, _("“%(name)s” does not reach everybody") % names, text, [Table(rows)], action)


def _alert(
    schedule: Schedule, person: User, subject: str, paragraphs: Sequence[str], tables: Sequence[Table], action: Link
) -> None:
    why = _("You get this because you are an admin, or it is your schedule.")
    partner = one_line(schedule.partner.name)
    content = Content(subject, why, partner, paragraphs=paragraphs, tables=tables, action=action)
    compose(content, person.email).send()
