"""A worker that kills itself at chosen moments of a batch; run by `test_import_faults` in a process of its own.

Each attempt is a child made by `fork`, so that Django starts once. The parent never connects to the database.
"""

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

MOMENTS = ("reading", "withdrawn", "posted", "before commit", "after commit", "again")
SOME = (
    "withdrawn",
    "before commit",
    "after commit",
    "again",
)  # with and without rows written, on both sides of the commit
# Everything that an import or undo writes, but for the batch itself: it counts its attempts.
TABLES = (
    "clients_client", "clients_deal", "clients_service", "clients_cancellation", "clients_mrrmonth", "clients_certification",
    "clients_retentionmonth", "clients_withdrawal", "clients_productline", "renewals_renewal", "commissions_statementline",
    "ledger_pointentry", "ledger_dailypoints", "ledger_clientpoints", "ledger_lot", "imports_importchange",
    "accounts_auditevent",
)  # fmt: skip


def run(partner_id: int, batch_id: int, moments: Sequence[str]) -> None:
    """Write the batch, then an undo of it, with a crash at each of these moments; print the state after each as a line of JSON."""
    import pandas  # noqa: F401 -- imported once, for all children

    import imports.tasks  # noqa: F401

    _in_child(partial(_report, partner_id, batch_id, "written", "before"))
    _crash_at_each(moments, partner_id, batch_id, "written")
    undo_id = int(_in_child(partial(_request_undo, partner_id, batch_id)))
    _in_child(partial(_report, partner_id, undo_id, "undone", "before"))
    _crash_at_each(moments, partner_id, undo_id, "undone")


def _crash_at_each(moments: Sequence[str], partner_id: int, batch_id: int, what: str) -> None:
    for moment in moments:
        killed = _in_child(partial(_process, partner_id, batch_id, moment), dies=moment != "again")
        assert killed == "", killed
        _in_child(partial(_report, partner_id, batch_id, what, moment))


def _in_child(do: Callable[[], object], *, dies: bool = False) -> str:
    """Call it in a child and return what it returned, as text. dies: the child must be killed."""
    text, killed = in_child(do)
    assert killed == dies
    return text


def in_child(do: Callable[[], object]) -> tuple[str, bool]:
    """Call it in a child: what it returned, as text, and whether it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.write(writer, str(do() or "").encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _pid, status = os.waitpid(child, 0)
    return text, os.WIFSIGNALED(status)


def kill_self(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _process(partner_id: int, batch_id: int, moment: str) -> None:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from imports import posting, results, services, undo
    from imports.tasks import process_batch

    real_commit, real_record = BaseDatabaseWrapper._commit, results.audit.record
    reached = False

    def record(*arguments: Any, **values: Any) -> None:
        nonlocal reached
        real_record(*arguments, **values)
        reached = True

    def commit(connection: BaseDatabaseWrapper) -> None:
        if reached and moment == "before commit":
            kill_self()
        real_commit(connection)
        if reached:
            kill_self()

    if moment == "reading":
        services.read_sources = undo._touched_since = kill_self
    elif moment == "withdrawn":
        posting.commit_facts = kill_self
    elif moment == "posted":
        results.audit = SimpleNamespace(record=kill_self)
    elif moment != "again":
        results.audit = SimpleNamespace(record=record)
        BaseDatabaseWrapper._commit = commit
    process_batch(partner_id, batch_id)


def _request_undo(partner_id: int, batch_id: int) -> int:
    from accounts.models import Partner
    from accounts.scope import partner_scope, system_scope
    from imports import services

    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        scope = system_scope(partner)
        undo = services.request_undo(scope=scope, batch_id=batch_id)
        services.check_batch(scope=scope, batch_id=undo.pk)
        services.request_commit(scope=scope, batch_id=undo.pk, skip_bad_rows=False)
        return undo.pk


def _report(partner_id: int, batch_id: int, what: str, moment: str) -> None:
    """Print the state of everything, and have the batch taken up again."""
    from django.db import connection

    from accounts.models import Partner
    from accounts.scope import partner_scope, system_scope
    from imports import services
    from imports.models import ImportBatch
    from ledger.verification import discrepancies
    from partner_portal.lib.db.locks import IMPORT_BATCH, held_keys

    while batch_id in held_keys(IMPORT_BATCH):  # until the server has noticed that the worker is dead
        time.sleep(0.02)
    partner = Partner.objects.get(pk=partner_id)
    state = hashlib.sha256()
    with partner_scope(partner):
        scope = system_scope(partner)
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(
                    f"SELECT stored::text FROM {table} stored WHERE partner_id = %s ORDER BY stored::text",  # noqa: S608
                    [partner_id],
                )
                state.update(repr(cursor.fetchall()).encode())
        status = ImportBatch.objects.get(pk=batch_id).status
        if status == "committing":
            services.requeue(scope=scope, batch_id=batch_id)
        wrong = list(discrepancies(scope))
    print(json.dumps([what, moment, status, state.hexdigest(), wrong]), flush=True)  # noqa: T201
