"""Derives the credited tier's history anew whenever the ledger was posted, and records invitations."""

from datetime import date
from typing import Any

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
from program.queries import rulebook
from tiers import rules
from tiers.measures import history_measures
from tiers.models import Invitation, TierChange
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
