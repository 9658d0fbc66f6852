"""Commission statements of the vendor, line by line, as imported (points.md 1)."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User
from clients.models import Client, Deal, Fact, withdrawn_index
from program.labels import labelled, values
from program.terms import LineStatus


class StatementLine(Fact):
    """net revenue x rate x FX rate = commission in payout currency; a reversal is a negative line that `adjusts` another."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+", db_index=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="statement_lines")
    statement_id = models.CharField(max_length=1000)
    period = models.CharField(max_length=7)
    line_no = models.PositiveIntegerField()
    deal_id = models.CharField(max_length=1000, blank=True)
    product_line = models.CharField(max_length=1000, blank=True)
    invoice_month = models.DateField()
    net_revenue = models.DecimalField(max_digits=16, decimal_places=2)
    currency = models.CharField(max_length=3)
    fx_rate = models.DecimalField(max_digits=18, decimal_places=8)
    rate = models.DecimalField(max_digits=10, decimal_places=6)
    commission = models.DecimalField(max_digits=16, decimal_places=2)
    payout_currency = models.CharField(max_length=3)
    status = models.CharField(max_length=9, choices=labelled(LineStatus))
    pay_on = models.DateField()
    paid_on = models.DateField(null=True)
    adjusts = models.CharField(max_length=1000, blank=True)
    reason = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "statement_id", "line_no"], name="statement_line_key"),
            models.CheckConstraint(condition=models.Q(status__in=values(LineStatus)), name="line_status_known"),
        ]
        indexes = [models.Index(fields=["partner", "period"]), withdrawn_index("statement_line_withdrawn")]

    def __str__(self) -> str:
        return f"{self.statement_id}/{self.line_no}"


class DealEarning(models.Model):
    """When a deal earns commission (points.md 8), as known on the days from `known_from` to the one before `known_until`.

    A deal has one row from the day it closed, and another from every downgrade of its line on; cancellations are known ahead.
    Derived from the facts by `commissions.services`; amounts are calculated when they are read.

    first_month, last_month: the first days of the months it earns in, null when in none. gone_on: from when nothing is left.
    stretches: null while nothing was taken from the deal; otherwise its months as (first, last, MRR), the MRR exact, "250/3".
    """

    partner = models.ForeignKey(
        Partner, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    deal = models.ForeignKey(Deal, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    known_from = models.DateField()
    known_until = models.DateField(null=True)
    first_month = models.DateField(null=True)
    last_month = models.DateField(null=True)
    cancelled_on = models.DateField(null=True)
    gone_on = models.DateField(null=True)
    stretches = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["deal", "known_from"], name="one_earning_a_deal_and_day")]
        indexes = [models.Index(fields=["partner", "last_month", "first_month"], name="earning_by_month")]

    def __str__(self) -> str:
        return f"{self.deal_id}: {self.first_month} to {self.last_month}"


class QuestionStatus(models.TextChoices):
    """How far a question to the vendor has come."""

    OPEN = "open", _("To be sent")
    SENT = "sent", _("Sent to the vendor")
    ANSWERED = "answered", _("Answered")
    SETTLED = "settled", _("Settled")


class LineQuestion(models.Model):
    """What somebody wants the vendor to explain about a statement line, and how far that has come."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    line = models.OneToOneField(StatementLine, on_delete=models.CASCADE, related_name="question")
    text = models.CharField(_("question"), max_length=1000)
    answer = models.CharField(_("answer"), max_length=1000, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=QuestionStatus, default=QuestionStatus.OPEN)
    asked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=QuestionStatus.values), name="question_status_known"),
            models.CheckConstraint(condition=~models.Q(text=""), name="question_has_text"),
        ]
        ordering = ["-asked_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.line_id}: {self.status}"
