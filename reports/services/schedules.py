"""Schedules: made, changed, paused, due, run and told about. What is due is decided by rows; beat only starts the search."""

import logging
import smtplib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope, owner_scope, partner_scope, system_scope
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import SCHEDULE_RUN, session_lock
from partner_portal.lib.rows.datasets import Selection
from partner_portal.lib.web.one_line import one_line
from reports import failures, mails
from reports.models import Export, Recipient, RunState, SavedReport, Schedule, ScheduleRun, State, WhenEmpty
from reports.queries import saved as saved_queries
from reports.queries.schedules import allowed_domains, domain_of, may_change, members, owner_left, rule_of
from reports.schedule import latest_missed, next_slots
from reports.services import exports
from reports.snapshot import bring_up_to_date

BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
FAILURES = 5  # runs in a row that fail before a schedule pauses
LOST = timedelta(minutes=5)  # a run that no worker took for so long is handed out again
KEPT_RUNS = 20
SILENT = 3  # recipients in a row for whom the mail server said nothing: the rest wait for the next attempt

log = logging.getLogger(__name__)


class RecipientError(Exception):
    """An address that may not get the report; the message says why."""


class _PauseError(Exception):
    """Why a schedule cannot go on until somebody changes something."""


class _NobodyError(Exception):
    """Why nobody gets this run's mail, when trying again later would not change it."""


@transaction.atomic
def make_schedule(
    *, scope: Scope, report: SavedReport, values: Mapping[str, Any], member_ids: Collection[int], addresses: Collection[str],
    request_key: UUID | None = None,
) -> Schedule:  # fmt: skip
    """Send a report by the clock. The same form twice makes one. Raises RecipientError and PermissionDenied."""
    scope.require(Permission.SCHEDULE)
    scope.require(Permission.EXPORT)
    if request_key:
        same = Schedule.objects.filter(partner=scope.partner, request_key=request_key).first()
        if same:
            return same
    check_recipients(scope, member_ids, addresses)
    schedule = Schedule(partner=scope.partner, owner=scope.user, report=report, request_key=request_key, **values)
    schedule.next_slot = next_slots(rule_of(scope, schedule), clock.now(), 1)[0]
    schedule.save()
    _set_recipients(scope, schedule, member_ids, addresses)
    record(scope, "schedule.made", report.name, frequency=schedule.frequency)
    return schedule


@transaction.atomic
def change_schedule(
    *,
    scope: Scope,
    schedule: Schedule,
    values: Mapping[str, Any],
    member_ids: Collection[int],
    addresses: Collection[str],
) -> None:
    """Change when and to whom. A paused one stays paused. Raises RecipientError and PermissionDenied, and then changes nothing."""
    _require_change(scope, schedule)
    check_recipients(scope, member_ids, addresses)
    for name, value in values.items():
        setattr(schedule, name, value)
    schedule.next_slot = None if schedule.paused else next_slots(rule_of(scope, schedule), clock.now(), 1)[0]
    schedule.save()
    _set_recipients(scope, schedule, member_ids, addresses)
    record(scope, "schedule.changed", schedule.report.name)


def check_recipients(scope: Scope, member_ids: Collection[int], addresses: Collection[str]) -> None:
    """Raise RecipientError for people of elsewhere, for an address outside of the allowed domains, and for nobody at all."""
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


def _set_recipients(scope: Scope, schedule: Schedule, member_ids: Collection[int], addresses: Collection[str]) -> None:
    """Write to these from now on. Who has unsubscribed stays unsubscribed, whatever the form says."""
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
            transaction.on_commit(partial(_ask_to_confirm, scope.partner, recipient))


def _ask_to_confirm(partner: Partner, recipient: Recipient) -> None:
    try:
        with partner_scope(partner):
            mails.send_confirmation(recipient)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        if refusal := _refusal(error):
            with partner_scope(partner):
                _suspend(recipient, refusal)
            return
        log.exception("a mail to confirm a scheduled report could not be sent")


def _refusal(error: Exception) -> str:
    """What the mail server said when it refused a recipient for good; "" for any other trouble."""
    code, said = failures.server_reply(error)
    if 500 <= code < 600:
        return said
    # Django itself refuses an address that no mail server could be given.
    return one_line(error)[:200] if isinstance(error, ValueError) and not isinstance(error, OSError) else ""


def _suspend(recipient: Recipient, refusal: str) -> None:
    recipient.refused_at, recipient.refused_address, recipient.refusal = clock.now(), recipient.address, refusal
    Recipient.objects.filter(pk=recipient.pk).update(
        refused_at=recipient.refused_at, refused_address=recipient.refused_address, refusal=refusal
    )


@transaction.atomic
def resume_recipient(*, scope: Scope, schedule: Schedule, recipient_id: int) -> Recipient | None:
    """Write again to a recipient whom the mail server had refused; None when the schedule has no such recipient.

    An outside address that has not said yes is asked again. Raises PermissionDenied.
    """
    _require_change(scope, schedule)
    recipient = schedule.recipients.select_related("user").filter(pk=recipient_id, left_at=None).first()
    if recipient is None:
        return None
    was_suspended = recipient.suspended
    Recipient.objects.filter(pk=recipient.pk).update(refused_at=None, refused_address="", refusal="", told_at=None)
    if was_suspended and recipient.confirmed_at is None:
        recipient.schedule = schedule
        transaction.on_commit(partial(_ask_to_confirm, scope.partner, recipient))
    record(scope, "schedule.recipient_resumed", schedule.report.name, recipient=recipient.address)
    return recipient


@transaction.atomic
def pause_schedule(*, scope: Scope, schedule: Schedule, reason: str = "") -> None:
    """Stop it until somebody resumes it."""
    _require_change(scope, schedule)
    _pause(schedule, reason or _("Paused by %(person)s.") % {"person": scope.user})
    record(scope, "schedule.paused", schedule.report.name)


def _pause(schedule: Schedule, reason: str) -> None:
    Schedule.objects.filter(pk=schedule.pk).update(paused=reason[:300], next_slot=None)


def pause_left(*, scope: Scope, schedule: Schedule) -> None:
    """Pause a schedule whose owner has gone, and tell the admins, once it is committed, that they can take it over."""
    with translation.override(scope.partner.language):
        _pause_and_notify_later(scope, schedule, _("Its owner has left. An admin can take it over."))


def pause_without_report(*, scope: Scope, report: SavedReport) -> int:
    """Pause the schedules of a report that is deleted, and tell their owners and the admins; how many."""
    found = list(Schedule.objects.filter(report=report, paused="", deleted_at=None).select_related("report"))
    for schedule in found:
        with translation.override(scope.partner.language):
            _pause_and_notify_later(scope, schedule, _("Its report was deleted."))
    return len(found)


def _pause_and_notify_later(scope: Scope, schedule: Schedule, reason: str) -> None:
    if Schedule.objects.filter(pk=schedule.pk, paused="").update(paused=reason, next_slot=None):
        record(scope, "schedule.paused", schedule.report.name)
        transaction.on_commit(partial(_tell, scope.partner, schedule, reason, paused=True))


@transaction.atomic
def resume_schedule(*, scope: Scope, schedule: Schedule) -> None:
    """Let it go on from the next slot. An admin who resumes one of somebody who left takes it over."""
    _require_change(scope, schedule)
    if schedule.report.deleted_at:
        raise RecipientError(_("Its report is deleted. Bring the report back first."))
    owner = getattr(scope.user, "pk", None) if owner_left(scope, schedule) else schedule.owner_id
    Schedule.objects.filter(pk=schedule.pk).update(
        paused="", failures=0, owner_id=owner, next_slot=next_slots(rule_of(scope, schedule), clock.now(), 1)[0]
    )
    record(scope, "schedule.resumed", schedule.report.name, taken_over=owner != schedule.owner_id)


@transaction.atomic
def delete_schedule(*, scope: Scope, schedule: Schedule) -> None:
    """End it. Its runs are kept for the record."""
    _require_change(scope, schedule)
    Schedule.objects.filter(pk=schedule.pk).update(deleted_at=clock.now(), next_slot=None, request_key=None)
    record(scope, "schedule.deleted", schedule.report.name)


def leave(*, recipient: Recipient) -> None:
    """End the mails to a recipient. Doing it again changes nothing."""
    Recipient.objects.filter(pk=recipient.pk, left_at=None).update(left_at=clock.now())


def rejoin(*, recipient: Recipient) -> None:
    """Take back `leave`, for somebody who followed the link by mistake."""
    Recipient.objects.filter(pk=recipient.pk).update(left_at=None)


def confirm(*, recipient: Recipient) -> None:
    """An outside recipient says yes."""
    Recipient.objects.filter(pk=recipient.pk, confirmed_at=None).update(confirmed_at=clock.now())


def claim_due(*, partner: Partner, now: datetime) -> list[int]:
    """Put down a run for each schedule that is due, and give the ids of the runs to start, those to try again among them.

    After a downtime only the latest slot runs. A slot that already has its run gets no second one, however the clock jumped.
    """
    found = []
    with partner_scope(partner):
        scope = system_scope(partner)
        _resume_due(scope, now)
        due = Schedule.objects.filter(partner=partner, next_slot__lte=now, paused="", deleted_at=None)
        for schedule in due.select_for_update(skip_locked=True):
            rule = rule_of(scope, schedule)
            slot, missed = latest_missed(rule, schedule.next_slot, now)  # type: ignore[arg-type]
            try:
                with transaction.atomic():
                    run = ScheduleRun.objects.create(
                        partner=partner, schedule=schedule, slot=slot, late=missed, not_before=now
                    )
                found.append(run.pk)
            except IntegrityError:
                log.info("schedule %s: slot %s already has its run", schedule.pk, slot)
            Schedule.objects.filter(pk=schedule.pk).update(next_slot=next_slots(rule, max(now, slot), 1)[0])
        again = ScheduleRun.objects.filter(partner=partner).exclude(pk__in=found)
        put_back = Q(not_before__gt=now + BACK_OFF[-1])  # by a clock that has been put back since
        open_runs = again.filter(Q(not_before__lte=now) | put_back, state=RunState.RETRYING) | again.filter(
            Q(not_before__lte=now - LOST) | put_back, state=RunState.DUE
        )
        found += list(open_runs.values_list("pk", flat=True))
    return found


def _resume_due(scope: Scope, now: datetime) -> None:
    """A clock that ran ahead and was put back left slots too far in the future: each schedule is due at its next slot again."""
    # No rule comes more often than daily, so that what is due within 23 hours is due next.
    open_ones = Schedule.objects.filter(partner=scope.partner, paused="", deleted_at=None)
    far = open_ones.filter(next_slot__gt=now + timedelta(hours=23))
    for schedule in far.select_for_update(skip_locked=True):
        [slot] = next_slots(rule_of(scope, schedule), now, 1)
        if slot < schedule.next_slot:  # type: ignore[operator]
            Schedule.objects.filter(pk=schedule.pk).update(next_slot=slot)


def run_schedule(*, partner_id: int, run_id: int, notify: Callable[[Export], None] | None = None) -> str:
    """One run: write the file under the owner's rights of now, and write to everybody who has not got it yet.

    notify: called with a file large enough for the other admins to be told. Returns the run's state, or "taken" when another
    worker has it.
    """
    partner = Partner.objects.get(pk=partner_id)
    with session_lock(SCHEDULE_RUN, run_id) as side:
        if side is None:
            return "taken"
        with partner_scope(partner):
            run = ScheduleRun.objects.select_related("schedule__report", "schedule__owner", "export").get(pk=run_id)
        if run.state not in {RunState.DUE, RunState.RETRYING}:
            return str(run.state)
        schedule = run.schedule
        schedule.partner = schedule.report.partner = partner
        language = schedule.owner.language or partner.language
        with translation.override(language), timezone.override(partner.time_zone):
            return _attempt(partner, schedule, run, notify)


def _attempt(partner: Partner, schedule: Schedule, run: ScheduleRun, notify: Callable[[Export], None] | None) -> str:
    try:
        if schedule.deleted_at or schedule.paused:
            return _end(partner, run, RunState.MISSED, _("The schedule was stopped in the meantime."))
        bring_up_to_date(partner)
        with partner_scope(partner, schedule.owner):
            scope = _owner_scope(partner, schedule)
            selection = _selection(scope, schedule)
            if not selection.count and schedule.when_empty == WhenEmpty.SKIP:
                return _end(partner, run, RunState.SKIPPED, "", rows=0)
        recipients = _recipients(partner, schedule, run)
        if not recipients and not run.delivered:
            raise _NobodyError(_in_sentence(run.missed) or _("Nobody is left to send it to."))
        export = _export(partner, schedule, run, scope, notify)
        _deliver(partner, schedule, run, export, recipients)
        if any(entry["later"] for entry in run.missed) and run.attempts < len(BACK_OFF):
            return _try_later(partner, schedule, run, _in_sentence(run.missed))
        if not run.delivered:
            raise _NobodyError(_in_sentence(run.missed))
        with partner_scope(partner, schedule.owner):
            record(scope, "schedule.sent", schedule.report.name, rows=export.rows, to=len(run.delivered))
        return _succeed(partner, schedule, run, export.rows)
    except _PauseError as reason:
        _end(partner, run, RunState.FAILED, str(reason))
        _pause_and_notify(partner, schedule, str(reason))
        return str(RunState.FAILED)
    except _NobodyError as reason:
        return _give_up(partner, schedule, run, str(reason))
    except Exception as error:
        return _failed(partner, schedule, run, error)


def _owner_scope(partner: Partner, schedule: Schedule) -> Scope:
    """The owner's scope of now. Raises _PauseError when it does not suffice any more."""
    try:
        scope = owner_scope(partner, schedule.owner)
    except PermissionDenied as error:
        raise _PauseError(_("Its owner has left. An admin can take it over.")) from error
    if not (scope.may(Permission.SCHEDULE) and scope.may(Permission.EXPORT)):
        raise _PauseError(_("Its owner may no longer send files."))
    if schedule.report.deleted_at:
        raise _PauseError(_("Its report was deleted."))
    return scope


def _selection(scope: Scope, schedule: Schedule) -> Any:
    try:
        return saved_queries.opened(scope, schedule.report).selection
    except PermissionDenied as error:
        raise _PauseError(_("Its owner may no longer see these rows.")) from error
    except Http404 as error:
        raise _PauseError(_("This kind of rows no longer exists.")) from error


def _export(
    partner: Partner,
    schedule: Schedule,
    run: ScheduleRun,
    scope: Scope,
    notify: Callable[[Export], None] | None,
) -> Export:
    """The run's file; one that an earlier attempt finished is used again. Raises RuntimeError with the reason in words."""
    if run.export is None or run.export.state not in {State.READY, State.QUEUED, State.RUNNING}:
        with partner_scope(partner, schedule.owner):
            selection = _selection(scope, schedule)
            at = run.slot.astimezone(timezone.get_current_timezone())
            export_request = exports.ExportRequest(
                name=exports.scheduled_name(schedule.report.name, selection, at),
                format=schedule.format,
                dialect=schedule.dialect,
                title=schedule.report.name,
            )
            try:
                run.export = exports.request_export(
                    scope=scope,
                    selection=selection,
                    export_request=export_request,
                    report_id=schedule.report_id,
                    by_schedule=True,
                    notify=notify,
                )
            except exports.RefusedError as refused:
                raise _PauseError(str(refused)) from refused
            ScheduleRun.objects.filter(pk=run.pk).update(export=run.export)
    if run.export.state != State.READY:
        exports.run_export(partner_id=partner.pk, export_id=run.export.pk)
    with partner_scope(partner):
        export = Export.objects.get(pk=run.export.pk)
    if export.state != State.READY:
        raise RuntimeError(export.reason or _("The file could not be made."))
    return export


def _recipients(partner: Partner, schedule: Schedule, run: ScheduleRun) -> list[Recipient]:
    """Who is still to get the mail of this run; the others who have no mail yet are put down as missed, with the reason.

    Those for whom the last attempt failed come last, so that nobody waits behind them again.
    """
    failed_before = {entry["recipient"] for entry in run.missed if entry["later"]}
    with partner_scope(partner):
        scope = system_scope(partner)
        people, domains = {user.pk for user in members(scope)}, allowed_domains(scope)
        found = list(schedule.recipients.filter(left_at=None).select_related("user").order_by("pk"))
    run.missed = []
    waiting = []
    for recipient in found:
        if recipient.pk in run.delivered:
            continue
        if reason := _left_out(recipient, people, domains):
            _put_down(run, recipient, reason)
        else:
            waiting.append(recipient)
    return sorted(waiting, key=lambda recipient: recipient.pk in failed_before)


def _left_out(recipient: Recipient, people: Collection[int], domains: Collection[str]) -> str:
    """Why a recipient gets no mail whatever the mail server says; "" when there is no reason."""
    if recipient.suspended:
        return _refused_in_words(recipient)
    if recipient.user_id is not None:
        return "" if recipient.user_id in people else _("no longer a member")
    if domain_of(recipient.email) not in domains:
        return _("the mail domain is no longer allowed")
    return "" if recipient.confirmed_at else _("has not said yes yet")


def _refused_in_words(recipient: Recipient) -> str:
    return _("refused by the mail server: %(reply)s") % {"reply": recipient.refusal}


def _put_down(run: ScheduleRun, recipient: Recipient, reason: str, *, later: bool = False) -> None:
    run.missed = [
        *(entry for entry in run.missed if entry["recipient"] != recipient.pk),
        {"recipient": recipient.pk, "name": recipient.name, "reason": reason, "later": later},
    ]


def _in_sentence(missed: list[dict[str, Any]]) -> str:
    """Whom a run did not reach and why; only why, when the mail server answered nobody."""
    if missed and all(entry["reason"] == failures.no_mail_server() for entry in missed):
        return failures.no_mail_server()
    return "; ".join(f"{entry['name']}: {entry['reason']}" for entry in missed)


def _deliver(
    partner: Partner, schedule: Schedule, run: ScheduleRun, export: Export, recipients: list[Recipient]
) -> None:
    """Write to each of the recipients, whatever becomes of the others; who has the mail is put down at once.

    Somebody whom the mail server refuses for good is suspended, and owner and admins are told once. Everybody else who is
    missed waits for the next attempt.
    """
    silent = 0
    for recipient in recipients:
        if silent >= SILENT:
            _put_down(run, recipient, failures.no_mail_server(), later=True)
            continue
        try:
            with partner_scope(partner, schedule.owner):
                mail = mails.report_mail(schedule=schedule, run=run, export=export, recipient=recipient)
            if mail is None:
                _put_down(run, recipient, _("no longer a member"))
                continue
            mail.send()
        except (SoftTimeLimitExceeded, DatabaseError):
            raise
        except Exception as error:
            refusal = _refusal(error)
            if refusal:
                with partner_scope(partner):
                    _suspend(recipient, refusal)
                    record(system_scope(partner), "schedule.refused", schedule.report.name, recipient=recipient.address)
                _put_down(run, recipient, _refused_in_words(recipient))
            else:
                _put_down(run, recipient, failures.delay_text(error), later=True)
            silent = 0 if failures.server_reply(error)[0] else silent + 1
        else:
            silent = 0
            run.delivered, run.reached = [*run.delivered, recipient.pk], [*run.reached, recipient.name]
            with partner_scope(partner):
                ScheduleRun.objects.filter(pk=run.pk).update(delivered=run.delivered, reached=run.reached)
                if recipient.told_at:
                    Recipient.objects.filter(pk=recipient.pk).update(told_at=None)
    with partner_scope(partner):
        ScheduleRun.objects.filter(pk=run.pk).update(missed=run.missed)
    if run.delivered:
        _tell_of_missed(partner, schedule, [entry for entry in run.missed if not entry["later"]])


def _tell_of_missed(partner: Partner, schedule: Schedule, missed: list[dict[str, Any]]) -> None:
    """Name to owner and admins those whom mail does not reach, each of them once until mail reaches them again."""
    fresh = _not_told_yet(partner, missed)
    if not fresh:
        return
    with partner_scope(partner):
        people = mails.people_to_notify(schedule)
    for person in people:
        try:
            mails.send_unreached(schedule, person, [(entry["name"], entry["reason"]) for entry in fresh])
        except (OSError, smtplib.SMTPException):
            log.exception("nobody could be told whom schedule %s does not reach", schedule.pk)


def _not_told_yet(partner: Partner, missed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of them that nobody was told about, and note that somebody is now.

    An outside address that has not said yes is no news.
    """
    with partner_scope(partner):
        silent = Recipient.objects.filter(
            pk__in=[entry["recipient"] for entry in missed], confirmed_at__isnull=False, told_at=None
        )
        fresh = set(silent.select_for_update().values_list("pk", flat=True))
        Recipient.objects.filter(pk__in=fresh).update(told_at=clock.now())
    return [entry for entry in missed if entry["recipient"] in fresh]


def _try_later(partner: Partner, schedule: Schedule, run: ScheduleRun, reason: str) -> str:
    with partner_scope(partner):
        ScheduleRun.objects.filter(pk=run.pk).update(
            state=RunState.RETRYING, attempts=run.attempts + 1, reason=reason[:300],
            not_before=clock.now() + BACK_OFF[run.attempts],
        )  # fmt: skip
    return str(RunState.RETRYING)


def _failed(partner: Partner, schedule: Schedule, run: ScheduleRun, error: Exception) -> str:
    """Try again later, up to a limit; a run that has reached somebody by then is not failed."""
    reason = failures.run_failure_text(error)
    if run.attempts < len(BACK_OFF):
        return _try_later(partner, schedule, run, reason)
    if run.delivered:
        return _succeed(partner, schedule, run, run.export.rows if run.export else None, reason)
    return _give_up(partner, schedule, run, reason)


def _succeed(partner: Partner, schedule: Schedule, run: ScheduleRun, rows: int | None, reason: str = "") -> str:
    """End a run that reached somebody, and name those whom it did not reach."""
    with partner_scope(partner):
        Schedule.objects.filter(pk=schedule.pk).update(failures=0)
    _tell_of_missed(partner, schedule, run.missed)
    return _end(partner, run, RunState.SENT, reason or _in_sentence(run.missed), rows=rows)


def _give_up(partner: Partner, schedule: Schedule, run: ScheduleRun, reason: str) -> str:
    """End a run that reached nobody: tell owner and admins, and pause after several in a row."""
    _not_told_yet(partner, run.missed)  # the mail about the run names them
    _end(partner, run, RunState.FAILED, reason)
    with partner_scope(partner):
        failures = schedule.failures + 1
        Schedule.objects.filter(pk=schedule.pk).update(failures=failures)
    if failures >= FAILURES:
        words = _("It failed %(count)d times in a row: %(reason)s") % {"count": failures, "reason": reason}
        _pause_and_notify(partner, schedule, words)
    else:
        _tell(partner, schedule, reason, paused=False)
    return str(RunState.FAILED)


def _pause_and_notify(partner: Partner, schedule: Schedule, reason: str) -> None:
    """Pause, and tell owner and admins once: only who paused it tells."""
    with partner_scope(partner):
        changed = Schedule.objects.filter(pk=schedule.pk, paused="").update(paused=reason[:300], next_slot=None)
        if changed:
            record(system_scope(partner), "schedule.paused", schedule.report.name)
    if changed:
        _tell(partner, schedule, reason, paused=True)


def _tell(partner: Partner, schedule: Schedule, reason: str, *, paused: bool) -> None:
    with partner_scope(partner):
        people = mails.people_to_notify(schedule)
    for person in people:
        try:
            mails.send_trouble(schedule, person, reason, paused=paused)
        except (OSError, smtplib.SMTPException):
            log.exception("nobody could be told that schedule %s has trouble", schedule.pk)


def _end(partner: Partner, run: ScheduleRun, state: str, reason: str, rows: int | None = None) -> str:
    with partner_scope(partner):
        ScheduleRun.objects.filter(pk=run.pk).update(
            state=state, reason=reason[:300], rows=rows, missed=run.missed, finished_at=clock.now(), not_before=None
        )
        old = ScheduleRun.objects.filter(schedule_id=run.schedule_id, finished_at__isnull=False).order_by("-slot")
        ScheduleRun.objects.filter(pk__in=list(old.values_list("pk", flat=True)[KEPT_RUNS:])).delete()
    return str(state)


def send_test(
    *, scope: Scope, selection: Selection[Scope], schedule: Schedule, notify: Callable[[Export], None] | None = None
) -> Export:
    """Send what the schedule would send now, to the one who asks alone. `schedule` need not be saved. Returns the file.

    It counts towards the person's share of the workers, as any other file. More than EXPORT_ROWS_AT_ONCE rows are left to a
    worker: the file is still queued then, for the caller to enqueue, and the mail follows when it is ready.
    Raises OSError or SMTPException when the mail does not go out, and RefusedError when there is no file.
    """
    scope.require(Permission.SCHEDULE)
    report = schedule.report
    at = clock.now().astimezone(timezone.get_current_timezone())
    export_request = exports.ExportRequest(
        name=exports.scheduled_name(report.name, selection, at), format=schedule.format, dialect=schedule.dialect,
        title=report.name, trial={"zone": schedule.zone, "delivery": schedule.delivery},
    )  # fmt: skip
    export = exports.request_export(scope=scope, selection=selection, export_request=export_request, notify=notify)
    record(scope, "schedule.tested", report.name)
    if export.rows > settings.EXPORT_ROWS_AT_ONCE:
        return export
    export = exports.start_now(scope=scope, selection=selection, export=export)
    if export.state != State.READY:
        raise exports.RefusedError(export.reason)
    export.owner, export.partner = scope.user, scope.partner  # type: ignore[assignment]
    mails.trial_mail(export).send()
    return export


def _require_change(scope: Scope, schedule: Schedule) -> None:
    if not may_change(scope, schedule):
        raise PermissionDenied("not the owner's")
