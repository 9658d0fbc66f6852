"""Locks a batch for a step, or rejects the step when the batch's state does not allow it (`NotNow`)."""

from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.roles import Permission
from accounts.scope import Scope
from imports.models import BatchStatus, ImportBatch

OPEN_FOR_MAPPING = (BatchStatus.CHOOSING, BatchStatus.CHECKED)
UNDECIDED = (BatchStatus.CHOOSING, BatchStatus.CHECKING, BatchStatus.CHECKED)


class NotNow(Exception):  # noqa: N818 -- it says when, not what went wrong
    """The batch is not in a state for this step; the message names its state."""


def locked(scope: Scope, batch_id: int, *states: BatchStatus) -> ImportBatch:
    """The batch, locked until the transaction ends. Raises NotNow when it is in none of the states, as after a double click."""
    scope.require(Permission.IMPORT)
    batch = ImportBatch.objects.select_for_update().get(partner=scope.partner, pk=batch_id)
    if batch.status not in states:
        raise NotNow(_("Import %(batch)s: %(state)s") % {"batch": batch, "state": batch.get_status_display()})
    return batch


def to_next_step(batch: ImportBatch) -> None:
    """Set the next state of a batch: it waits for answers that are missing, or is checked."""
    batch.refresh_from_db()
    open_ = batch.tables.filter(left_out=False).filter(Q(kind="") | Q(unmapped=True)).exists()
    batch.status = BatchStatus.CHOOSING if open_ else BatchStatus.CHECKING
    batch.queued_at, batch.started_at, batch.attempts, batch.note = Now(), None, 0, ""
    batch.save()
