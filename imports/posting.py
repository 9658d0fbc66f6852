"""Updates what depends on facts, within the transaction that wrote them."""

from collections.abc import Callable

from accounts.scope import Scope
from accounts.services import bump_generation
from imports.checks import Step
from imports.models import ImportBatch, ImportChange
from partner_portal.lib.db import analyze
from partner_portal.lib.rows.events import commit_facts
from partner_portal.lib.rows.facts import kinds


def post_rows(scope: Scope, client_ids: set[int], *, rows: int, batch_id: int, step: Step) -> dict[str, object]:
    """Post the written rows of these clients, and refresh caches and the statistics of the tables they are in.

    Returns the ledger's summary.
    """
    if rows:
        bump_generation(scope)
    if rows >= analyze.MANY_ROWS:
        analyze.analyze_tables([ImportChange, *(kind.model for kind in kinds())])
    step("posting", 0, 0)
    return post_facts(scope, client_ids, batch_id=batch_id, step=step)


def post_facts(scope: Scope, client_ids: set[int], *, batch_id: int, step: Step) -> dict[str, object]:
    """Announce that facts of these clients changed. Returns the ledger's summary."""
    progress = within_phase(step, "posting", 0, 0)
    return commit_facts(ImportBatch, scope=scope, client_ids=client_ids, batch_id=batch_id, progress=progress)


def within_phase(step: Step, phase: str, before: int, total: int) -> Callable[..., None]:
    """Report progress of a part of a phase, before which `before` of `total` rows were done."""

    def report(done: int, of: int = total) -> None:
        step(phase, before + done, of)

    return report
