"""The credited tier over time, and invitations to tiers that need one (points.md 7)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner


class ChangeKind(models.TextChoices):
    RISE = "rise", _("Rise")
    REVIEW = "review", _("Review")
    KEPT = "kept", _("Review, kept")


class CreditedTier(models.Model):
    """A rise, or a review and what it did. Derived from the ledger: rewritten whenever the past is corrected.

    Tiers are named; "" is untiered. A kept review has the same tier before and after.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    on = models.DateField()
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=6, choices=ChangeKind)
    before = models.CharField(max_length=60, blank=True)
    after = models.CharField(max_length=60, blank=True)
    reason = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "on", "position"], name="one_tier_step_a_place")]
        ordering = ["on", "position"]

    def __str__(self) -> str:
        return f"{self.on}: {self.before or 'untiered'} to {self.after or 'untiered'}"


class Invitation(models.Model):
    """An invitation to a tier by name, in force from a day."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    tier = models.CharField(max_length=60)
    on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "tier"], name="one_invitation_a_tier")]

    def __str__(self) -> str:
        return f"{self.tier} from {self.on}"
