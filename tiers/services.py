"""Derives the credited tier's history anew whenever the ledger was posted, and records invitations."""

from datetime import date
from typing import Any

from django.apps import AppConfig
from django.apps import apps as all_apps
from django.apps.registry import Apps
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now
from django.dispatch import receiver
from django.http import Http404

from accounts.audit import record
from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope, partner_scope, system_scope
from accounts.services import bump_generation
from ledger.queries import history_starts
from partner_portal.lib.rows.events import ledger_posted
from program.queries import rulebook
from tiers import rules
from tiers.measures import history_measures
from tiers.models import Invitation, TierChange, TierPlan
from tiers.plan_rules import MOST_ASSUMPTIONS, Assumptions
from tiers.plans import plan_of, written
from tiers.queries import invitations
from tiers.reasons import to_json


@receiver(ledger_posted)
def ledger_was_posted(sender: Any, scope: Scope, **_: Any) -> None:
    """Receiver: any entry may move the history."""
    derive_history(scope=scope)


@transaction.atomic
def derive_history(*, scope: Scope) -> None:
    """Work out every rise and review up to today; rows are rewritten only where they differ (points.md 7, 12)."""
    measures = history_measures(scope, scope.today)
    walk = rules.CreditedTier(measures, rulebook(scope), invitations(scope))
    found = walk.history(history_starts(scope), scope.today)
    places: dict[date, int] = {}
    wanted = []
    for row in found:
        places[row.on] = places.get(row.on, -1) + 1
        reason = to_json(row.reason)
        wanted.append((row.on, places[row.on], row.kind, row.before or "", row.after or "", reason))
    stored = TierChange.objects.filter(partner=scope.partner)
    if list(stored.values_list("on", "position", "kind", "before", "after", "reason")) == wanted:
        return
    stored.delete()
    fields = ("on", "position", "kind", "before", "after", "reason")
    TierChange.objects.bulk_create(
        TierChange(partner=scope.partner, **dict(zip(fields, row, strict=True))) for row in wanted
    )
    scope.forget()


def derive_marked_histories(sender: AppConfig, apps: Apps = all_apps, **_: Any) -> None:
    """Receiver of post_migrate: derive the histories whose reasons a migration left empty.

    Does nothing where `apps`, the models after migrating, are not yet or no longer those of this code.
    """
    try:
        apps.get_model("tiers", "TierChange")
    except LookupError:
        return
    for partner in Partner.objects.order_by("pk"):
        with partner_scope(partner):
            if TierChange.objects.filter(partner=partner, reason={}).exists():
                derive_history(scope=system_scope(partner))


@transaction.atomic
def record_invitation(*, scope: Scope, tier: str, on: date) -> Invitation:
    """Record that the vendor invited the partner to a tier. Raises PermissionDenied without the settings right."""
    scope.require(Permission.SETTINGS)
    invitation, _created = Invitation.objects.update_or_create(partner=scope.partner, tier=tier, defaults={"on": on})
    record(scope, "tiers.invitation", tier, on=on.isoformat())
    _invitations_changed(scope)
    return invitation


@transaction.atomic
def remove_invitation(*, scope: Scope, tier: str) -> None:
    """Take back an invitation that was recorded by mistake: the history is as if it had never been. Raises Http404, and
    PermissionDenied without the settings right."""
    scope.require(Permission.SETTINGS)
    deleted, _by_model = Invitation.objects.filter(partner=scope.partner, tier=tier).delete()
    if not deleted:
        raise Http404("no such invitation")
    record(scope, "tiers.invitation_removed", tier)
    _invitations_changed(scope)


def _invitations_changed(scope: Scope) -> None:
    """Invalidate cached figures and derive the history again."""
    bump_generation(scope)
    derive_history(scope=scope)


class TooManyAssumptionsError(ValueError):
    """More assumptions than a plan holds (`tiers.plan_rules.MOST_ASSUMPTIONS`)."""


class PlanNameTakenError(ValueError):
    """The person already has a plan of that name."""


@transaction.atomic
def save_plan(*, scope: Scope, name: str, assumed: Assumptions, shared: bool, plan_id: int | None = None) -> TierPlan:
    """Keep a plan under a name, new or in place of one's own. Nothing of it enters the ledger.

    Raises PermissionDenied without the right to keep things or for somebody else's plan, Http404 for an unknown plan, and
    PlanNameTakenError or TooManyAssumptionsError.
    """
    scope.require(Permission.KEEP)
    if assumed.count > MOST_ASSUMPTIONS:
        raise TooManyAssumptionsError(assumed.count)
    plan = TierPlan(partner=scope.partner, owner=scope.user) if plan_id is None else _own_plan(scope, plan_id)
    if TierPlan.objects.filter(partner=scope.partner, owner=scope.user, name=name).exclude(pk=plan.pk).exists():
        raise PlanNameTakenError(name)
    plan.name, plan.shared, plan.assumptions = name, shared, written(assumed)
    plan.updated_at = Now()
    plan.save()
    record(scope, "tiers.plan_saved", name, shared=shared)
    return plan


@transaction.atomic
def delete_plan(*, scope: Scope, plan_id: int) -> str:
    """Remove one's own plan; gives its name. Raises as `save_plan`."""
    scope.require(Permission.KEEP)
    plan = _own_plan(scope, plan_id)
    plan.delete()
    record(scope, "tiers.plan_deleted", plan.name)
    return plan.name


def _own_plan(scope: Scope, plan_id: int) -> TierPlan:
    plan = plan_of(scope, plan_id)
    if plan.owner_id != (scope.user.pk if scope.user else None):
        raise PermissionDenied("somebody else's plan")
    return plan
