"""Imports: what was uploaded, its errors, and what it changed. The facts are models of their own apps."""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User


class BatchStatus(models.TextChoices):
    """The life of a batch. One in CHECKING or COMMITTING waits for a worker until `started_at` is set."""

    CHOOSING = "choosing", _("What do the files hold?")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Not yet written")
    COMMITTING = "committing", _("Being written")
    COMMITTED = "committed", _("Written")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Discarded")


class ImportBatch(models.Model):
    """Files that are written together or not at all. The ledger's entries refer to it by its number.

    rows, bad_rows, errors: of all files; bad_rows were left out when the batch was written with `skip_bad_rows`.
    changes:   rows that were new or changed when the batch was written.
    blocked:   a file as a whole is wrong: leaving out rows does not help.
    problems_digest: digest of the errors of the check; the errors at writing must be the same.
    preview, points: the ledger's summary of the trial and of the writing: points before and after, entries, corrections.
    """

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
    changes = models.PositiveIntegerField(default=0)
    problems_digest = models.CharField(max_length=64, blank=True)
    preview = models.JSONField(default=dict)
    points = models.JSONField(default=dict)
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=BatchStatus.values), name="batch_status_known")
        ]
        indexes = [models.Index(fields=["partner", "-id"])]

    def __str__(self) -> str:
        return f"#{self.pk}"


def stored_name(instance: "ImportFile", filename: str) -> str:
    """Path of an uploaded file in the storage: random, since the name it came with cannot be trusted."""
    return f"imports/{instance.partner_id}/{uuid.uuid4().hex}"


class ImportFile(models.Model):
    """One uploaded file. Its content is deleted some time after the batch was written or discarded; the row stays.

    size: in bytes. unpacked: bytes of all parts of a workbook together; 0 for CSV.
    """

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
