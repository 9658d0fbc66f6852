"""Signal receivers: a person wrote or discarded an import of a connection."""

from django.dispatch import receiver

from accounts.scope import Scope
from imports.models import ImportBatch
from partner_portal.lib.rows.events import import_discarded, import_written
from sources.models import Connection, Run, RunState
from sources.runs import take_over


@receiver(import_written)
def make_run_good(sender: object, *, scope: Scope, batch: ImportBatch, **_: object) -> None:
    """Receive `import_written`: a person wrote an import that waited, so its run has succeeded."""
    if batch.connection_id is None:
        return
    run = Run.objects.filter(partner=scope.partner, batch_id=batch.pk, state=RunState.WAITS).first()
    if run is None:
        return
    connection = Connection.objects.select_for_update().get(partner=scope.partner, pk=run.connection_id)
    run.why = ""
    take_over(scope, connection, run, batch)


@receiver(import_discarded)
def note_discarded(sender: object, *, scope: Scope, batch: ImportBatch, **_: object) -> None:
    """Receive `import_discarded`: a person discarded an import that waited. The next run reads again."""
    if batch.connection_id is not None:
        waiting = Run.objects.filter(partner=scope.partner, batch_id=batch.pk, state=RunState.WAITS)
        waiting.update(state=RunState.DISCARDED)
