"""Saves and removes review packs."""

from datetime import date, datetime

from django.db import transaction

from accounts import audit
from accounts.roles import Permission
from accounts.scope import Scope
from dashboard.models import ReviewPack


@transaction.atomic
def save_pack(*, scope: Scope, title: str, on: date, as_of: datetime | None, body: str) -> ReviewPack:
    """Save a pack as it is now. Raises PermissionDenied without `Permission.SAVE`."""
    scope.require(Permission.SAVE)
    pack = ReviewPack.objects.create(
        partner=scope.partner,
        title=title,
        on=on,
        as_of=as_of,
        with_money=scope.may_see_money,
        language=scope.locale,
        body=body,
        created_by=scope.user,
    )
    audit.record(scope, "pack.kept", subject=title, on=on.isoformat())
    return pack


@transaction.atomic
def remove_pack(*, scope: Scope, pack: ReviewPack) -> None:
    """Remove a pack: its maker may, and those who may change the partner's settings. Raises PermissionDenied otherwise."""
    if pack.created_by_id is None or scope.user is None or pack.created_by_id != scope.user.pk:
        scope.require(Permission.SETTINGS)
    audit.record(scope, "pack.removed", subject=pack.title)
    pack.delete()
