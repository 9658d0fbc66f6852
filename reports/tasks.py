"""Periodic and background tasks of reports. Tasks take ids and call one service."""

from celery import Task, shared_task
from django.db import InterfaceError, OperationalError, transaction

from accounts.scope import partner_scope, partners_with, system_scope
from partner_portal.lib.dates import clock
from reports.models import Export
from reports.services import due_runs, exports, handover, schedule_runs


@shared_task(
    bind=True, autoretry_for=(OperationalError, InterfaceError), retry_backoff=2, retry_backoff_max=120, max_retries=8
)
def run_export(self: Task, partner_id: int, export_id: int) -> str:
    """Write one file. A message delivered twice does no harm: the second finds the file claimed or done."""
    return exports.run_export(partner_id=partner_id, export_id=export_id)


@shared_task(bind=True, max_retries=8)
def notify_large_export(self: Task, partner_id: int, export_id: int, only: list[int] | None = None) -> int:
    """Mail each admin, and retry only those whom the mail did not reach."""
    try:
        return exports.notify_large(partner_id=partner_id, export_id=export_id, only=only)
    except exports.UnnotifiedError as error:
        wait = min(3600, 30 * 2**self.request.retries)
        raise self.retry(exc=error, args=(partner_id, export_id, error.people), countdown=wait) from error


@shared_task
def requeue_lost_exports() -> int:
    """Every minute: requeue exports whose worker died or whose message was lost. Returns how many."""
    count = 0
    for partner in partners_with(exports.open_exports()):
        for export_id in exports.requeue_lost(partner=partner):
            run_export.delay(partner.pk, export_id)
            count += 1
    return count


@shared_task
def remove_expired_files() -> int:
    """Every day: delete expired files; their rows stay. Returns how many."""
    exports.remove_temporary_files()
    return sum(exports.remove_expired(partner=partner) for partner in partners_with(exports.expired_exports()))


@shared_task
def transfer_ownership_of_leavers() -> int:
    """Every hour: transfer what people own whose account was closed, which ends no membership. Returns how many."""
    count = 0
    for partner in partners_with(*handover.ownerless()):
        with partner_scope(partner):
            handed = handover.hand_over(scope=system_scope(partner))
        count += handed.reports + handed.schedules
    return count


@shared_task
def run_due_schedules() -> int:
    """Every minute: enqueue the runs that are due. Returns how many."""
    count, now = 0, clock.now()
    for partner in partners_with(*due_runs.due_schedules(now)):
        for run_id in due_runs.claim_due(partner=partner, now=now):
            run_schedule.delay(partner.pk, run_id)
            count += 1
    return count


@shared_task(
    bind=True, autoretry_for=(OperationalError, InterfaceError), retry_backoff=2, retry_backoff_max=120, max_retries=8
)
def run_schedule(self: Task, partner_id: int, run_id: int) -> str:
    """Write and send one scheduled report."""
    return schedule_runs.run_schedule(partner_id=partner_id, run_id=run_id, notify=enqueue_notice)


def enqueue_export(export: Export) -> None:
    """Enqueue the writing of an export on commit."""
    partner_id, export_id = export.partner_id, export.pk
    transaction.on_commit(lambda: run_export.delay(partner_id, export_id))


def enqueue_notice(export: Export) -> None:
    """Enqueue the mails to the other admins about a large export on commit."""
    partner_id, export_id = export.partner_id, export.pk
    transaction.on_commit(lambda: notify_large_export.delay(partner_id, export_id))
