"""Models of a partner's imported facts: clients, deals, services, cancellations, MRR months and certifications.

Amounts are monthly (MRR) in the row's own currency. Keys are those of the import files (points.md 1).
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from partner_portal.lib.collation import LONGEST_SORT_KEY, SearchKey, SortKey
from program.labels import labelled, values
from program.terms import DealKind, Origin, Stage


class Client(models.Model):
    """A customer of the vendor that the partner sold to or manages. The database generates the keys of the name."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
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
        indexes = [models.Index(fields=["partner", "name_sort_key"], name="client_by_name_key")]

    def __str__(self) -> str:
        return self.name


class Deal(models.Model):
    """A sale, open or closed. `mrr` is positive; for a downgrade it is the size of the reduction."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="deals")
    deal_id = models.CharField(_("deal id"), max_length=1000)
    name = models.CharField(max_length=1000)
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
                condition=models.Q(stage=Stage.WON.value),
                name="deal_won",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Service(models.Model):
    """A period in which the partner manages the client, until the day before `ended_on` (null: no end known).

    Services of one client never overlap.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="services")
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
        ]

    def __str__(self) -> str:
        return f"{self.client_id} from {self.started_on}"


class Cancellation(models.Model):
    """The day a product line ("" = the whole client) was cancelled."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="cancellations")
    product_line = models.CharField(max_length=1000, blank=True)
    cancelled_on = models.DateField()
    reason = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "client", "product_line", "cancelled_on"], name="cancellation_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.product_line or 'all lines'} on {self.cancelled_on}"


class MrrMonth(models.Model):
    """A client's MRR at the end of a month; `month` is its first day."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="mrr_months")
    month = models.DateField()
    mrr = models.DecimalField("MRR", max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "client", "month"], name="mrr_month_key"),
            models.CheckConstraint(condition=models.Q(mrr__gte=0), name="mrr_month_not_negative"),
        ]
        indexes = [models.Index(fields=["partner", "month"])]

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


class Certification(models.Model):
    """A certification that a person of the partner holds from `earned_on` until the day before `expires_on` (null: for ever)."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
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

    def __str__(self) -> str:
        return f"{self.person}: {self.certification}"
