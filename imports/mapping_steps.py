"""Steps between an upload and its check: kinds of tables, and mappings of their columns, which are remembered.

Each step runs in one transaction, and the batch is checked as soon as no answer is missing.
"""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from imports.batch_states import OPEN_FOR_MAPPING, locked, to_next_step
from imports.cells.vocabulary import folded
from imports.checks import Source
from imports.mapping import Mapping as ColumnMapping
from imports.mapping import WrongMapping, fingerprint
from imports.models import BatchStatus, ImportBatch, ImportTable, RememberedMapping
from imports.pipeline import kind_by_name
from imports.queries import get_remembered, remembered, required, rules_of, saved_mappings, typed_mapping
from imports.stored_tables import header_as, header_of, headers_of, sample_table
from imports.tables import UnreadableFile
from partner_portal.lib.rows.facts import kind, kinds


@transaction.atomic
def choose_kinds(*, scope: Scope, batch_id: int, kinds: Mapping[int, str]) -> ImportBatch:
    """Set the kinds of tables: keys of kinds by table, "" to leave the table out. Raises NotNow."""
    batch = locked(scope, batch_id, BatchStatus.CHOOSING)
    for table in batch.tables.select_related("file").filter(kind="", left_out=False):
        table.kind = kinds.get(table.pk, "")
        table.left_out = not table.kind
        table.unmapped = bool(table.kind and set(required(kind(table.kind))) - set(header_of(table)))
        table.save(update_fields=["kind", "left_out", "unmapped"])
    to_next_step(batch)
    return batch


@transaction.atomic
def map_table(*, scope: Scope, batch_id: int, table_id: int, mapping: ColumnMapping) -> ImportBatch:
    """Set the mapping of a table, and remember it for the partner's next file with this header.

    A batch that was checked is checked again. Raises NotNow, WrongMapping for one that does not fit the file.
    """
    batch = locked(scope, batch_id, *OPEN_FOR_MAPPING)
    table = batch.tables.select_related("file").get(pk=table_id)
    header = header_as(table, mapping.reading)
    if mapping.kind != table.kind or mapping.missing(required(kind(table.kind)), header):
        raise WrongMapping(_("Required columns have no source."))
    table.mapping = {**mapping.as_data(), "zone": scope.partner.time_zone}
    table.unmapped = table.left_out = False
    table.save(update_fields=["mapping", "unmapped", "left_out"])
    row, _created = RememberedMapping.objects.update_or_create(
        partner=scope.partner,
        kind=table.kind,
        fingerprint=fingerprint(header),
        defaults={"name": table.label, "data": mapping.as_data(), "user": scope.user, "saved_at": Now()},
    )
    audit.record(scope, "import.mapping_remembered", str(row), batch=str(batch))
    to_next_step(batch)
    return batch


@transaction.atomic
def leave_out(*, scope: Scope, batch_id: int, table_id: int) -> ImportBatch:
    """Leave a table whose columns are not ours out of the batch. Raises NotNow."""
    batch = locked(scope, batch_id, *OPEN_FOR_MAPPING)
    batch.tables.filter(pk=table_id).update(left_out=True, unmapped=False, rows=0, errors=0, bad_rows=0)
    to_next_step(batch)
    return batch


@transaction.atomic
def reset_kind(*, scope: Scope, batch_id: int, table_id: int) -> ImportBatch:
    """Clear the kind and the mapping of a table. Raises NotNow."""
    batch = locked(scope, batch_id, *OPEN_FOR_MAPPING)
    batch.tables.filter(pk=table_id).update(kind="", mapping=None, unmapped=False)
    to_next_step(batch)
    return batch


@transaction.atomic
def forget_mapping(*, scope: Scope, mapping_id: int) -> None:
    """Delete a remembered mapping; batches that used it are unchanged. Raises Http404."""
    scope.require(Permission.IMPORT)
    row = get_remembered(scope, mapping_id)
    row.delete()
    audit.record(scope, "import.mapping_forgotten", str(row))


def proposed_kinds(scope: Scope, tables: Sequence[ImportTable]) -> dict[int, str]:
    """Keys of the kinds proposed for tables, by table: of the kinds whose columns are all there, the one that needs most.

    With other columns, the kind of a mapping that fits: remembered ones, newest first, before those that ship. Then the kind
    that the file's name suggests, and last one of which people type tables with such columns.
    """
    proposed = {}
    typed = [typed_mapping(kind_) for kind_ in kinds()]
    known = [mapping for kind_ in kinds() for mapping in saved_mappings(scope, kind_)] if tables else []
    headers = headers_of(tables)
    for table in tables:
        header = headers[table.pk]
        names = set(map(folded, header))
        fitting = [(len(needed), kind_.key) for kind_ in kinds() if (needed := set(required(kind_))) <= names]
        by_name = kind_by_name(table.label)
        by_mapping, by_typed = (
            [mapping.kind for mapping in mappings if mapping.proposes(required(kind(mapping.kind)), header)]
            for mappings in (known, typed)
        )
        guesses = [max(fitting)[1]] if fitting else [*by_mapping, by_name, *by_typed]
        proposed[table.pk] = next(filter(None, guesses), "")
    return proposed


def kind_by_header(scope: Scope, table: ImportTable) -> str:
    """The kind whose mapping is remembered for just this header; "" for none, or for several."""
    header = header_of(table)
    rows = remembered(scope).filter(fingerprint=fingerprint(header)) if header else remembered(scope).none()
    keys = set(rows.values_list("kind", flat=True))
    return keys.pop() if len(keys) == 1 else ""


def apply_remembered(scope: Scope, tables: Sequence[ImportTable]) -> None:
    """Give tables without a mapping the one of the last file of their kind with the same header, unless it cannot fit.

    It cannot when a cell is a day or number only in another form: then a person is asked.
    """
    for table in tables:
        header = [] if table.mapping else header_of(table)
        row = remembered(scope).filter(kind=table.kind, fingerprint=fingerprint(header)).first() if header else None
        if row is None:
            continue
        mapping = rules_of(row)
        try:
            sample = sample_table(table, mapping.reading)
            fits = not any(
                rule.contradicted_by(example.text for example in sample.examples[place])
                for rule in mapping.columns.values()
                if (place := rule.place_in(sample.header)) is not None
            )
        except (UnreadableFile, WrongMapping):
            continue
        if fits and not mapping.missing(required(kind(table.kind)), sample.header):
            table.mapping = {**mapping.as_data(), "zone": scope.partner.time_zone}
            table.save(update_fields=["mapping"])


def unmapped_tables(scope: Scope, tables: Sequence[ImportTable], sources: Sequence[Source]) -> list[int]:
    """Tables whose columns are not ours: none of the required ones is there by name, or a known mapping fits.

    Where only some required columns are missing, the check reports them.
    """
    unmapped = []
    for table, source in zip(tables, sources, strict=True):
        if source.asks:
            unmapped.append(table.pk)
            continue
        needed, header = required(source.kind), source.table.header
        if table.mapping or source.unreadable or not set(needed) - set(header):
            continue
        known = [*saved_mappings(scope, source.kind), typed_mapping(source.kind)]
        if not set(needed) & set(header) or any(mapping.proposes(needed, header) for mapping in known):
            unmapped.append(table.pk)
    return unmapped
