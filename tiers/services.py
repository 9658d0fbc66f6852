"""Derives the credited tier's history anew whenever the ledger was posted, and records invitations."""

from datetime import date
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from accounts.audit import record
from accounts.roles import Permission
from accounts.scope import Scope
from ledger.queries import history_starts
from ledger.services import ledger_posted
from program.queries import rulebook
from tiers import rules
from tiers.measures import history_measures
from tiers.models import ChangeKind, CreditedTier, Invitation

KINDS = {rules.RISE: ChangeKind.RISE, rules.REVIEW_FALL: ChangeKind.REVIEW, rules.REVIEW_KEPT: ChangeKind.KEPT}


@receiver(ledger_posted)
def ledger_was_posted(sender: Any, scope: Scope, **_: Any) -> None:
    """Receiver: any entry may move the history."""
    derive_history(scope=scope)


@transaction.atomic
def derive_history(*, scope: Scope) -> None:
    """Work out every rise and review up to today; rows are rewritten only where they differ (points.md 7, 12)."""
    measures = history_measures(scope, scope.today)
    invitations = [rules.Invitation(row.tier, row.on) for row in Invitation.objects.filter(partner=scope.partner)]
    found = rules.CreditedTier(measures, rulebook(scope), invitations).history(history_starts(scope), scope.today)
    places: dict[date, int] = {}
    wanted = []
    for row in found:
        places[row.on] = places.get(row.on, -1) + 1
        wanted.append((row.on, places[row.on], KINDS[row.kind].value, row.before or "", row.after or "", row.reason))
    stored = CreditedTier.objects.filter(partner=scope.partner)
    if list(stored.values_list("on", "position", "kind", "before", "after", "reason")) == wanted:
        return
    stored.delete()
    fields = ("on", "position", "kind", "before", "after", "reason")
    CreditedTier.objects.bulk_create(
        CreditedTier(partner=scope.partner, **dict(zip(fields, row, strict=True))) for row in wanted
    )


@transaction.atomic
def record_invitation(*, scope: Scope, tier: str, on: date) -> Invitation:
    """Record that the vendor invited the partner to a tier. Raises PermissionDenied without the settings right."""
    scope.require(Permission.SETTINGS)
    invitation, _created = Invitation.objects.update_or_create(partner=scope.partner, tier=tier, defaults={"on": on})
    record(scope, "tiers.invitation", tier, on=on.isoformat())
    derive_history(scope=scope)
    return invitation
