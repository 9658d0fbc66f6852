"""Saves and deletes tier plans."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now

from accounts.audit import record
from accounts.roles import Permission
from accounts.scope import Scope
from tiers.models import TierPlan
from tiers.plans.queries import plan_of
from tiers.plans.rules import MOST_ASSUMPTIONS, Assumptions, to_json


class TooManyAssumptionsError(ValueError):
    """More assumptions than MOST_ASSUMPTIONS."""


class PlanNameTakenError(ValueError):
    """The user already has a plan of that name."""


@transaction.atomic
def save_plan(*, scope: Scope, name: str, assumed: Assumptions, shared: bool, plan_id: int | None = None) -> TierPlan:
    """Save a plan under a name, as a new one or in place of the user's own plan `plan_id`. Nothing enters the ledger.

    Raises:
        PermissionDenied: without the right to save, or for somebody else's plan.
        Http404: there is no plan `plan_id`.
        PlanNameTakenError: the user has another plan of that name.
        TooManyAssumptionsError: more than MOST_ASSUMPTIONS.
    """
    scope.require(Permission.SAVE)
    if assumed.count > MOST_ASSUMPTIONS:
        raise TooManyAssumptionsError(assumed.count)
    plan = TierPlan(partner=scope.partner, owner=scope.user) if plan_id is None else _own_plan(scope, plan_id)
    if TierPlan.objects.filter(partner=scope.partner, owner=scope.user, name=name).exclude(pk=plan.pk).exists():
        raise PlanNameTakenError(name)
    plan.name, plan.shared, plan.assumptions = name, shared, to_json(assumed)
    plan.updated_at = Now()
    plan.save()
    record(scope, "tiers.plan_saved", name, shared=shared)
    return plan


@transaction.atomic
def delete_plan(*, scope: Scope, plan_id: int) -> str:
    """Delete one of the user's own plans and return its name. Raises PermissionDenied and Http404 as `save_plan` does."""
    scope.require(Permission.SAVE)
    plan = _own_plan(scope, plan_id)
    plan.delete()
    record(scope, "tiers.plan_deleted", plan.name)
    return plan.name


def _own_plan(scope: Scope, plan_id: int) -> TierPlan:
    plan = plan_of(scope, plan_id)
    if plan.owner_id != (scope.user.pk if scope.user else None):
        raise PermissionDenied("somebody else's plan")
    return plan
