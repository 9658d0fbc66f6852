"""What rows of a kind would make: they are imported as a trial, which is rolled back."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from django.utils import translation

from accounts.models import Partner
from accounts.scope import Scope, partner_scope, system_scope
from imports.checks import Step
from imports.connected import Decision, ReadFile, import_connected
from imports.mapping import WrongMapping
from imports.pipeline import Outcome, silent
from imports.tables import UnreadableFile
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import CONNECTION_RUN, session_lock
from sources.answers import account_of, mapping_of, settings_of
from sources.credentials import SecretUnreadable
from sources.guards import points_of
from sources.models import Connection, KindPreview
from sources.run_files import TableFile, clean_folder, remove_folder
from sources.runs import access_of, with_token
from sources.source import JsonObject, Seen, Settings, SourceError, TableSpec, source_of

log = logging.getLogger(__name__)
SAMPLE = 8  # rows that are shown


def make_preview(*, partner: Partner, connection_id: int, kind: str, step: Step) -> bool:
    """Read a kind from the vendor and store what it would make. False when nobody asks for it any more."""
    with partner_scope(partner):
        preview = KindPreview.objects.select_related("connection").filter(
            partner=partner, connection=connection_id, kind=kind, made_at__isnull=True
        ).first()  # fmt: skip
    if preview is None:
        return False
    result: JsonObject
    with session_lock(CONNECTION_RUN, connection_id) as side:
        try:
            result = _made(partner, preview, step) if side else {"why": "busy"}
        except SourceError as error:
            result = {"why": error.code, "details": error.details}
        except SecretUnreadable:
            result = {"why": "key_missing"}
        except (UnreadableFile, WrongMapping):
            result = {"why": "blocked"}
        except Exception:
            log.exception("The preview of %s of connection %s failed.", kind, connection_id)
            result = {"why": "unexpected"}
        finally:
            if side:
                remove_folder(connection_id)
    with partner_scope(partner):
        asked = KindPreview.objects.filter(partner=partner, pk=preview.pk, asked_at=preview.asked_at)
        return bool(asked.update(result=result, made_at=clock.now()))


def _made(partner: Partner, preview: KindPreview, step: Step) -> JsonObject:
    """Raises SourceError, SecretUnreadable, UnreadableFile, WrongMapping."""
    connection, kind = preview.connection, preview.kind
    source = source_of(connection.vendor)
    document = connection.answers | {
        "answers": connection.answers.get("answers", {}) | preview.answers,
        "more": {kind: connection.answers.get("more", {}).get(kind) or clock.today(partner.time_zone).isoformat()},
    }
    settings = replace(settings_of(document, account_of(connection.account)), accept_all=True)
    spec = next(each for each in source.tables(settings) if each.kind == kind and each.full_only)
    access = access_of(partner, connection)
    if source.needs_token:
        access = with_token(access, connection)
    into = TableFile(clean_folder(connection.pk), spec)
    with source.reading(access, settings, {}) as reading, closing(into):
        seen = reading.read(spec, None, frozenset(), into, step)
    step("checking", 0, 0)
    with partner_scope(partner):
        scope = system_scope(partner)
        with translation.override(scope.locale):
            outcome = tried(scope, connection, spec, settings, into)
    return result_of(seen, outcome)


def try_proposals(
    scope: Scope, connection: Connection, spec: TableSpec, rows: Sequence[Mapping[str, str]]
) -> Outcome | None:
    """What proposals, as rows of the table's file, would make; in the caller's transaction."""
    with tempfile.TemporaryDirectory() as folder:  # the connection's own may be in use by a run
        into = TableFile(Path(folder), spec)
        with closing(into):
            for row in rows:
                into.row({name: row[name] for name in spec.header if name in row})
        return tried(scope, connection, spec, settings_of(connection.answers), into)


def tried(scope: Scope, connection: Connection, spec: TableSpec, settings: Settings, file: TableFile) -> Outcome | None:
    """The outcome of importing a table's file, of which nothing stays. None when the file cannot be used."""
    result = import_connected(
        scope=scope,
        connection_id=connection.pk,
        origin=connection.label,
        files=[ReadFile(file.path, f"{spec.name}.csv", spec.kind, mapping_of(spec, settings, connection.label))],
        complete=(),
        gone={},
        decide=lambda _outcome: Decision(drop=True),
        step=silent,
    )
    return result.outcome


def result_of(seen: Seen, outcome: Outcome | None) -> JsonObject:
    """A preview in its stored form."""
    if outcome is None or outcome.checked.blocked:
        return {"why": "blocked"}
    before, after = points_of(outcome)
    counts = outcome.counts.values()
    return {
        "rows": seen.rows,
        "new": sum(count.new for count in counts),
        "changed": sum(count.changed for count in counts),
        "left_out": sum(map(len, outcome.checked.bad_rows)),
        "problems": [problem.message for problems in outcome.checked.problems for problem in problems[:3]][:3],
        "points": {"before": str(before), "after": str(after)},
        "sample": _sample(outcome),
    }


def _sample(outcome: Outcome) -> JsonObject:
    """Columns and first rows that would be written, as in files."""
    [of_kind] = outcome.checked.kinds
    rows = of_kind.texts.loc[of_kind.good.index[:SAMPLE]]
    columns = [name for name in rows.columns if (rows[name] != "").any()]
    return {"columns": columns, "rows": [[str(cell) for cell in row] for row in rows[columns].itertuples(index=False)]}
