"""Models of the points ledger: append-only entries, and three derived sums of them.

`ledger.services` is the only writer. Triggers in the database reject any change or deletion of an entry.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.db.models.lookups import Exact
from django.db.models.sql.where import WhereNode

from accounts.models import Partner
from clients.models import Client, Deal
from program.labels import labelled, values
from program.terms import Cause, Track


class _WithinPartner:
    """A key to an entry of the same partner; a join over it says so.

    Entries are partitioned by partner: a join that names the partner on both sides is planned for one partition, any other
    for all of them (ADR 178). Migrations see Django's own field.
    """

    migrated_as: "ClassVar[type[models.Field[Any, Any]]]"

    def get_extra_restriction(self, alias: str | None, related_alias: str) -> WhereNode | None:
        """`partner_id` of both sides is the same."""
        if alias is None:  # there is no join
            return None
        partner = self.model._meta.get_field("partner")  # type: ignore[attr-defined] # of the field beside it
        same = Exact(partner.get_col(alias), partner.get_col(related_alias))
        return WhereNode([same])  # type: ignore[list-item] # the stubs lack lookups among its children

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Return the field for migrations."""
        name, _path, arguments, named = super().deconstruct()  # type: ignore[misc] # of the field beside it
        return name, f"django.db.models.{self.migrated_as.__name__}", arguments, named


class EntryKey(_WithinPartner, models.ForeignKey):
    """Many rows to one entry."""

    migrated_as = models.ForeignKey


class OneEntryKey(_WithinPartner, models.OneToOneField):
    """One row to one entry."""

    migrated_as = models.OneToOneField


class PointEntry(models.Model):
    """One change of a client's points on one day (points.md 4).

    `points` is signed, in points with 4 places. `deal` names the sale on the sold tracks; `lot` is the earning entry that a
    loss takes from. A correction comes as a pair: an entry that `reverses` the wrong one, and the right one, both flagged.
    In the database the table is partitioned by a hash of the partner, and `id` and `reverses` are unique within one (ADR 178).
    The columns from `amount` to `cancelled_line` are the working: amount / per_unit x rate x factor / partners, the share a
    loss took, and what stood before (`ledger.engine.Entry` says what each means).
    """

    append_only = True

    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    # Facts are withdrawn and never deleted, and entries and sums are written from stored ones: to have the database look each
    # of them up again at every commit would cost a tenth of an import and protect nothing (ADR 174).
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="entries", db_index=False, db_constraint=False
    )
    deal = models.ForeignKey(
        Deal, on_delete=models.PROTECT, null=True, related_name="entries", db_index=False, db_constraint=False
    )
    track = models.CharField(max_length=8, choices=labelled(Track))
    cause = models.CharField(max_length=10, choices=labelled(Cause))
    on = models.DateField()
    points = models.DecimalField(max_digits=18, decimal_places=4)
    expires_on = models.DateField(null=True)
    # Only the writer sets these two, to entries that cannot be deleted; a constraint would cost time and protect nothing.
    lot = EntryKey(
        "self", on_delete=models.DO_NOTHING, null=True, related_name="losses", db_index=False, db_constraint=False
    )
    reverses = OneEntryKey(
        "self", on_delete=models.DO_NOTHING, null=True, related_name="reversed_by", db_constraint=False
    )
    correction = models.BooleanField(default=False)
    rule_set = models.DateField(null=True)
    amount = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    per_unit = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    rate = models.DecimalField(max_digits=8, decimal_places=4, null=True)
    factor = models.DecimalField(max_digits=6, decimal_places=4, null=True)
    partners = models.PositiveIntegerField(null=True)
    share = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    before = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    line_sold_on = models.DateField(null=True)
    by_deal_id = models.CharField(max_length=1000, blank=True)
    cancelled_line = models.CharField(max_length=1000, null=True)
    batch_id = models.BigIntegerField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(track__in=values(Track)), name="entry_track_known"),
            models.CheckConstraint(condition=models.Q(cause__in=values(Cause)), name="entry_cause_known"),
            models.CheckConstraint(condition=~models.Q(points=0), name="entry_not_zero"),
            models.CheckConstraint(
                condition=models.Q(track=Track.MANAGED.value, deal__isnull=True)
                | ~models.Q(track=Track.MANAGED.value) & models.Q(deal__isnull=False),
                name="entry_deal_when_sold",
            ),
            models.CheckConstraint(
                condition=models.Q(reverses__isnull=True) | models.Q(correction=True), name="reversal_is_correction"
            ),
        ]
        indexes = [
            models.Index(
                fields=["partner", "track", "on", "id"], include=["cause", "client", "points"], name="entry_by_day"
            ),
            models.Index(fields=["client", "on", "id"], name="entry_by_client"),
            models.Index(fields=["lot"], condition=models.Q(lot__isnull=False), name="entry_by_lot"),
            models.Index(
                fields=["partner", "track", "on"],
                include=["lot", "points"],
                condition=models.Q(cause__in=(Cause.DOWNGRADED.value, Cause.CHURNED.value)),
                name="entry_taken_early",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.on} {self.track} {self.cause} {self.points}"


class DailyPoints(models.Model):
    """Sum of the entries by partner, day, track and cause, so that the cost of a page does not grow with the ledger."""

    pk = models.CompositePrimaryKey("partner_id", "on", "track", "cause")
    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    on = models.DateField()
    track = models.CharField(max_length=8, choices=labelled(Track))
    cause = models.CharField(max_length=10, choices=labelled(Cause))
    points = models.DecimalField(max_digits=20, decimal_places=4)
    entries = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.on} {self.track} {self.cause} {self.points}"


class Lot(models.Model):
    """What a sale earned and what remains of it on the day the ledger is posted through. Keyed by the earning entry."""

    entry = OneEntryKey(
        PointEntry, on_delete=models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False
    )
    partner = models.ForeignKey(
        Partner, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="lots", db_constraint=False)
    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    track = models.CharField(max_length=8, choices=labelled(Track))
    earned_on = models.DateField()
    expires_on = models.DateField()
    earned = models.DecimalField(max_digits=18, decimal_places=4)
    remaining = models.DecimalField(max_digits=18, decimal_places=4)

    class Meta:
        indexes = [models.Index(fields=["partner", "expires_on"])]

    def __str__(self) -> str:
        return f"{self.remaining} of {self.earned} until {self.expires_on}"


class ClientPoints(models.Model):
    """A client's points by track on the day the ledger is posted through."""

    client = models.OneToOneField(
        Client, on_delete=models.CASCADE, primary_key=True, related_name="points", db_constraint=False
    )
    partner = models.ForeignKey(
        Partner, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    sourced = models.DecimalField(max_digits=18, decimal_places=4)
    assisted = models.DecimalField(max_digits=18, decimal_places=4)
    managed = models.DecimalField(max_digits=18, decimal_places=4)
    total = models.GeneratedField(
        expression=models.F("sourced") + models.F("assisted") + models.F("managed"),
        output_field=models.DecimalField(max_digits=20, decimal_places=4),
        db_persist=True,
    )

    class Meta:
        indexes = [models.Index(fields=["partner", "-total"])]

    def __str__(self) -> str:
        return f"{self.client_id}: {self.total}"


class Posting(models.Model):
    """How far a partner's ledger is posted: the day it is complete through, and the programme revision it is posted under.

    rules_used: what the rules of that revision answer to the partner's facts, as `ledger.rules_used.fingerprint`; "" when it is
    not known.

    next_due_on: the next day on which a stored fact or lot changes the points by the clock alone; null for none.
    """

    read_by_clock = True

    partner = models.OneToOneField(Partner, on_delete=models.CASCADE, primary_key=True, related_name="posting")
    posted_through = models.DateField()
    next_due_on = models.DateField(null=True)
    revision = models.PositiveBigIntegerField()
    rules_used = models.CharField(max_length=64, db_default="")
    posted_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["next_due_on"], name="posting_due")]

    def __str__(self) -> str:
        return f"through {self.posted_through}"


class PreparedFigure(models.Model):
    """An answer of a query that takes seconds for a large ledger, as `ledger.prepared` keeps it.

    state: what it depends on besides its question; an answer of another state is out of date. answer: pickled, and signed with
    the installation's secret.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    question = models.CharField(max_length=120)
    state = models.CharField(max_length=64)
    answer = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "question"], name="prepared_figure_key")]

    def __str__(self) -> str:
        return self.question
