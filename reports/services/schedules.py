"""The life of a schedule: made, changed, paused, resumed, deleted."""

from collections.abc import Collection
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.dates import clock
from reports.models import SavedReport, Schedule
from reports.queries.schedules import owner_left, rule_of
from reports.schedule import ScheduleValues, next_slots
from reports.services.alerts import alert
from reports.services.recipients import RecipientError, check_recipients, require_change, set_recipients


@transaction.atomic
def make_schedule(
    *, scope: Scope, report: SavedReport, values: ScheduleValues, member_ids: Collection[int], addresses: Collection[str],
    request_key: UUID | None = None,
) -> Schedule:  # fmt: skip
    """Create a schedule that sends a saved report; the same `request_key` twice creates one.

    Raises RecipientError and PermissionDenied.
    """
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
    set_recipients(scope, schedule, member_ids, addresses)
    record(scope, "schedule.made", report.name, frequency=schedule.frequency)
    return schedule


@transaction.atomic
def change_schedule(
    *, scope: Scope, schedule: Schedule, values: ScheduleValues, member_ids: Collection[int], addresses: Collection[str]
) -> None:
    """Change when a schedule runs, and to whom it sends. A paused one stays paused.

    Raises RecipientError and PermissionDenied, and then changes nothing.
    """
    require_change(scope, schedule)
    check_recipients(scope, member_ids, addresses)
    for name, value in values.items():
        setattr(schedule, name, value)
    schedule.next_slot = None if schedule.paused else next_slots(rule_of(scope, schedule), clock.now(), 1)[0]
    schedule.save()
    set_recipients(scope, schedule, member_ids, addresses)
    record(scope, "schedule.changed", schedule.report.name)


@transaction.atomic
def pause_schedule(*, scope: Scope, schedule: Schedule) -> None:
    """Stop a schedule until somebody resumes it."""
    require_change(scope, schedule)
    reason = _("Paused by %(person)s.") % {"person": scope.user}
    Schedule.objects.filter(pk=schedule.pk).update(paused=reason[:300], next_slot=None)
    record(scope, "schedule.paused", schedule.report.name)


def pause_ownerless(*, scope: Scope, schedule: Schedule) -> None:
    """Pause a schedule whose owner has left, and alert the admins on commit that they can take it over."""
    with translation.override(scope.partner.language):
        _pause_and_alert_on_commit(scope, schedule, _("Its owner has left. An admin can take it over."))


def pause_without_report(*, scope: Scope, report: SavedReport) -> int:
    """Pause the schedules of a deleted report, and alert their owners and the admins on commit. Returns how many."""
    schedules = list(Schedule.objects.filter(report=report, paused="", deleted_at=None).select_related("report"))
    for schedule in schedules:
        with translation.override(scope.partner.language):
            _pause_and_alert_on_commit(scope, schedule, _("Its report was deleted."))
    return len(schedules)


def _pause_and_alert_on_commit(scope: Scope, schedule: Schedule, reason: str) -> None:
    if Schedule.objects.filter(pk=schedule.pk, paused="").update(paused=reason, next_slot=None):
        record(scope, "schedule.paused", schedule.report.name)
        transaction.on_commit(partial(alert, scope.partner, schedule, reason, paused=True))


@transaction.atomic
def resume_schedule(*, scope: Scope, schedule: Schedule) -> None:
    """Resume a paused schedule from its next slot. An admin takes over a schedule whose owner has left.

    Raises RecipientError when its report is deleted, and PermissionDenied.
    """
    require_change(scope, schedule)
    if schedule.report.deleted_at:
        raise RecipientError(_("Its report is deleted. Bring the report back first."))
    owner = scope.user.pk if scope.user and owner_left(scope, schedule) else schedule.owner_id
    Schedule.objects.filter(pk=schedule.pk).update(
        paused="", failures=0, owner_id=owner, next_slot=next_slots(rule_of(scope, schedule), clock.now(), 1)[0]
    )
    record(scope, "schedule.resumed", schedule.report.name, taken_over=owner != schedule.owner_id)


@transaction.atomic
def delete_schedule(*, scope: Scope, schedule: Schedule) -> None:
    """Delete a schedule. Its runs stay for the record."""
    require_change(scope, schedule)
    Schedule.objects.filter(pk=schedule.pk).update(deleted_at=clock.now(), next_slot=None, request_key=None)
    record(scope, "schedule.deleted", schedule.report.name)
