"""Steps of an import in order: read the files, check everything, write or try to. Callers hold the transaction.

A trial is the writing itself, rolled back at the end: the preview says what would happen.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.scope import Scope
from accounts.services import reload_partner
from imports import fact_writer
from imports.change_record import record_withdrawn
from imports.checks import Checked, Source, Step, add_remarks, check
from imports.complete import Missing, WithdrawalPlan, withdraw_missing
from imports.examples import drop_examples
from imports.fact_writer import Counts
from imports.forgotten import Forgotten, find_forgotten
from imports.mapping import Mapping, WrongMapping, known_names
from imports.posting import post_facts, post_rows, within_phase
from imports.reading import Needed, read_table, workbook_contents
from imports.reading_options import LEAVE_OUT, ReadingOptions
from imports.tables import Problem, Table, UnreadableFile, shortened
from partner_portal.lib.db.locks import PARTNER_FACTS, lock
from partner_portal.lib.rows.facts import FactKind, find_kind, kinds

TEXT_ENDINGS = (".csv", ".tsv", ".txt")
WORKBOOK_ENDINGS = (".xlsx", ".xlsm")
ENDINGS = (*TEXT_ENDINGS, *WORKBOOK_ENDINGS)
_FILE_WORDS = {  # in the names of files in English and Dutch
    "deals": "deals deal dealexport",
    "clients": "companies company clients customers bedrijven klanten accounts",
    "renewals": "renewals verlengingen",
    "cancellations": "cancellations opzeggingen",
    "certifications": "certifications certificates certificeringen",
    "statement_lines": "statement statements commission commissions afrekening commissie",
    "mrr_history": "mrr",
    "services": "services diensten",
}
NOTHING_GOES = WithdrawalPlan()
_COPY = re.compile(r"\s*\([0-9]+\)$")  # how browsers name a second download


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a file."""

    name: str  # of the sheet; "" for CSV
    kind: str = ""  # key of the kind that the name stands for; "" for none
    ignored: bool = False  # since other sheets have the names of kinds
    hidden: bool = False


def silent(phase: str, done: int, total: int) -> None:
    """A `Step` that reports no progress."""


def sheets_of(name: str, file: IO[bytes]) -> tuple[list[Sheet], int]:
    """The tables of a file by its name and the names of its sheets, and a workbook's unpacked size in bytes.

    A workbook that is named after a kind, while none of its sheets is, holds that kind on its first sheet.
    Raises UnreadableFile.
    """
    named = find_kind(_COPY.sub("", name.rpartition(".")[0]))
    if ending_of(name) in TEXT_ENDINGS:
        return [Sheet("", named.key if named else "")], 0
    contents = workbook_contents(file)
    sheets = _sheets(contents.sheets, named)
    return [replace(sheet, hidden=sheet.name in contents.hidden) for sheet in sheets], contents.unpacked


def _sheets(names: Sequence[str], named: FactKind | None) -> list[Sheet]:
    named_sheets = [(sheet, find_kind(sheet)) for sheet in names]
    if any(kind for _sheet, kind in named_sheets):
        return [Sheet(sheet, kind.key if kind else "", ignored=kind is None) for sheet, kind in named_sheets]
    if named:
        return [Sheet(sheet, named.key if place == 0 else "", ignored=place > 0) for place, sheet in enumerate(names)]
    return [Sheet(sheet) for sheet in names]


def kind_by_name(name: str) -> str:
    """Key of the kind that a file's name suggests, such as `hubspot-crm-exports-all-deals.csv`; "" for none."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    return next((key for key, names in _FILE_WORDS.items() if words & set(names.split())), "")


def ending_of(name: str) -> str:
    """`.csv`, `.xlsx`, or whatever else the name ends in, in small letters."""
    return "." + name.rpartition(".")[2].lower() if "." in name else ""


def read_source(label: str, kind: FactKind, file: IO[bytes], sheet: str, mapping: Mapping | None = None) -> Source:
    """A table of an open file, with the problems met in it: only the columns of the kind, or of the mapping."""
    import pandas as pd

    file.seek(0)
    options = mapping.reading if mapping else ReadingOptions()
    try:
        table = read_table(file, sheet, _needed(kind, mapping), options, column_names())
    except UnreadableFile as error:
        return Source(label, kind, Table(sheet, [], pd.DataFrame()), error.problem, asks=error.asks)
    source = Source(label, kind, table)
    if table.likely_header:
        accepted = _("a header in row 1; on the imports page you can choose another row")
        message = _("row %(row)s looks like the header, and not this one") % {"row": table.likely_header}
        first = shortened(next(filter(None, table.header), ""))
        source.unreadable, source.asks = Problem(1, "", first, message, accepted), True
    if mapping is None:
        table.rows, examples = drop_examples(table, kind)
        if examples:
            table.notices.append(_("the example row is not imported"))
        if any(table.header) and not {column.name for column in kind.columns if column.required} & set(table.header):
            table.notices.append(_("the columns have other names than ours: match them once on the imports page"))
    table.notices += _hidden_notices(table, options)
    source.asks |= bool(table.hidden_rows and not options.hidden_rows)
    source.asks |= bool(table.hidden_columns and not options.hidden_columns)
    return source


def column_names() -> frozenset[str]:
    """Folded names by which the header of a file is known."""
    return known_names(column.name for kind in kinds() for column in kind.columns)


def _hidden_notices(table: Table, options: ReadingOptions) -> list[str]:
    notices = []
    if table.hidden_rows:
        counted = ngettext("%(rows)s hidden row is counted", "%(rows)s hidden rows are counted", table.hidden_rows)
        left_out = ngettext("%(rows)s hidden row is left out", "%(rows)s hidden rows are left out", table.hidden_rows)
        notice = left_out if options.hidden_rows == LEAVE_OUT else counted
        notices.append(notice % {"rows": table.hidden_rows})
    if table.hidden_columns:
        names = ", ".join(map(shortened, table.hidden_columns))
        notice = (
            _("hidden columns are left out: %(names)s")
            if options.hidden_columns == LEAVE_OUT
            else _("hidden columns are read: %(names)s")
        )
        notices.append(notice % {"names": names})
    return notices


def _needed(kind: FactKind, mapping: Mapping | None) -> Needed:
    names = {column.name for column in kind.columns}

    def places(header: list[str]) -> set[int]:
        wanted = {place for place, name in enumerate(header) if name in names}
        for rule in mapping.columns.values() if mapping else ():
            with suppress(WrongMapping):  # `mapped` raises it
                wanted |= set(rule.places_in(header))
        return wanted

    return places


@dataclass(slots=True)
class Outcome:
    """Result of a check, and of writing or trying to."""

    checked: Checked
    counts: dict[int, Counts] = field(default_factory=dict)  # by source; empty when a file as a whole is wrong
    points: dict[str, object] = field(default_factory=dict)  # summary of the ledger
    missing: Missing = field(default_factory=Missing)  # what complete files withdraw
    points_of_missing: dict[str, object] = field(default_factory=dict)  # summary of posting these withdrawals alone
    forgotten: Forgotten = field(default_factory=Forgotten)  # of the kinds that are not complete
    withdrawn: int = 0  # rows that the writing withdrew
    written: bool = False  # it was not rolled back

    @property
    def digest(self) -> str:
        """Digest of the errors, with their places, and of the rows to withdraw."""
        digest = hashlib.sha256()
        for number, problems in enumerate(self.checked.problems):
            for problem in problems:
                digest.update(repr((number, problem.row, problem.column, problem.value)).encode())
        for key, pks in sorted(self.missing.moved.rows.items()):
            digest.update(repr((key, sorted(pks))).encode())
        return digest.hexdigest()


def carry_out(
    scope: Scope,
    sources: Sequence[Source],
    *,
    batch_id: int,
    plan: WithdrawalPlan = NOTHING_GOES,
    accept: Callable[[Outcome], bool],
    trying: bool,
    step: Step,
    confirm: Callable[[Outcome], bool] = lambda _: True,
) -> Outcome:
    """Withdraw what the plan says, check, and write when `accept` returns True for the outcome.

    What was written stays when `confirm`, which sees the counts and points too, returns True. Otherwise everything is rolled
    back; with `trying` it is written before that, so that the outcome tells what would happen.
    Takes the partner's lock: until the transaction ends, nobody else writes what the checks have read.
    """
    with transaction.atomic():
        outcome = _checked_outcome(scope, sources, batch_id, plan, trying, step)
        outcome.written = not outcome.checked.blocked and accept(outcome)
        if not outcome.checked.blocked and (outcome.written or trying):
            write_checked(scope, outcome, batch_id=batch_id, step=step)
        outcome.written = outcome.written and confirm(outcome)
        if not outcome.written:
            transaction.set_rollback(True)
    if not outcome.written:
        reload_partner(scope)
    return outcome


def _checked_outcome(
    scope: Scope, sources: Sequence[Source], batch_id: int, plan: WithdrawalPlan, trying: bool, step: Step
) -> Outcome:
    step("waiting", 0, 0)
    lock(PARTNER_FACTS, scope.partner.pk)
    missing, forgotten = Missing(), Forgotten()
    points: dict[str, object] = {}

    def compare_keys(checked: Checked) -> None:
        nonlocal missing, forgotten, points
        missing = withdraw_missing(scope, checked, plan, batch_id=batch_id)
        if plan.connection_id is None:  # a window of a live connection has a few rows only
            forgotten = find_forgotten(scope, checked, plan.complete)
        if trying and missing.total:
            points = _tried_posting(scope, missing, batch_id)

    checked = check(
        sources,
        scope=scope,
        stored_keys=lambda kind, texts: fact_writer.stored_keys(scope, kind, texts),
        step=step,
        after_reading=compare_keys,
    )
    return Outcome(checked, missing=missing, points_of_missing=points, forgotten=forgotten)


def _tried_posting(scope: Scope, missing: Missing, batch_id: int) -> dict[str, object]:
    """Post the withdrawals alone and roll it back. Returns the summary."""
    with transaction.atomic():
        points = post_facts(scope, set(missing.moved.client_ids), batch_id=batch_id, step=silent)
        transaction.set_rollback(True)
    reload_partner(scope)
    return points


def write_checked(scope: Scope, outcome: Outcome, *, batch_id: int, step: Step) -> None:
    """Write the good rows and have the ledger posted. Needs the partner's lock."""
    moved = outcome.missing.moved
    client_ids = set(moved.client_ids)
    total = sum(len(rows.values) for rows in outcome.checked.kinds)
    before = 0
    for rows in outcome.checked.kinds:
        written = fact_writer.write(
            scope,
            rows,
            within_phase(step, "writing", before, total),
            batch_id=batch_id,
            withdrawal_id=moved.withdrawal_id,
        )
        if rows.kind.after_writing:
            rows.kind.after_writing(scope, rows.good)
        outcome.counts |= written.counts
        client_ids |= written.client_ids
        before += len(rows.values)
    add_remarks(scope, outcome.checked)
    outcome.withdrawn = sum(record_withdrawn(moved, partner=scope.partner.pk, batch_id=batch_id).values())
    changed = outcome.withdrawn + sum(counts.new + counts.changed for counts in outcome.counts.values())
    outcome.points |= post_rows(scope, client_ids, rows=changed, batch_id=batch_id, step=step)


def phase_text(phase: str) -> str:
    """Name of a phase on the page."""
    return {
        "reading": _("Reading the files"),
        "waiting": _("Waiting for another import to finish"),
        "checking": _("Checking the rows"),
        "comparing": _("Comparing with later imports"),
        "writing": _("Comparing and importing the rows"),
        "posting": _("Posting the points"),
    }.get(phase, _("Working"))
