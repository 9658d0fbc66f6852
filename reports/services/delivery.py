"""Delivery of a run: who still gets its mail, one mail to each, and a record of who was reached or missed, and why."""

from collections.abc import Collection, Sequence

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import Partner
from accounts.scope import partner_scope, system_scope
from reports import failures, mails
from reports.models import Export, Missed, Recipient, Schedule, ScheduleRun
from reports.queries.schedules import allowed_domains, domain_of, members
from reports.services.alerts import alert_missed
from reports.services.recipients import refusal_of, suspend

MOST_SILENT = 3  # recipients in a row without any reply from the mail server: the rest wait for the next attempt


def recipients_to_mail(partner: Partner, schedule: Schedule, run: ScheduleRun) -> list[Recipient]:
    """Return who still gets the mail of this run, and set `run.missed` to those who cannot, with the reason.

    Recipients for whom the last attempt failed come last, so that nobody waits behind them again.
    """
    failed_before = {entry["recipient"] for entry in run.missed if entry["later"]}
    with partner_scope(partner):
        scope = system_scope(partner)
        people, domains = {user.pk for user in members(scope)}, allowed_domains(scope)
        recipients = list(schedule.recipients.filter(left_at=None).select_related("user").order_by("pk"))
    run.missed = []
    waiting = []
    for recipient in recipients:
        if recipient.pk in run.delivered:
            continue
        if reason := _exclusion(recipient, people, domains):
            _note_missed(run, recipient, reason)
        else:
            waiting.append(recipient)
    return sorted(waiting, key=lambda recipient: recipient.pk in failed_before)


def _exclusion(recipient: Recipient, people: Collection[int], domains: Collection[str]) -> str:
    """Why a recipient gets no mail whatever the mail server says; "" when nothing stands against it."""
    if recipient.suspended:
        return _refusal_text(recipient)
    if recipient.user_id is not None:
        return "" if recipient.user_id in people else _("no longer a member")
    if domain_of(recipient.email) not in domains:
        return _("the mail domain is no longer allowed")
    return "" if recipient.confirmed_at else _("has not said yes yet")


def _refusal_text(recipient: Recipient) -> str:
    return _("refused by the mail server: %(reply)s") % {"reply": recipient.refusal}


def _note_missed(run: ScheduleRun, recipient: Recipient, reason: str, *, later: bool = False) -> None:
    run.missed = [
        *(entry for entry in run.missed if entry["recipient"] != recipient.pk),
        Missed(recipient=recipient.pk, name=recipient.name, reason=reason, later=later),
    ]


def missed_text(missed: Sequence[Missed]) -> str:
    """Name the recipients a run did not reach, and why; only why when the mail server replied about nobody."""
    if missed and all(entry["reason"] == failures.no_mail_server() for entry in missed):
        return failures.no_mail_server()
    return "; ".join(f"{entry['name']}: {entry['reason']}" for entry in missed)


def deliver(
    partner: Partner, schedule: Schedule, run: ScheduleRun, export: Export, recipients: Sequence[Recipient]
) -> None:
    """Mail each recipient, whatever becomes of the others; a delivery is recorded before the next mail is sent.

    A recipient whom the mail server permanently rejects is suspended, and owner and admins are alerted once. Everybody
    else who is missed waits for the next attempt.
    """
    silent = 0
    for recipient in recipients:
        if silent >= MOST_SILENT:
            _note_missed(run, recipient, failures.no_mail_server(), later=True)
            continue
        try:
            with partner_scope(partner, schedule.owner):
                mail = mails.report_mail(schedule=schedule, run=run, export=export, recipient=recipient)
            if mail is None:
                _note_missed(run, recipient, _("no longer a member"))
                continue
            mail.send()
        except (SoftTimeLimitExceeded, DatabaseError):
            raise
        except Exception as error:
            if refusal := refusal_of(error):
                with partner_scope(partner):
                    suspend(recipient, refusal)
                    record(system_scope(partner), "schedule.refused", schedule.report.name, recipient=recipient.address)
                _note_missed(run, recipient, _refusal_text(recipient))
            else:
                _note_missed(run, recipient, failures.delay_text(error), later=True)
            silent = 0 if failures.server_reply(error)[0] else silent + 1
        else:
            silent = 0
            run.delivered, run.reached = [*run.delivered, recipient.pk], [*run.reached, recipient.name]
            with partner_scope(partner):
                ScheduleRun.objects.filter(pk=run.pk).update(delivered=run.delivered, reached=run.reached)
                if recipient.alerted_at:
                    Recipient.objects.filter(pk=recipient.pk).update(alerted_at=None)
    with partner_scope(partner):
        ScheduleRun.objects.filter(pk=run.pk).update(missed=run.missed)
    if run.delivered:
        alert_missed(partner, schedule, [entry for entry in run.missed if not entry["later"]])
