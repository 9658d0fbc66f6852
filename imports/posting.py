"""Has everything that depends on facts follow them, within the transaction that wrote them."""

from collections.abc import Callable

from accounts.scope import Scope
from imports.checks import Step
from imports.models import ImportBatch
from partner_portal.lib.rows.events import commit_facts


def post_facts(scope: Scope, client_ids: set[int], *, batch_id: int, step: Step) -> dict[str, object]:
    """Announce that facts of these clients changed. Returns the ledger's summary."""
    progress = within_phase(step, "posting", 0, 0)
    return commit_facts(ImportBatch, scope=scope, client_ids=client_ids, batch_id=batch_id, progress=progress)


def within_phase(step: Step, phase: str, before: int, total: int) -> Callable[..., None]:
    """Report progress of a part of a phase, before which `before` of `total` rows were done."""

    def report(done: int, of: int = total) -> None:
        step(phase, before + done, of)

    return report
