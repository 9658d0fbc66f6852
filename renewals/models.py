"""Renewals that are coming up, as imported (points.md 1)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from clients.models import Client


class RenewalStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    CONFIRMED = "confirmed", _("Confirmed")
    CANCELLATION_REQUESTED = "cancellation_requested", _("Cancellation requested")
    RENEWED = "renewed", _("Renewed")


class Renewal(models.Model):
    """One product line of a client that renews on a day, with its MRR before and after."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="renewals")
    product_line = models.CharField(max_length=1000)
    renews_on = models.DateField()
    current_mrr = models.DecimalField(max_digits=16, decimal_places=2)
    renewal_mrr = models.DecimalField(max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=22, choices=RenewalStatus)
    renewal_manager = models.CharField(max_length=1000, blank=True)
    renewal_manager_email = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "client", "product_line", "renews_on"], name="renewal_key"),
            models.CheckConstraint(condition=models.Q(current_mrr__gte=0), name="renewal_current_mrr_not_negative"),
            models.CheckConstraint(condition=models.Q(renewal_mrr__gte=0), name="renewal_mrr_not_negative"),
            models.CheckConstraint(condition=models.Q(status__in=RenewalStatus.values), name="renewal_status_known"),
        ]
        indexes = [models.Index(fields=["partner", "renews_on"])]

    def __str__(self) -> str:
        return f"{self.product_line} on {self.renews_on}"
