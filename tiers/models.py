"""The credited tier over time, invitations to tiers that require one (points.md 7), and saved plans."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner, User
from program.labels import labelled
from program.terms import ReviewResult
from tiers.reasons import Reason, from_json


class TierChange(models.Model):
    """A rise, or the result of a review. Derived from the ledger, and rewritten when the past is corrected."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    on = models.DateField()
    #: Orders the changes of a day, from 0.
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=6, choices=labelled(ReviewResult))
    #: Names of tiers; "" is untiered. The same for a review that left the tier as it was.
    before = models.CharField(max_length=60, blank=True)
    after = models.CharField(max_length=60, blank=True)
    #: Written by `tiers.reasons.to_json`; {} after an upgrade that changed its form, until the history is derived again.
    reason = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "on", "position"], name="one_tier_step_a_place")]
        ordering = ["on", "position"]

    def __str__(self) -> str:
        return f"{self.on}: {self.before or 'untiered'} to {self.after or 'untiered'}"

    @property
    def why(self) -> Reason | None:
        """The reason as a value; None until it is derived again after an upgrade."""
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
    """Assumptions about deals, renewals and clients under a name; they never enter the ledger.

    A plan that is not shared is visible to its owner only.
    """

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    shared = models.BooleanField(_("shared inside the partner"), default=False)
    #: Written by `tiers.plans.rules.to_json`.
    assumptions = models.JSONField(default=dict)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "owner", "name"], name="one_plan_a_name")]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name
