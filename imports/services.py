"""Steps in the life of a batch, each in one transaction and with its audit event."""

import hashlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import cast

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope, partner_scope
from imports.batch_states import UNDECIDED, NotNow, locked, to_next_step
from imports.checks import Step
from imports.effects import Effects, effects_data, effects_of
from imports.mapping_steps import apply_remembered, kind_by_header, unmapped_tables
from imports.models import FILE_FOLDER, BatchStatus, ChangeAction, ImportBatch, ImportChange, ImportFile, file_folder
from imports.pipeline import TEXT_ENDINGS, carry_out, ending_of, sheets_of, silent
from imports.queries import get_batch, tables_to_read, undone_by, withdrawal_plan
from imports.results import HIDDEN_SHEET, add_tables, finish, finish_undo, points_summary, save_findings
from imports.stored_tables import plain_file, read_sources
from imports.tables import UnreadableFile
from imports.undo import UndoOutcome, revert_import
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db.locks import IMPORT_BATCH, PARTNER_FACTS, held_keys, lock_if_free
from partner_portal.lib.progress import JobProgress
from partner_portal.lib.rows.events import import_discarded, noteworthy

MOST_ATTEMPTS = 3
LOST = timedelta(minutes=5)  # a batch that no worker took within this time is enqueued again
_STRAY_AFTER = timedelta(days=1)
_DOUBLE_CLICK = timedelta(minutes=1)
_BYTES_A_ROW = 120  # of a file with as many rows as an undo restores
_PACKED = 5  # a workbook unpacks to this many times its size, and its XML is this many times as long as CSV


@transaction.atomic
def upload(*, scope: Scope, files: Sequence[UploadedFile]) -> ImportBatch:
    """Store the files as a new batch. It is checked next, unless a person has to choose the kind of a file first.

    The same files, uploaded twice within a minute, are one batch. Raises UnreadableFile when a workbook cannot be opened.
    """
    scope.require(Permission.IMPORT)
    digests = [_digest(uploaded) for uploaded in files]
    named = [(uploaded.name or "", digest) for uploaded, digest in zip(files, digests, strict=True)]
    if earlier := _just_uploaded(scope, named):
        return earlier
    batch = ImportBatch.objects.create(
        partner=scope.partner, user=scope.user, status=BatchStatus.CHECKING, queued_at=Now()
    )
    saved: list[ImportFile] = []
    try:
        for uploaded, digest in zip(files, digests, strict=True):
            row = ImportFile(
                partner=scope.partner, batch=batch, name=uploaded.name or "", size=uploaded.size or 0, sha256=digest
            )
            try:
                sheets, row.unpacked = sheets_of(row.name, plain_file(uploaded))
            except UnreadableFile as error:
                error.name = row.name
                raise
            uploaded.seek(0)
            row.file.save(row.name, uploaded, save=False)
            saved.append(row)
            row.save()
            add_tables(batch, row, sheets, ask_hidden=True)
    except Exception:
        for row in saved:
            row.file.delete(save=False)
        raise
    for table in batch.tables.select_related("file").filter(kind="", left_out=False):
        if HIDDEN_SHEET not in table.notices and (key := kind_by_header(scope, table)):
            table.kind = key
            table.save(update_fields=["kind"])
    if batch.tables.filter(kind="", left_out=False).exists():
        batch.status = BatchStatus.CHOOSING
        batch.save(update_fields=["status"])
    audit.record(scope, "import.uploaded", str(batch), files=len(files))
    return batch


def _just_uploaded(scope: Scope, files: list[tuple[str, str]]) -> ImportBatch | None:
    """The undecided batch that the same person made of the same files within the last minute: a double click."""
    batch = ImportBatch.objects.filter(partner=scope.partner, user=scope.user).order_by("-id").first()
    if batch is None or batch.status not in UNDECIDED or now() - batch.created_at > _DOUBLE_CLICK:
        return None
    same = sorted(batch.files.values_list("name", "sha256")) == sorted(files)
    return batch if same else None


def _digest(uploaded: UploadedFile) -> str:
    digest = hashlib.sha256()
    for chunk in uploaded.chunks():
        digest.update(chunk)
    uploaded.seek(0)
    return digest.hexdigest()


@transaction.atomic
def check_batch(*, scope: Scope, batch_id: int, step: Step = silent) -> ImportBatch:
    """Read and check the batch's files and try to write them. Only the outcome is stored.

    When a file has other columns than ours, the batch waits for a mapping instead. It is not locked meanwhile, so that it
    can be discarded. Raises NotNow when it was, or is not to be checked.
    """
    batch = get_batch(scope, batch_id)
    if batch.undoes_id:
        return _check_undo(scope, batch, step)
    tables = tables_to_read(scope, batch_id)
    apply_remembered(scope, tables)
    sources = read_sources(tables, step)
    unmapped = unmapped_tables(scope, tables, sources)
    if unmapped:
        batch = locked(scope, batch_id, BatchStatus.CHECKING)
        batch.tables.filter(pk__in=unmapped).update(unmapped=True)
        to_next_step(batch)
        return batch
    outcome = carry_out(
        scope,
        sources,
        batch_id=batch_id,
        plan=withdrawal_plan(batch),
        accept=lambda _: False,
        trying=True,
        step=step,
    )
    batch = locked(scope, batch_id, BatchStatus.CHECKING)
    save_findings(batch, tables, outcome)
    batch.preview = points_summary(outcome.points)
    batch.status = BatchStatus.CHECKED
    batch.checked_at = Now()
    batch.save()
    return batch


@transaction.atomic
def request_commit(
    *,
    scope: Scope,
    batch_id: int,
    skip_bad_rows: bool,
    allowed_withdrawals: int | None = None,
    rest: bool = False,
) -> ImportBatch:
    """Request that the batch is written. Raises NotNow, also when it has bad rows that are not to be left out.

    allowed_withdrawals: the number that a person confirmed, where complete files would withdraw many rows. rest: of an undo,
    that rows which others changed since stay as they are.
    """
    batch = locked(scope, batch_id, BatchStatus.CHECKED)
    effects = effects_of(batch)
    if effects.to_confirm > (allowed_withdrawals or 0):
        raise NotNow(_("Many rows would be withdrawn. Confirm their number first."))
    if effects.left and not rest:
        raise NotNow(_("Some rows were changed since. Choose to undo the rest, or leave everything as it is."))
    batch.allowed_withdrawals = allowed_withdrawals
    batch.rest = rest
    if batch.blocked:
        raise NotNow(_("A file cannot be used as it is. Correct it and upload the files again."))
    if batch.errors and not skip_bad_rows:
        raise NotNow(_("There are bad rows. Correct them and upload the files again, or choose to leave them out."))
    batch.skip_bad_rows = bool(batch.errors)
    batch.status = BatchStatus.COMMITTING
    batch.queued_at, batch.started_at, batch.attempts, batch.note = Now(), None, 0, ""
    batch.save()
    return batch


@transaction.atomic
def commit_batch(*, scope: Scope, batch_id: int, step: Step = silent) -> ImportBatch:
    """Write the batch, after checking it again: other imports may have been written in between.

    When the errors are no longer those that the user saw, nothing is written and the batch waits for a new decision.
    Raises NotNow, with everything rolled back, when the batch was discarded meanwhile.
    """
    batch = get_batch(scope, batch_id)
    if batch.undoes_id:
        return _commit_undo(scope, batch, step)
    tables = tables_to_read(scope, batch_id)
    seen, allowed = batch.problems_digest, batch.allowed_withdrawals
    outcome = carry_out(
        scope,
        read_sources(tables, step),
        batch_id=batch_id,
        plan=withdrawal_plan(batch),
        accept=lambda outcome: outcome.digest == seen and outcome.missing.confirmed_by(allowed),
        trying=True,
        step=step,
    )
    batch = locked(scope, batch_id, BatchStatus.COMMITTING)
    if not outcome.written:
        save_findings(batch, tables, outcome)
        batch.preview = points_summary(outcome.points)
        batch.status, batch.checked_at = BatchStatus.CHECKED, Now()
        batch.note = _(
            "Nothing was imported: your data has changed since the check, and with it what is wrong. Look at the errors again."
        )
        batch.save()
        return batch
    finish(scope, batch, tables, outcome)
    return batch


@transaction.atomic
def choose_complete(*, scope: Scope, batch_id: int, kinds: Collection[str]) -> ImportBatch:
    """Set the kinds of which the files have every row (points.md 13), and have the batch checked again. Raises NotNow."""
    batch = locked(scope, batch_id, BatchStatus.CHECKED)
    present = {table.kind for table in tables_to_read(scope, batch_id)}
    batch.complete = sorted(present & set(kinds))
    batch.save(update_fields=["complete"])
    to_next_step(batch)
    return batch


@transaction.atomic
def check_again(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Have a checked batch checked again, since facts were withdrawn or restored meanwhile. Raises NotNow."""
    batch = locked(scope, batch_id, BatchStatus.CHECKED)
    to_next_step(batch)
    return batch


@transaction.atomic
def request_undo(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Create the batch that undoes a written one; it is checked next. Raises NotNow when there is nothing to undo.

    While an undo of the same batch waits for a decision, that one is returned.
    """
    target = locked(scope, batch_id, BatchStatus.COMMITTED)
    if waiting := target.undone_by.filter(status__in=UNDECIDED).first():
        return waiting
    _require_undoable(scope, target)
    batch = ImportBatch.objects.create(
        partner=scope.partner, user=scope.user, undoes=target, status=BatchStatus.CHECKING, queued_at=Now()
    )
    audit.record(scope, "import.undo_requested", str(batch), undoes=str(target))
    return batch


@transaction.atomic
def undo_now(*, scope: Scope, batch_id: int, rest: bool, step: Step = silent) -> tuple[ImportBatch, UndoOutcome]:
    """Undo a written batch at once, for the command. Raises NotNow when there is nothing to undo.

    rest: undo the rows that nobody touched since, where others were; otherwise nothing is undone then.
    """
    target = locked(scope, batch_id, BatchStatus.COMMITTED)
    _require_undoable(scope, target)
    batch = ImportBatch.objects.create(
        partner=scope.partner, user=scope.user, undoes=target, status=BatchStatus.COMMITTING, rest=rest
    )
    outcome = revert_import(
        scope, target, batch_id=batch.pk, accept=lambda outcome: rest or not outcome.left, step=step
    )
    if outcome.written:
        finish_undo(scope, batch, outcome)
    else:
        batch.effects = effects_data(Effects.of_undo(outcome))
        batch.status = BatchStatus.FAILED
        batch.note = _("Nothing was undone: rows of it were changed since.")
        batch.save()
        audit.record(scope, "import.failed", str(batch), left=len(outcome.left))
    return batch, outcome


def _require_undoable(scope: Scope, target: ImportBatch) -> None:
    if not target.recorded:
        raise NotNow(
            _("Import %(batch)s was made before changes were recorded: it cannot be undone.") % {"batch": target}
        )
    undo = undone_by(scope).get(target.pk)
    if undo is not None and not undo.rest:
        raise NotNow(_("Import %(batch)s is undone already, by #%(undo)s.") % {"batch": target, "undo": undo.pk})


def _check_undo(scope: Scope, batch: ImportBatch, step: Step) -> ImportBatch:
    target = get_batch(scope, cast("int", batch.undoes_id))
    outcome = revert_import(scope, target, batch_id=batch.pk, accept=lambda _: False, step=step)
    batch = locked(scope, batch.pk, BatchStatus.CHECKING)
    _save_undo_preview(batch, outcome)
    return batch


def _commit_undo(scope: Scope, batch: ImportBatch, step: Step) -> ImportBatch:
    target = get_batch(scope, cast("int", batch.undoes_id))
    seen, rest = batch.problems_digest, batch.rest
    outcome = revert_import(
        scope,
        target,
        batch_id=batch.pk,
        accept=lambda outcome: outcome.digest == seen and (rest or not outcome.left),
        step=step,
    )
    batch = locked(scope, batch.pk, BatchStatus.COMMITTING)
    if outcome.written:
        finish_undo(scope, batch, outcome)
    else:
        _save_undo_preview(batch, outcome)
        batch.note = _("Nothing was undone: since the check the stored rows have changed.")
        batch.save()
    return batch


def _save_undo_preview(batch: ImportBatch, outcome: UndoOutcome) -> None:
    batch.effects = effects_data(Effects.of_undo(outcome))
    batch.problems_digest = outcome.digest
    batch.preview = points_summary(outcome.points)
    batch.rows = outcome.total(*ChangeAction)
    batch.status, batch.checked_at = BatchStatus.CHECKED, Now()
    batch.save()


@transaction.atomic
def cancel(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Discard a batch that is not written. Raises NotNow."""
    batch = locked(scope, batch_id, *UNDECIDED, BatchStatus.COMMITTING)
    batch.status = BatchStatus.CANCELLED
    batch.save(update_fields=["status"])
    batch.problems.all().delete()
    audit.record(scope, "import.discarded", str(batch))
    import_discarded.send(ImportBatch, scope=scope, batch=batch)
    transaction.on_commit(JobProgress("import", batch_id).request_stop)
    return batch


@transaction.atomic
def requeue(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Requeue a batch that was interrupted or that no worker took. Raises NotNow."""
    batch = locked(scope, batch_id, BatchStatus.CHECKING, BatchStatus.COMMITTING)
    batch.queued_at, batch.started_at, batch.attempts = Now(), None, 0
    batch.save()
    return batch


@transaction.atomic
def start(*, scope: Scope, batch_id: int) -> ImportBatch | None:
    """Claim the batch for a worker; None when nothing is left to do, or when it was tried too often."""
    batch = ImportBatch.objects.select_for_update().filter(partner=scope.partner, pk=batch_id).first()
    if batch is None or batch.status not in (BatchStatus.CHECKING, BatchStatus.COMMITTING):
        return None
    if batch.attempts >= MOST_ATTEMPTS:
        batch.status = BatchStatus.FAILED
        batch.note = _("Nothing was imported: it was interrupted %(times)s times.") % {"times": batch.attempts}
        batch.save()
        _tell_of_failure(scope, batch_id)
        return None
    batch.attempts += 1
    batch.started_at = Now()
    batch.save()
    return batch


@transaction.atomic
def fail(*, scope: Scope, batch_id: int, reason: str) -> None:
    """Store why a batch could not be checked or written. No fact was written."""
    changed = ImportBatch.objects.filter(
        partner=scope.partner, pk=batch_id, status__in=(BatchStatus.CHECKING, BatchStatus.COMMITTING)
    ).update(status=BatchStatus.FAILED, note=reason)
    if changed:
        audit.record(scope, "import.failed", f"#{batch_id}", reason=reason)
        _tell_of_failure(scope, batch_id)


def _tell_of_failure(scope: Scope, batch_id: int) -> None:
    """Tell whoever started the import that it failed."""
    user = ImportBatch.objects.values_list("user", flat=True).get(pk=batch_id)
    noteworthy.send(
        ImportBatch, scope=scope, kind="import_failed", key=str(batch_id), values={"batch": batch_id},
        people=[user] if user else [],
    )  # fmt: skip


def open_batches() -> QuerySet[ImportBatch]:
    """Batches of all partners that a worker processes or should have taken by now."""
    moment = now()
    return ImportBatch.objects.filter(status__in=(BatchStatus.CHECKING, BatchStatus.COMMITTING)).exclude(
        started_at=None, queued_at__range=(moment - LOST, moment + LOST)
    )


def requeue_lost(*, scope: Scope) -> list[int]:
    """Find batches whose worker died or whose message was lost. Returns the ids of those to enqueue again.

    A batch that was started too often fails with its reason when a worker takes it (`start`).
    """
    lost = open_batches().filter(partner=scope.partner).exclude(pk__in=held_keys(IMPORT_BATCH))
    ids = list(lost.values_list("pk", flat=True))
    ImportBatch.objects.filter(pk__in=ids).update(queued_at=Now(), started_at=None)
    return ids


def forgettable(*, days: int) -> tuple[QuerySet[ImportBatch], QuerySet[ImportFile]]:
    """What `forget_files` discards or deletes, of all partners."""
    before = now() - timedelta(days=days)
    undecided = ImportBatch.objects.filter(
        status__in=(BatchStatus.CHOOSING, BatchStatus.CHECKED), created_at__lt=before
    )
    decided = (BatchStatus.COMMITTED, BatchStatus.CANCELLED, BatchStatus.FAILED)
    files = ImportFile.objects.filter(batch__status__in=decided, batch__created_at__lt=before).exclude(file="")
    return undecided, files


def forget_files(*, scope: Scope, days: int) -> int:
    """Discard undecided batches, and delete the contents of files no longer needed, that are older than `days`."""
    undecided, files = forgettable(days=days)
    for batch_id in undecided.filter(partner=scope.partner).values_list("pk", flat=True):
        cancel(scope=scope, batch_id=batch_id)
    forgotten = list(files.filter(partner=scope.partner))
    for row in forgotten:
        row.file.delete(save=True)
    return len(forgotten)


def recent_batches() -> QuerySet[ImportBatch]:
    """The batches of all partners of the last week: whoever's upload was killed has most likely tried again."""
    return ImportBatch.objects.filter(created_at__gte=now() - timedelta(days=7))


def partners_with_files() -> set[int]:
    """The primary keys of the partners that have a folder in the storage: one look at it instead of one a partner."""
    folders = list[str]()
    with suppress(FileNotFoundError):
        folders, _names = default_storage.listdir(FILE_FOLDER)
    return {int(name) for name in folders if name.isdigit()}


def delete_stray_files(*, partner: Partner) -> int:
    """Delete stored files that no row names: their process was killed before it committed. Returns how many.

    Those of the last day are left alone, since a transaction that is still running may name them.
    """
    folder, names = file_folder(partner.pk), list[str]()
    with suppress(FileNotFoundError):
        _folders, names = default_storage.listdir(folder)
    stored = [f"{folder}/{name}" for name in names]
    if not stored:
        return 0
    with partner_scope(partner):
        named = set(ImportFile.objects.filter(partner=partner, file__in=stored).values_list("file", flat=True))
    strays = [path for path in stored if path not in named]
    old = [path for path in strays if default_storage.get_modified_time(path) < now() - _STRAY_AFTER]
    for path in old:
        default_storage.delete(path)
    return len(old)


def fits_into_a_request(*, scope: Scope, batch_id: int) -> bool:
    """Whether checking or writing is short enough for a request: small files, and no other import of the partner running.

    Holds the partner's lock from then on, so that none starts.
    """
    files = ImportFile.objects.filter(partner=scope.partner, batch_id=batch_id)
    undone = ImportChange.objects.filter(partner=scope.partner, batch__undone_by=batch_id)
    weight = undone.count() * _BYTES_A_ROW + sum(
        file.size if ending_of(file.name) in TEXT_ENDINGS else max(file.size * _PACKED, file.unpacked // _PACKED)
        for file in files
    )
    return weight <= settings.IMPORT_INLINE_BYTES and lock_if_free(PARTNER_FACTS, scope.partner.pk)


def process_now(*, scope: Scope, batch_id: int) -> ImportBatch:
    """Check or write the batch, whichever is due; do nothing when neither is."""
    status = ImportBatch.objects.values_list("status", flat=True).get(partner=scope.partner, pk=batch_id)
    if status == BatchStatus.CHECKING:
        return check_batch(scope=scope, batch_id=batch_id)
    if status == BatchStatus.COMMITTING:
        return commit_batch(scope=scope, batch_id=batch_id)
    return ImportBatch.objects.get(partner=scope.partner, pk=batch_id)
