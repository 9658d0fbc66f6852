"""The credited tier over time, and invitations to tiers that need one (points.md 7)."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User
from program.labels import labelled
from program.terms import ReviewResult
from tiers.reasons import Reason, from_json


class TierChange(models.Model):
    """A rise, or a review and what it did. Derived from the ledger: rewritten whenever the past is corrected.

    Tiers are named; "" is untiered. A kept review has the same tier before and after. `reason` holds what
    `tiers.reasons.to_json` writes; {} after an upgrade that changed its form, until the history is derived again.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    on = models.DateField()
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=6, choices=labelled(ReviewResult))
    before = models.CharField(max_length=60, blank=True)
    after = models.CharField(max_length=60, blank=True)
    reason = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "on", "position"], name="one_tier_step_a_place")]
        ordering = ["on", "position"]

    def __str__(self) -> str:
        return f"{self.on}: {self.before or 'untiered'} to {self.after or 'untiered'}"

    @property
    def why(self) -> Reason | None:
        """The reason as a value; None while it is not derived again."""
        return from_json(self.reason) if self.reason else None


class Invitation(models.Model):
    """An invitation to a tier by name, in force from a day."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    tier = models.CharField(max_length=60)
    on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "tier"], name="one_invitation_a_tier")]

    def __str__(self) -> str:
        return f"{self.tier} from {self.on}"


class TierPlan(models.Model):
    """Assumptions about deals, renewals and clients under a name. Nothing of it ever enters the ledger.

    `assumptions` holds what `tiers.plans.queries` writes. A plan that is not shared is its owner's alone.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    shared = models.BooleanField(_("shared inside the partner"), default=False)
    assumptions = models.JSONField(default=dict)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "owner", "name"], name="one_plan_a_name")]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name
