"""One run of a schedule: write the file, deliver it, and decide how the run ends or when it is tried again."""

from collections.abc import Callable
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope, owner_scope, partner_scope
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import SCHEDULE_RUN, session_lock
from partner_portal.lib.rows.datasets import Selection
from reports import failures
from reports.models import Export, RunState, Schedule, ScheduleRun, State, WhenEmpty
from reports.queries import saved as saved_queries
from reports.services import exports
from reports.services.alerts import alert, alert_missed, claim_unreported, pause_and_alert
from reports.services.delivery import deliver, missed_text, recipients_to_mail
from reports.snapshot import bring_up_to_date

BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
MOST_FAILURES = 5  # failed runs in a row before a schedule pauses
STORED_RUNS = 20  # of one schedule


class _PauseError(Exception):
    """The schedule cannot go on until somebody changes something; the message says what."""


class _UndeliverableError(Exception):
    """Nobody can get this run's mail, and trying again would not help; the message says why."""


def run_schedule(*, partner_id: int, run_id: int, notify: Callable[[Export], None] | None = None) -> str:
    """Write a run's file under its owner's present rights, and mail everybody who has not got it yet.

    notify: called with an export so large that the other admins are notified. Returns the run's state, or "taken" when
    another worker has the run.
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
        recipients = recipients_to_mail(partner, schedule, run)
        if not recipients and not run.delivered:
            raise _UndeliverableError(missed_text(run.missed) or _("Nobody is left to send it to."))
        export = _export(partner, schedule, run, scope, notify)
        deliver(partner, schedule, run, export, recipients)
        if any(entry["later"] for entry in run.missed) and run.attempts < len(BACK_OFF):
            return _retry_later(partner, run, missed_text(run.missed))
        if not run.delivered:
            raise _UndeliverableError(missed_text(run.missed))
        with partner_scope(partner, schedule.owner):
            record(scope, "schedule.sent", schedule.report.name, rows=export.rows, to=len(run.delivered))
        return _succeed(partner, schedule, run, export.rows)
    except _PauseError as reason:
        _end(partner, run, RunState.FAILED, str(reason))
        pause_and_alert(partner, schedule, str(reason))
        return str(RunState.FAILED)
    except _UndeliverableError as reason:
        return _give_up(partner, schedule, run, str(reason))
    except Exception as error:
        return _retry_or_give_up(partner, schedule, run, error)


def _owner_scope(partner: Partner, schedule: Schedule) -> Scope:
    """Return the owner's present scope. Raises _PauseError when it no longer suffices."""
    try:
        scope = owner_scope(partner, schedule.owner)
    except PermissionDenied as error:
        raise _PauseError(_("Its owner has left. An admin can take it over.")) from error
    if not (scope.may(Permission.SCHEDULE) and scope.may(Permission.EXPORT)):
        raise _PauseError(_("Its owner may no longer send files."))
    if schedule.report.deleted_at:
        raise _PauseError(_("Its report was deleted."))
    return scope


def _selection(scope: Scope, schedule: Schedule) -> Selection[Scope]:
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
    """Write the run's file, or reuse the one that an earlier attempt finished. Raises RuntimeError with a reason to show."""
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
            except exports.ExportRejectedError as error:
                raise _PauseError(str(error)) from error
            ScheduleRun.objects.filter(pk=run.pk).update(export=run.export)
    if run.export.state != State.READY:
        exports.run_export(partner_id=partner.pk, export_id=run.export.pk)
    with partner_scope(partner):
        export = Export.objects.get(pk=run.export.pk)
    if export.state != State.READY:
        raise RuntimeError(export.reason or _("The file could not be made."))
    return export


def _retry_later(partner: Partner, run: ScheduleRun, reason: str) -> str:
    with partner_scope(partner):
        ScheduleRun.objects.filter(pk=run.pk).update(
            state=RunState.RETRYING, attempts=run.attempts + 1, reason=reason[:300],
            not_before=clock.now() + BACK_OFF[run.attempts],
        )  # fmt: skip
    return str(RunState.RETRYING)


def _retry_or_give_up(partner: Partner, schedule: Schedule, run: ScheduleRun, error: Exception) -> str:
    """Retry later, up to a limit. A run that has reached somebody by then counts as sent."""
    reason = failures.run_failure_text(error)
    if run.attempts < len(BACK_OFF):
        return _retry_later(partner, run, reason)
    if run.delivered:
        return _succeed(partner, schedule, run, run.export.rows if run.export else None, reason)
    return _give_up(partner, schedule, run, reason)


def _succeed(partner: Partner, schedule: Schedule, run: ScheduleRun, rows: int | None, reason: str = "") -> str:
    """End a run that reached somebody, and report the recipients that it did not reach."""
    with partner_scope(partner):
        Schedule.objects.filter(pk=schedule.pk).update(failures=0)
    alert_missed(partner, schedule, run.missed)
    return _end(partner, run, RunState.SENT, reason or missed_text(run.missed), rows=rows)


def _give_up(partner: Partner, schedule: Schedule, run: ScheduleRun, reason: str) -> str:
    """End a run that reached nobody: alert owner and admins, and pause after several failures in a row."""
    claim_unreported(partner, run.missed)  # the mail about the run names them
    _end(partner, run, RunState.FAILED, reason)
    with partner_scope(partner):
        failed_runs = schedule.failures + 1
        Schedule.objects.filter(pk=schedule.pk).update(failures=failed_runs)
    if failed_runs >= MOST_FAILURES:
        pause_reason = _("It failed %(count)d times in a row: %(reason)s") % {"count": failed_runs, "reason": reason}
        pause_and_alert(partner, schedule, pause_reason)
    else:
        alert(partner, schedule, reason, paused=False)
    return str(RunState.FAILED)


def _end(partner: Partner, run: ScheduleRun, state: str, reason: str, rows: int | None = None) -> str:
    with partner_scope(partner):
        ScheduleRun.objects.filter(pk=run.pk).update(
            state=state, reason=reason[:300], rows=rows, missed=run.missed, finished_at=clock.now(), not_before=None
        )
        ended = ScheduleRun.objects.filter(schedule_id=run.schedule_id, finished_at__isnull=False).order_by("-slot")
        ScheduleRun.objects.filter(pk__in=list(ended.values_list("pk", flat=True)[STORED_RUNS:])).delete()
    return str(state)
