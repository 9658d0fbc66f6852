"""Previews: rows of a further kind, or proposals, are imported as a trial, which is rolled back."""

import logging
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.utils import translation

from accounts.models import Partner
from accounts.scope import Scope, partner_scope, system_scope
from imports.checks import Step
from imports.connected import Decision, ReadFile, import_connected
from imports.mapping import WrongMapping
from imports.pipeline import Outcome
from imports.tables import UnreadableFile
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import CONNECTION_RUN, session_lock
from partner_portal.lib.progress import JobProgress
from sources.answers import account_of, mapping_of, settings_of
from sources.credentials import SecretUnreadable
from sources.guards import points_of
from sources.models import Connection, KindPreview
from sources.proposals import proposals
from sources.run_files import TableFile, clean_folder, remove_folder
from sources.runs import access_of, with_token
from sources.source import JsonObject, Settings, SourceError, TableSpec, source_of

log = logging.getLogger(__name__)

SAMPLE = 8  # rows that are shown
PROBLEMS = 5
RETRIED_AFTER = timedelta(minutes=3)  # its worker or its message is gone
GIVEN_UP_AFTER = timedelta(minutes=15)


def make_preview(*, partner: Partner, preview_id: int) -> bool:
    """Compute and store a preview. False when nobody asks for it any more."""
    with partner_scope(partner):
        preview = KindPreview.objects.select_related("connection").filter(
            partner=partner, pk=preview_id, made_at__isnull=True
        ).first()  # fmt: skip
    if preview is None:
        return False
    step = JobProgress("preview", preview_id)
    result: JsonObject
    with translation.override(preview.language or partner.language):
        try:
            result = (_of_kind if preview.proposals is None else _of_proposals)(partner, preview, step)
        except SourceError as error:
            result = {"why": error.code, "details": error.details}
        except SecretUnreadable:
            result = {"why": "key_missing"}
        except (UnreadableFile, WrongMapping):
            result = {"why": "blocked"}
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("The preview of %s of connection %s failed.", preview.kind, preview.connection_id)
            result = {"why": "unexpected"}
    step.forget()
    with partner_scope(partner):
        asked = KindPreview.objects.filter(partner=partner, pk=preview.pk, asked_at=preview.asked_at)
        return bool(asked.update(result=result, made_at=clock.now()))


def unfinished() -> QuerySet[KindPreview]:
    """Previews of all partners that no worker has made in time. For `accounts.scope.partners_with`."""
    return KindPreview.objects.filter(made_at__isnull=True, asked_at__lte=clock.now() - RETRIED_AFTER)


def retry_unfinished(*, partner: Partner) -> list[int]:
    """Primary keys of the partner's previews to enqueue again. Those that waited too long end with the reason."""
    with partner_scope(partner):
        late = unfinished().filter(partner=partner)
        late.filter(asked_at__lte=clock.now() - GIVEN_UP_AFTER).update(made_at=clock.now(), result={"why": "no_worker"})
        return list(late.values_list("pk", flat=True))


def _of_kind(partner: Partner, preview: KindPreview, step: Step) -> JsonObject:
    """What the kind would make, read from the vendor.

    Raises SourceError, SecretUnreadable, UnreadableFile, WrongMapping.
    """
    with session_lock(CONNECTION_RUN, preview.connection_id) as side:
        if side is None:
            return {"why": "busy"}
        try:
            return _read(partner, preview, step)
        finally:
            remove_folder(preview.connection_id)


def _read(partner: Partner, preview: KindPreview, step: Step) -> JsonObject:
    connection, kind = preview.connection, preview.kind
    source = source_of(connection.vendor)
    document = connection.answers | {
        "answers": connection.answers.get("answers", {}) | preview.answers,
        "more": {kind: connection.answers.get("more", {}).get(kind) or clock.today(partner.time_zone).isoformat()},
    }
    settings = replace(settings_of(document, account_of(connection.account)), accept_all=True)
    spec = next(spec for spec in source.tables(settings) if spec.kind == kind and spec.full_only)
    access = access_of(partner, connection)
    if source.needs_token:
        access = with_token(access, connection)
    into = TableFile(clean_folder(connection.pk), spec)
    with source.reading(access, settings, {}) as reading, closing(into):
        seen = reading.read(spec, None, frozenset(), into, step)
    with partner_scope(partner):
        return _result(seen.rows, _tried(system_scope(partner), connection, spec, settings, into, step))


def _of_proposals(partner: Partner, preview: KindPreview, step: Step) -> JsonObject:
    """What confirming proposals would do. Raises UnreadableFile, WrongMapping."""
    connection = preview.connection
    settings = settings_of(connection.answers)
    specs = source_of(connection.vendor).tables(settings)
    spec = next((spec for spec in specs if spec.kind == preview.kind and spec.decided), None)
    if spec is None:  # switched off meanwhile
        return {"why": "blocked"}
    with partner_scope(partner), tempfile.TemporaryDirectory() as folder:  # the connection's own may be in use by a run
        scope = system_scope(partner)
        rows = list(proposals(scope, connection, preview.kind).filter(pk__in=preview.proposals or ()))
        into = TableFile(Path(folder), spec)
        with closing(into):
            for proposal in rows:
                into.row({name: proposal.row[name] for name in spec.header if name in proposal.row})
        return _result(len(rows), _tried(scope, connection, spec, settings, into, step))


def _tried(
    scope: Scope, connection: Connection, spec: TableSpec, settings: Settings, file: TableFile, step: Step
) -> Outcome | None:
    """The outcome of importing a table's file, of which nothing stays. None when the file cannot be used."""
    step("checking", 0, 0)
    result = import_connected(
        scope=scope,
        connection_id=connection.pk,
        origin=connection.label,
        files=[ReadFile(file.path, f"{spec.name}.csv", spec.kind, mapping_of(spec, settings, connection.label))],
        complete=(),
        gone={},
        decide=lambda _outcome: Decision(drop=True),
        step=step,
    )
    return result.outcome


def _result(rows: int, outcome: Outcome | None) -> JsonObject:
    """A preview in its stored form. rows: how many were read."""
    if outcome is None or outcome.checked.blocked:
        return {"why": "blocked"}
    before, after = points_of(outcome)
    counts = outcome.counts.values()
    problems = [problem.message for of_file in outcome.checked.problems for problem in of_file]
    return {
        "rows": rows,
        "new": sum(count.new for count in counts),
        "changed": sum(count.changed for count in counts),
        "left_out": sum(map(len, outcome.checked.bad_rows)),
        "problems": list(dict.fromkeys(problems))[:PROBLEMS],
        "points": {"before": str(before), "after": str(after)},
        "sample": _sample(outcome),
    }


def _sample(outcome: Outcome) -> JsonObject:
    """Columns and first rows that would be written, as in files."""
    [of_kind] = outcome.checked.kinds
    rows = of_kind.texts.loc[of_kind.good.index[:SAMPLE]]
    columns = [name for name in rows.columns if (rows[name] != "").any()]
    return {"columns": columns, "rows": [[str(cell) for cell in row] for row in rows[columns].itertuples(index=False)]}
