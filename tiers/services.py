"""Derives the history of the credited tier after every posting of the ledger, and records invitations."""

from datetime import date

from django.apps import AppConfig
from django.apps import apps as all_apps
from django.apps.registry import Apps
from django.db import transaction
from django.dispatch import receiver
from django.http import Http404

from accounts.audit import record
from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope, partner_scope, system_scope
from accounts.services import bump_generation
from ledger.queries import history_starts
from partner_portal.lib.rows.events import ledger_posted
from program import own_thresholds
from program.own_thresholds import OwnThresholds
from program.queries import rulebook
from tiers import rules
from tiers.measures import history_measures
from tiers.models import Invitation, TierChange
from tiers.queries import invitations
from tiers.reasons import to_json


@receiver(ledger_posted)
def derive_after_posting(sender: object, scope: Scope, **_: object) -> None:
    """Receiver of ledger_posted: derive the history again, since any entry may change it."""
    derive_history(scope=scope)


@transaction.atomic
def derive_history(*, scope: Scope) -> None:
    """Derive every rise and review up to today, and store them if they differ from the stored ones (points.md 7, 12)."""
    measures = history_measures(scope, scope.today)
    credited = rules.CreditedTier(measures, rulebook(scope), invitations(scope))
    positions: dict[date, int] = {}
    derived = []
    for row in credited.history(history_starts(scope), scope.today):
        positions[row.on] = positions.get(row.on, -1) + 1
        reason = to_json(row.reason)
        derived.append((row.on, positions[row.on], row.kind, row.before or "", row.after or "", reason))
    stored = TierChange.objects.filter(partner=scope.partner)
    if list(stored.values_list("on", "position", "kind", "before", "after", "reason")) == derived:
        return
    stored.delete()
    fields = ("on", "position", "kind", "before", "after", "reason")
    TierChange.objects.bulk_create(
        TierChange(partner=scope.partner, **dict(zip(fields, row, strict=True))) for row in derived
    )
    scope.forget()


def derive_marked_histories(sender: AppConfig, apps: Apps = all_apps, **_: object) -> None:
    """Receiver of post_migrate: derive the histories whose reasons a migration left empty.

    Does nothing while `apps`, the models after migrating, do not have the model: before its migration, or after it was undone.
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
def enter_thresholds(*, scope: Scope, start: date, own: OwnThresholds | None) -> None:
    """Replace the thresholds of the rule set that starts on the day by the partner's own; None brings the programme's back.

    The history of the credited tier is derived again. Raises PermissionDenied without the settings right.
    """
    scope.require(Permission.SETTINGS)
    partner = Partner.objects.select_for_update().get(pk=scope.partner_id)
    stored = {day: values for day, values in partner.thresholds.items() if day != start.isoformat()}
    if own is not None:
        stored[start.isoformat()] = own_thresholds.to_json(own)
    Partner.objects.filter(pk=partner.pk).update(thresholds=stored)
    action = "tiers.thresholds_entered" if own else "tiers.thresholds_removed"
    record(scope, action, scope.partner.slug, rule_set=start.isoformat(), source=own.source if own else "")
    bump_generation(scope)
    derive_history(scope=scope)


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
    """Remove an invitation that was recorded by mistake, and derive the history without it.

    Raises:
        Http404: there is no such invitation.
        PermissionDenied: without the settings right.
    """
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
