"""Models of imported renewals (points.md 1), reminders and calendar feeds."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User
from clients.models import Client, Fact, withdrawn_index
from program.labels import labelled, values
from program.terms import RenewalStatus


class Renewal(Fact):
    """The renewal of a client's product line on a day, with its MRR before and after."""

    read_by_clock = True

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="renewals")
    product_line = models.CharField(max_length=1000)
    renews_on = models.DateField()
    current_mrr = models.DecimalField(max_digits=16, decimal_places=2)
    renewal_mrr = models.DecimalField(max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=22, choices=labelled(RenewalStatus))
    renewal_manager = models.CharField(max_length=1000, blank=True)
    renewal_manager_email = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "client", "product_line", "renews_on"], name="renewal_key"),
            models.CheckConstraint(condition=models.Q(current_mrr__gte=0), name="renewal_current_mrr_not_negative"),
            models.CheckConstraint(condition=models.Q(renewal_mrr__gte=0), name="renewal_mrr_not_negative"),
            models.CheckConstraint(condition=models.Q(status__in=values(RenewalStatus)), name="renewal_status_known"),
        ]
        indexes = [models.Index(fields=["partner", "renews_on"]), withdrawn_index("renewal_withdrawn")]

    def __str__(self) -> str:
        return f"{self.product_line} on {self.renews_on}"


class RenewalReminder(models.Model):
    """A person's request for a mail some days before a renewal must be decided."""

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    days_before = models.PositiveSmallIntegerField(_("days before the deadline"), default=7)
    reminded_of = models.ManyToManyField(Renewal, through="RemindedRenewal", related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "user"], name="one_renewal_reminder"),
            models.CheckConstraint(condition=models.Q(days_before__lte=180), name="renewal_reminder_days"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.days_before} days"


class RemindedRenewal(models.Model):
    """A renewal that a person was reminded of, so that it happens only once."""

    read_by_clock = True

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    reminder = models.ForeignKey(RenewalReminder, on_delete=models.CASCADE, related_name="+")
    renewal = models.ForeignKey(Renewal, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reminder", "renewal"], name="reminded_once")]

    def __str__(self) -> str:
        return f"{self.reminder_id}: {self.renewal_id}"


class CalendarFeed(models.Model):
    """A person's private calendar address, stored as a digest: reading the database does not give access to the calendar."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "user"], name="one_calendar_feed")]

    def __str__(self) -> str:
        return f"{self.user_id}"
