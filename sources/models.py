"""Live connections, their runs, and which rows they imported. The rows themselves are facts of other apps."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User
from sources.call_states import CallKind, CallState


class ConnectionState(models.TextChoices):
    """State of a connection. Whether it fails or waits for a person follows from its last run."""

    OPEN = "open", _("Questions are open")
    ACTIVE = "active", _("Connected")
    PAUSED = "paused", _("Paused")
    REJECTED = "rejected", _("Needs a new token")
    DISCONNECTED = "disconnected", _("Disconnected")


class Connection(models.Model):
    """A partner's connection to an account at a vendor, or to a folder.

    vendor:      key of the `Source`.
    secret:      the token, encrypted for this partner and vendor (`sources.credentials`); "" for none.
    token_hint:  last characters of the token, for people.
    place:       where to read, of a source that is a place.
    account:     `source.Account` as of the last test, as JSON.
    schema:      properties by table as of the last full run or test: list of `source.Field` as JSON.
    answers:     the document of docs/contract.md (*Answers of a connection*): what a person decided.
    confirmed:   digest of the answers whose first import a person has written; with other answers a run waits for a person.
    next_at:     when the next run is due; null: it does not run by itself.
    full_on:     business day of the last successful full run.
    window_from: where the next window starts, by the vendor's clock; null: the next run is full.
    files:       name -> SHA-256 of files taken so far.
    checked:     hashes of what the last successful run read, and the partner's generation, to tell whether anything can be new.
    good_at:     end of the last successful run. failures: runs that failed since.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    vendor = models.CharField(max_length=40)
    label = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=ConnectionState, default=ConnectionState.OPEN)
    secret = models.TextField(blank=True)
    token_hint = models.CharField(max_length=8, blank=True)
    place = models.CharField(max_length=500, blank=True)
    account = models.JSONField(default=dict)
    schema = models.JSONField(default=dict)
    answers = models.JSONField(default=dict)
    confirmed = models.CharField(max_length=64, blank=True)
    next_at = models.DateTimeField(null=True)
    full_on = models.DateField(null=True)
    window_from = models.DateTimeField(null=True)
    files = models.JSONField(default=dict)
    checked = models.JSONField(default=dict)
    good_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=ConnectionState.values), name="connection_state_known"),
            models.UniqueConstraint(
                fields=["partner", "vendor", "place"],
                condition=~models.Q(state=ConnectionState.DISCONNECTED),
                name="one_connection_a_place",
            ),
        ]
        indexes = [models.Index(fields=["next_at"], condition=models.Q(next_at__isnull=False), name="connection_due")]

    def __str__(self) -> str:
        return self.label


class RunState(models.TextChoices):
    """State of a run."""

    RUNNING = "running", _("Running")
    COMMITTED = "committed", _("Imported")
    NOTHING_NEW = "nothing new", _("Nothing new")
    WAITS = "waits", _("Waits for a decision")
    DISCARDED = "discarded", _("Cancelled")
    FAILED = "failed", _("Failed")
    INTERRUPTED = "interrupted", _("Interrupted")


GOOD = (RunState.COMMITTED, RunState.NOTHING_NEW)


class Run(models.Model):
    """One sync of a connection.

    full:      everything was read; otherwise only what changed in a window.
    read:      rows by kind. unmatched, left_out: rows without a client, and with errors.
    batch:     number of its import; null for none. Not a foreign key: the import outlives the connection.
    why:       code of a sentence (`sources.texts`) whose placeholders `details` fills; "" when all went well.
    result:    what the connection stores once the run has succeeded: `window_from`, `files`, `checked`, `answers`, evidence.
    points:    total points before and after, as text; empty for none.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs", db_index=False)
    full = models.BooleanField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=11, choices=RunState, default=RunState.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    calls = models.PositiveIntegerField(default=0)
    read = models.JSONField(default=dict)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    unmatched = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0)
    batch_id = models.BigIntegerField(null=True)
    why = models.CharField(max_length=40, blank=True)
    details = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    points = models.JSONField(default=dict)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(state__in=RunState.values), name="run_state_known")]
        indexes = [
            models.Index(fields=["connection", "-id"], name="run_latest"),
            models.Index(fields=["partner", "batch_id"], name="run_by_batch"),
        ]

    def __str__(self) -> str:
        return f"{self.connection_id}: {self.started_at:%Y-%m-%d %H:%M}"


class VendorCall(models.Model):
    """Something that a person asked of a vendor. A worker does it, since a vendor may take long to answer.

    connection: the one that it is about; null for a new one until it is made.
    secret:     the new token, encrypted as that of a connection; erased when the call ends.
    arguments:  what else the kind of call needs: `place`, or `list` with its number.
    why:        code of a sentence with its blanks in `details`, when it failed. details: what came of it, when it is done.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=CallKind)
    vendor = models.CharField(max_length=40)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    secret = models.TextField(blank=True)
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=CallState, default=CallState.WAITING)
    why = models.CharField(max_length=40, blank=True)
    details = models.JSONField(default=dict)
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=CallState.values), name="call_state_known"),
            models.CheckConstraint(
                condition=models.Q(state=CallState.WAITING) | models.Q(secret=""), name="ended_call_has_no_secret"
            ),
        ]
        indexes = [models.Index(fields=["asked_at"], condition=models.Q(state=CallState.WAITING), name="call_waiting")]

    def __str__(self) -> str:
        return f"{self.kind} {self.vendor}"


class ConnectedRow(models.Model):
    """A vendor's row that a connection imported, or that has no client yet.

    vendor_id:  the vendor's id; our key where the source has no ids.
    fact_id:    primary key of the stored row; null while it has no client. The connection may withdraw only these.
    client_id:  our id of the client that a person assigned; "" for none.
    why, candidates: why the row has no client, and our ids of those that fit.
    missing_since, missing_runs: when a full run first did not find it any more, and how many full runs have not since.
    gone: a person confirmed that the row is gone: the next run withdraws it.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="rows", db_index=False)
    kind = models.CharField(max_length=40)
    vendor_id = models.CharField(max_length=200)
    fact_id = models.BigIntegerField(null=True)
    name = models.CharField(max_length=200, blank=True)
    client_id = models.CharField(max_length=200, blank=True)
    why = models.CharField(max_length=10, blank=True)
    candidates = models.JSONField(default=list)
    missing_since = models.DateTimeField(null=True)
    missing_runs = models.PositiveIntegerField(default=0)
    gone = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "vendor_id"], name="connected_row_once"),
            models.UniqueConstraint(fields=["fact_id", "kind"], name="fact_of_one_connection"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.vendor_id}"


class Decided(models.TextChoices):
    """What a person said about a proposal."""

    OPEN = "open", _("Not decided")
    CONFIRMED = "confirmed", _("Confirmed")
    REJECTED = "rejected", _("Rejected")


class Proposal(models.Model):
    """A row that a vendor's history suggests: it becomes a fact when a person confirms it.

    key:       the source's name of it, the same in every reading.
    client_id: our id of its client. row: the row of the table's file, as last read.
    note, detail: as of `source.Proposed`.
    accepted:  the cells that a person confirmed; null before that. The next full run brings them.
    waits:     it has to be looked at: nobody has decided, or it is not any more what was confirmed.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="proposals", db_index=False)
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    client_id = models.CharField(max_length=1000)
    row = models.JSONField()
    note = models.CharField(max_length=10, blank=True)
    detail = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=9, choices=Decided, default=Decided.OPEN)
    accepted = models.JSONField(null=True)
    waits = models.BooleanField(default=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=Decided.values), name="proposal_state_known"),
            models.UniqueConstraint(fields=["connection", "kind", "key"], name="proposal_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class KindPreview(models.Model):
    """What a further kind would make before it is switched on, or what confirming proposals would do. A worker computes it.

    answers:   those of the kind, by key, in their stored form.
    proposals: primary keys of the proposals to confirm; null for the kind itself.
    language:  of the texts in the result.
    made_at:   null until a worker has made it. result: as of `sources.previews`; `why` in it is a code of a sentence.
    """

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="previews", db_index=False)
    kind = models.CharField(max_length=40)
    answers = models.JSONField(default=dict)
    proposals = models.JSONField(null=True)
    language = models.CharField(max_length=10, blank=True)
    asked_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "kind"], condition=models.Q(proposals__isnull=True), name="one_preview_a_kind"
            ),
            models.UniqueConstraint(
                fields=["connection", "kind"],
                condition=models.Q(proposals__isnull=False),
                name="one_preview_of_proposals",
            ),
        ]
        indexes = [models.Index(fields=["asked_at"], condition=models.Q(made_at__isnull=True), name="preview_waiting")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.connection_id}"
