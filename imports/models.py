"""Imports: uploaded files, their errors, and what they changed. The facts are models of their own apps."""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User


class BatchStatus(models.TextChoices):
    """State of a batch, with labels for use within a sentence.

    One in CHECKING or COMMITTING waits for a worker until `started_at` is set.
    """

    CHOOSING = "choosing", _("needs your input")
    CHECKING = "checking", _("being checked")
    CHECKED = "checked", _("not imported yet")
    COMMITTING = "committing", _("being imported")
    COMMITTED = "committed", _("imported")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class ImportBatch(models.Model):
    """An import: files that are written together or not at all. The ledger's entries refer to it by its number.

    rows, bad_rows, errors: of all files; bad_rows were left out when the batch was written with `skip_bad_rows`.
    added, changed, withdrawn: stored rows that writing changed so; a withdrawn row that came back counts as added.
    recorded:  every change of a row is an `ImportChange`, so that the batch can be undone.
    undoes:    the import that this one undoes; it then has no files. rest: rows that others changed since stay as they are.
    connection_id, origin: number and name of the live connection that made it; null and "" for others.
    gone:      rows that the connection knows to be gone: lists of primary keys by kind.
    complete:  keys of the kinds whose stored rows are withdrawn when the files do not have them (points.md 13).
    allowed_withdrawals: how many a person has confirmed; null for none.
    blocked:   a file as a whole is wrong: leaving out rows does not help.
    problems_digest: digest of the errors of the check; the errors at writing must be the same.
    effects:   `imports.effects.Effects` as JSON: rows that are withdrawn, and rows that an undo leaves as they are.
    preview, points: the ledger's summary of the trial and of the writing: points before and after, entries, corrections.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    status = models.CharField(max_length=10, choices=BatchStatus, default=BatchStatus.CHOOSING)
    created_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    committed_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    skip_bad_rows = models.BooleanField(default=False)
    blocked = models.BooleanField(default=False)
    rows = models.PositiveIntegerField(default=0)
    bad_rows = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    recorded = models.BooleanField(default=False)
    undoes = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="undone_by")
    rest = models.BooleanField(default=False)
    connection_id = models.BigIntegerField(null=True)
    origin = models.CharField(max_length=120, blank=True)
    gone = models.JSONField(default=dict)
    complete = models.JSONField(default=list)
    allowed_withdrawals = models.PositiveIntegerField(null=True)
    effects = models.JSONField(default=dict)
    problems_digest = models.CharField(max_length=64, blank=True)
    preview = models.JSONField(default=dict)
    points = models.JSONField(default=dict)
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=BatchStatus.values), name="batch_status_known")
        ]
        indexes = [
            models.Index(fields=["partner", "-id"]),
            models.Index(
                fields=["status"], condition=models.Q(status__in=["checking", "committing"]), name="batch_open"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def changes(self) -> int:
        """Number of rows that writing changed."""
        return self.added + self.changed + self.withdrawn


class ChangeAction(models.TextChoices):
    """What an import did to a stored row."""

    ADDED = "added", _("Added")
    CHANGED = "changed", _("Changed")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    RESTORED = "restored", _("Restored")


class ImportChange(models.Model):
    """What one import did to one stored row. Ids are in the order of writing: partners are written by one import at a time.

    fact_id: primary key of the row in the table of its kind, which never deletes rows.
    before: earlier values of the columns that changed, by name in the database, with `withdrawal_id` where that changed; null
            for a row that was added. A value after the change is that of `before` of the row's next change, or the stored one.
    withdrawal_id: what the row is withdrawn by after the change; null when it counts.
    """

    partner = models.ForeignKey(
        Partner, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    batch = models.ForeignKey(
        ImportBatch, on_delete=models.CASCADE, related_name="row_changes", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=40)
    fact_id = models.BigIntegerField()
    action = models.CharField(max_length=9, choices=ChangeAction)
    before = models.JSONField(null=True)
    withdrawal_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(action__in=ChangeAction.values), name="change_action_known")
        ]
        indexes = [
            models.Index(fields=["batch", "kind"], name="change_by_batch"),
            # Without the kind: rows of several kinds share an id, so that equal keys are stored once.
            models.Index(fields=["fact_id"], name="change_of_fact"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.fact_id}: {self.action}"


FILE_FOLDER = "imports"  # in the storage


def file_folder(partner_id: int) -> str:
    """Folder of a partner's uploaded files in the storage."""
    return f"{FILE_FOLDER}/{partner_id}"


def stored_name(instance: "ImportFile", filename: str) -> str:
    """Path of an uploaded file in the storage: random, since the name it came with cannot be trusted."""
    return f"{file_folder(instance.partner_id)}/{uuid.uuid4().hex}"


class ImportFile(models.Model):
    """One uploaded file. Its content is deleted some time after the batch was written or discarded; the row stays.

    size: in bytes. unpacked: bytes of all parts of a workbook together; 0 for CSV.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField()
    unpacked = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to=stored_name, max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name


class ImportTable(models.Model):
    """The rows of one kind in one file: a CSV file, or a sheet of a workbook.

    kind: key of the fact kind, "" until it is known. left_out: it is not read.
    mapping: how its columns become ours (`imports.mapping.MappingData`, with the zone); null for a file with our columns.
    unmapped: its columns are not ours and have no mapping yet.
    new, changed, same: numbers of rows; null until they are known.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="tables")
    file = models.ForeignKey(ImportFile, on_delete=models.CASCADE, related_name="tables")
    sheet = models.CharField(max_length=255, blank=True)
    kind = models.CharField(max_length=40, blank=True)
    left_out = models.BooleanField(default=False)
    mapping = models.JSONField(null=True)
    unmapped = models.BooleanField(default=False)
    rows = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(null=True)
    changed = models.PositiveIntegerField(null=True)
    same = models.PositiveIntegerField(null=True)
    bad_rows = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    notices = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The file, and the sheet where there is one: `november.xlsx [services]`."""
        return f"{self.file.name} [{self.sheet}]" if self.sheet else self.file.name


class ImportProblem(models.Model):
    """One error (`imports.tables.Problem`)."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="problems", db_index=False)
    table = models.ForeignKey(ImportTable, on_delete=models.CASCADE, related_name="problems", db_index=False)
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=1000, blank=True)
    value = models.TextField(blank=True)
    message = models.TextField()
    accepted = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["batch", "table", "row", "id"], name="problem_in_order"),
            models.Index(fields=["table"], name="problem_by_table"),
        ]

    def __str__(self) -> str:
        return f"{self.row}: {self.column}: {self.message}"


class RememberedMapping(models.Model):
    """The latest mapping of a partner's files of one kind with one header.

    name: of the file it was made for. fingerprint: of the header (`imports.mapping`). data: `imports.mapping.MappingData`.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=64)
    name = models.CharField(max_length=600)
    data = models.JSONField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    saved_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "kind", "fingerprint"], name="one_mapping_a_header"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"
