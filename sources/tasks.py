"""Tasks of live connections: find what is due, and run one connection. Tasks get only ids, never a token."""

from celery import shared_task
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, transaction

from accounts.models import Partner, User
from accounts.scope import partner_scope, partners_with, system_scope
from imports import services as import_services
from partner_portal.lib.progress import JobProgress
from sources import calls, notices, previews, services
from sources.runs import NotRunnable, run_connection

SECONDS_FOR_A_CALL = 4 * 60


@shared_task
def run_due_connections() -> int:
    """Every minute: enqueue connections that are due, and calls and previews that no worker has made. Returns how many."""
    count = 0
    for partner in partners_with(services.due_connections(), calls.unfinished(), previews.unfinished()):
        for connection_id in services.claim_due(partner=partner):
            sync_due.delay(partner.pk, connection_id)
            count += 1
        for call_id in calls.retry_unfinished(partner=partner):
            call_vendor.delay(partner.pk, call_id)
            count += 1
        for preview_id in previews.retry_unfinished(partner=partner):
            preview_kind.delay(partner.pk, preview_id)
            count += 1
    return count


@shared_task
def delete_stray_files() -> int:
    """Once a day: delete the files of killed imports, brought by runs or by people (ADR 146). Returns how many."""
    with_files = import_services.partners_with_files()
    if not with_files:
        return 0
    rows = (services.killed_runs(), import_services.recent_batches())
    partners = partners_with(*(each.filter(partner__in=with_files) for each in rows))
    return sum(import_services.delete_stray_files(partner=partner) for partner in partners)


@shared_task(
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=3,
    retry_kwargs={"max_retries": 5},
    soft_time_limit=SECONDS_FOR_A_CALL,
)
def call_vendor(partner_id: int, call_id: int) -> str:
    """Do what somebody asked of a vendor. Delivered twice, the second delivery does nothing."""
    return calls.carry_out(partner=Partner.objects.get(pk=partner_id), call_id=call_id)


def enqueue_call(partner_id: int, call_id: int) -> None:
    """Enqueue what somebody asked of a vendor, on commit."""
    transaction.on_commit(lambda: call_vendor.delay(partner_id, call_id), robust=True)


@shared_task(autoretry_for=(OperationalError, InterfaceError), retry_backoff=3, retry_kwargs={"max_retries": 5})
def sync_due(partner_id: int, connection_id: int) -> str:
    """Run one connection since it is due."""
    return sync(partner_id, connection_id)


@shared_task(autoretry_for=(OperationalError, InterfaceError), retry_backoff=3, retry_kwargs={"max_retries": 5})
def sync(partner_id: int, connection_id: int, user_id: int | None = None, full: bool | None = None) -> str:
    """Run one connection. Delivered twice, the second delivery does nothing."""
    partner = Partner.objects.get(pk=partner_id)
    progress = JobProgress("sync", connection_id)
    user = User.objects.get(pk=user_id) if user_id else None
    try:
        run = run_connection(
            partner=partner, connection_id=connection_id, by_itself=user is None, user=user, full=full, step=progress
        )
    except (NotRunnable, PermissionDenied) as reason:
        return str(reason)
    if run is None:
        return "not now"
    progress.forget()
    if user is None:
        with partner_scope(partner):
            is_notable = notices.needs_admins(run)
            if is_notable:
                notices.tell_admins(system_scope(partner), run)
        if is_notable:
            mail_admins.delay(partner_id, run.pk)
    return run.state


@shared_task
def mail_admins(partner_id: int, run_id: int) -> int:
    """Mail the admins about a run that needs them. Returns how many mails were sent."""
    return notices.mail_admins(partner_id=partner_id, run_id=run_id)


def enqueue_sync(partner_id: int, connection_id: int, user_id: int, full: bool) -> None:
    """Enqueue a run that somebody requested, on commit."""
    transaction.on_commit(lambda: sync.delay(partner_id, connection_id, user_id, full or None), robust=True)


@shared_task(autoretry_for=(OperationalError, InterfaceError), retry_backoff=3, retry_kwargs={"max_retries": 5})
def preview_kind(partner_id: int, preview_id: int) -> bool:
    """Compute a preview of a further kind or of proposals. Delivered twice, the second delivery does nothing."""
    return previews.make_preview(partner=Partner.objects.get(pk=partner_id), preview_id=preview_id)


def enqueue_preview(partner_id: int, preview_id: int) -> None:
    """Enqueue a preview, on commit."""
    transaction.on_commit(lambda: preview_kind.delay(partner_id, preview_id), robust=True)
