"""Background tasks of imports. A task gets only ids, and runs with the present rights of the batch's user."""

import logging

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import Partner, User
from accounts.scope import owner_scope, partner_scope, partners_with, system_scope
from imports import services
from imports.batch_states import NotNow
from imports.models import BatchStatus, ImportBatch
from partner_portal.lib.db.locks import IMPORT_BATCH, session_lock
from partner_portal.lib.progress import CancelledError, JobProgress

log = logging.getLogger(__name__)


@shared_task(autoretry_for=(OperationalError, InterfaceError), retry_backoff=3, retry_kwargs={"max_retries": 5})
def process_batch(partner_id: int, batch_id: int) -> None:
    """Check or write the batch, whichever is due. Delivered twice, the second delivery does nothing."""
    partner = Partner.objects.get(pk=partner_id)
    with session_lock(IMPORT_BATCH, batch_id) as side:
        if side is None:
            return
        with partner_scope(partner):
            batch = services.start(scope=system_scope(partner), batch_id=batch_id)
            user = batch.user if batch else None
        if batch:
            try:
                _process(partner, user, batch)
            finally:
                JobProgress("import", batch_id).forget()


def _process(partner: Partner, user: User | None, batch: ImportBatch) -> None:
    reason = ""
    try:
        with partner_scope(partner, user):
            scope = owner_scope(partner, user) if user else system_scope(partner)
            with translation.override(scope.locale):
                step = services.check_batch if batch.status == BatchStatus.CHECKING else services.commit_batch
                step(scope=scope, batch_id=batch.pk, step=JobProgress("import", batch.pk))
    except (NotNow, CancelledError):
        log.info("Import batch %s was discarded while it was processed.", batch.pk)
    except PermissionDenied:
        reason = _("Nothing was imported: the person who started it may not import any more.")
    except SoftTimeLimitExceeded:
        reason = _("Nothing was imported: it took too long. Split the files.")
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("Import batch %s failed.", batch.pk)
        reason = _("Nothing was imported: something unexpected went wrong. The operators find the details in the log.")
    if reason:
        with partner_scope(partner):
            services.fail(scope=system_scope(partner), batch_id=batch.pk, reason=reason)


@shared_task
def requeue_lost_batches() -> int:
    """Every minute: enqueue batches again whose worker died or whose message was lost. Returns how many."""
    count = 0
    for partner in partners_with(services.open_batches()):
        with partner_scope(partner):
            lost = services.requeue_lost(scope=system_scope(partner))
        for batch_id in lost:
            process_batch.delay(partner.pk, batch_id)
        count += len(lost)
    return count


@shared_task
def forget_import_files() -> None:
    """Once a day: discard undecided batches, and delete contents of files that are no longer needed."""
    for partner in partners_with(*services.forgettable(days=settings.IMPORT_FILE_DAYS)):
        with partner_scope(partner):
            services.forget_files(scope=system_scope(partner), days=settings.IMPORT_FILE_DAYS)
