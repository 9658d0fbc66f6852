"""Models of a partner's imported facts: clients, deals, services, cancellations, MRR months and certifications.

Amounts are monthly (MRR) in the row's own currency. Keys are those of the import files (points.md 1).
"""

from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User
from partner_portal.lib.collation import LONGEST_SORT_KEY, SearchKey, SortKey
from program.labels import labelled, values
from program.terms import DealKind, Origin, Stage


class Withdrawal(models.Model):
    """One act that withdrew facts (points.md 13). It stays in the history when they are restored."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    withdrawn_at = models.DateTimeField(db_default=Now())
    withdrawn_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    #: number of the import that withdrew them; None when a person did
    batch_id = models.BigIntegerField(null=True)
    reason = models.CharField(_("reason"), max_length=1000, blank=True)

    def __str__(self) -> str:
        return f"{self.withdrawn_at:%Y-%m-%d %H:%M}"


class CurrentFacts[F: models.Model](models.Manager[F]):
    """The default manager of facts: it leaves withdrawn ones out."""

    def get_queryset(self) -> models.QuerySet[F]:
        """Facts that count."""
        return super().get_queryset().filter(withdrawal__isnull=True)


class Fact(models.Model):
    """An imported row. A withdrawn one counts on no day, as if it had never been imported, but entries still name it.

    `objects` and reverse relations leave withdrawn rows out; `with_withdrawn` and foreign keys do not. A join through a
    relation (`deals__stage=...`) is not filtered either: add `deals__withdrawal__isnull=True`.
    """

    # The keys of all kinds begin with the partner, and most rows name a client or a statement, which names the partner: an
    # index and a constraint of its own would cost a fifth of an import and protect nothing (ADR 115).
    partner = models.ForeignKey(
        Partner, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    #: the act that withdrew it; None while it counts
    withdrawal = models.ForeignKey(Withdrawal, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    objects = CurrentFacts[Self]()
    with_withdrawn = models.Manager[Self]()

    class Meta:
        abstract = True


def withdrawn_index(name: str) -> models.Index:
    """An index of the withdrawn rows only, by withdrawal: few of many."""
    return models.Index(fields=["withdrawal"], condition=models.Q(withdrawal__isnull=False), name=name)


class Client(Fact):
    """A customer of the vendor that the partner sold to or manages. The database generates the keys of the name."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    client_id = models.CharField(_("client id"), max_length=1000)
    name = models.CharField(_("name"), max_length=1000)
    name_sort_key = models.GeneratedField(
        expression=SortKey("name"),
        output_field=models.CharField(db_collation="C", max_length=LONGEST_SORT_KEY),
        db_persist=True,
    )
    name_search_key = models.GeneratedField(
        expression=SearchKey("name"), output_field=models.TextField(db_collation="C"), db_persist=True
    )
    domain = models.CharField(max_length=1000, blank=True)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    crm_url = models.CharField(max_length=1000, blank=True)
    tool_usage = models.PositiveIntegerField(null=True)
    last_active_employee = models.CharField(max_length=1000, blank=True)
    last_active_on = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "client_id"], name="client_key")]
        indexes = [
            models.Index(fields=["partner", "name_sort_key"], name="client_by_name_key"),
            withdrawn_index("client_withdrawn"),
        ]

    def __str__(self) -> str:
        return self.name


class Deal(Fact):
    """A sale, open or closed. `mrr` is positive; for a downgrade it is the size of the reduction."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="deals")
    deal_id = models.CharField(_("deal id"), max_length=1000)
    deal_id_search_key = models.GeneratedField(
        expression=SearchKey("deal_id"), output_field=models.TextField(db_collation="C"), db_persist=True
    )
    name = models.CharField(max_length=1000)
    name_search_key = models.GeneratedField(
        expression=SearchKey("name"), output_field=models.TextField(db_collation="C"), db_persist=True
    )
    product_line = models.CharField(max_length=1000)
    kind = models.CharField(max_length=10, choices=labelled(DealKind))
    origin = models.CharField(max_length=8, choices=labelled(Origin))
    stage = models.CharField(max_length=4, choices=labelled(Stage))
    mrr = models.DecimalField("MRR", max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3)
    created_on = models.DateField()
    closed_on = models.DateField(null=True)
    registered = models.BooleanField(_("registered (shared deal)"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "deal_id"], name="deal_key"),
            models.CheckConstraint(condition=models.Q(mrr__gt=0), name="deal_mrr_positive"),
            models.CheckConstraint(
                condition=models.Q(stage=Stage.OPEN.value) | models.Q(closed_on__isnull=False),
                name="closed_deal_has_day",
            ),
            models.CheckConstraint(condition=models.Q(kind__in=values(DealKind)), name="deal_kind_known"),
            models.CheckConstraint(condition=models.Q(origin__in=values(Origin)), name="deal_origin_known"),
            models.CheckConstraint(condition=models.Q(stage__in=values(Stage)), name="deal_stage_known"),
        ]
        indexes = [
            models.Index(fields=["partner", "closed_on"]),
            models.Index(fields=["partner", "created_on"], condition=models.Q(registered=True), name="deal_registered"),
            models.Index(
                fields=["partner", "created_on"],
                condition=models.Q(registered=True, stage=Stage.OPEN.value),
                name="deal_registered_open",
            ),
            models.Index(
                fields=["partner", "origin", "closed_on"],
                include=["kind", "currency", "mrr"],
                condition=models.Q(stage=Stage.WON.value, withdrawal__isnull=True),
                name="deal_won",
            ),
            withdrawn_index("deal_withdrawn"),
        ]

    def __str__(self) -> str:
        return self.name


class Service(Fact):
    """A period in which the partner manages the client, until the day before `ended_on` (null: no end known).

    Services of one client never overlap.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="services", db_index=False)
    started_on = models.DateField()
    ended_on = models.DateField(null=True)
    mrr = models.DecimalField("MRR", max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3)
    managing_partners = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "client", "started_on"], name="service_key"),
            models.CheckConstraint(condition=models.Q(mrr__gt=0), name="service_mrr_positive"),
            models.CheckConstraint(condition=models.Q(managing_partners__gte=1), name="service_has_a_partner"),
            models.CheckConstraint(
                condition=models.Q(ended_on__isnull=True) | models.Q(ended_on__gt=models.F("started_on")),
                name="service_ends_after_start",
            ),
        ]
        # For starts and ends that are still ahead: few of many rows.
        indexes = [
            models.Index(fields=["partner", "started_on"], name="service_by_start"),
            models.Index(fields=["partner", "ended_on"], name="service_by_end"),
            withdrawn_index("service_withdrawn"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} from {self.started_on}"


class ProductLine(models.Model):
    """A product line of a partner: the spelling that is shown, and the line that it was merged into.

    Facts store the spelling that is shown, of the line that a merged one ended up in.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    #: `partner_portal.lib.rows.spelling.spelling_key` of every spelling
    key = models.TextField()
    name = models.CharField(max_length=1000)
    #: None while it stands on its own
    merged_into = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "key"], name="one_product_line_a_key")]

    def __str__(self) -> str:
        return self.name


class LineMerge(models.Model):
    """One act that merged a product line into another, with what is needed to undo it."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    source = models.ForeignKey(ProductLine, on_delete=models.PROTECT, related_name="+")
    target = models.ForeignKey(ProductLine, on_delete=models.PROTECT, related_name="+")
    merged_at = models.DateTimeField(db_default=Now())
    merged_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    #: primary keys of the rows that got the target's name, by kind of fact
    moved = models.JSONField(default=dict)
    #: primary keys of withdrawn rows of the target that got the source's name, since a row of the source took their key
    swapped = models.JSONField(default=dict)
    #: the rows of the source that the target has too; None without such rows
    withdrawal = models.ForeignKey(Withdrawal, null=True, on_delete=models.SET_NULL, related_name="+")
    #: None while it holds
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.source} > {self.target}"


class Cancellation(Fact):
    """The day a product line ("" = the whole client) was cancelled."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="cancellations", db_index=False)
    product_line = models.CharField(max_length=1000, blank=True)
    cancelled_on = models.DateField()
    reason = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "client", "product_line", "cancelled_on"], name="cancellation_key"
            )
        ]
        indexes = [withdrawn_index("cancellation_withdrawn")]

    def __str__(self) -> str:
        return f"{self.product_line or 'all lines'} on {self.cancelled_on}"


class MrrMonth(Fact):
    """A client's MRR at the end of a month; `month` is its first day."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="mrr_months", db_index=False)
    month = models.DateField()
    mrr = models.DecimalField("MRR", max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "client", "month"], name="mrr_month_key"),
            models.CheckConstraint(condition=models.Q(mrr__gte=0), name="mrr_month_not_negative"),
        ]
        indexes = [models.Index(fields=["partner", "month"]), withdrawn_index("mrr_month_withdrawn")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class RetentionMonth(models.Model):
    """MRR of a month compared with the month before, summed over all clients by the currency of the month before.

    Derived from `MrrMonth` by `clients.services`, and safe to delete. start: MRR of the month before; churned: the part of
    clients without MRR now; kept: the smaller of both months, for clients that did not change currency. switched: clients
    that did, as [MRR before, MRR now, currency now].
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    month = models.DateField()
    currency = models.CharField(max_length=3)
    start = models.DecimalField(max_digits=20, decimal_places=2)
    churned = models.DecimalField(max_digits=20, decimal_places=2)
    kept = models.DecimalField(max_digits=20, decimal_places=2)
    switched = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "month", "currency"], name="one_retention_sum")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.currency}"


class Certification(Fact):
    """A certification that a person of the partner holds from `earned_on` until the day before `expires_on` (null: for ever)."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    person = models.CharField(max_length=1000)
    certification = models.CharField(max_length=1000)
    earned_on = models.DateField()
    expires_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "person", "certification", "earned_on"], name="certification_key"
            )
        ]
        indexes = [withdrawn_index("certification_withdrawn")]

    def __str__(self) -> str:
        return f"{self.person}: {self.certification}"
