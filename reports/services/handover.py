"""Ownership transfer: reports and schedules of people who left a partner or may no longer sign in.

Reports that others use pass to an admin; schedules pause until an admin takes them over. Nothing is deleted.
"""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.audit import record
from accounts.models import Membership, User
from accounts.roles import Role
from accounts.scope import Scope
from reports.models import Pinned, Recipient, SavedReport, Schedule
from reports.services.schedules import pause_ownerless


@dataclass(frozen=True, slots=True)
class OwnershipTransfer:
    """The outcome of a transfer."""

    reports: int  # passed to an admin
    schedules: int  # paused until an admin takes them over


def ownerless() -> tuple[QuerySet[Schedule], QuerySet[SavedReport]]:
    """What is owned by people who left, of all partners: schedules that run, and reports that are shared or sent."""
    active = Membership.objects.filter(user__is_active=True, partner=OuterRef("partner"), user=OuterRef("owner"))
    schedules = Schedule.objects.filter(~Exists(active), paused="", deleted_at=None)
    sent = Exists(Schedule.objects.filter(report=OuterRef("pk"), deleted_at=None))
    return schedules, SavedReport.objects.filter(~Exists(active), Q(shared=True) | sent, deleted_at=None)


def hand_over(*, scope: Scope) -> OwnershipTransfer:
    """Transfer what people who left the scope's partner own there. Idempotent.

    Shared reports, and private ones that a schedule sends, go to the scope's user if an admin, else to the partner's first
    admin; other private reports stay their maker's. Schedules pause; owner, if still a member, and admins are notified once.
    """
    schedules, reports = ownerless()
    paused = list(schedules.filter(partner=scope.partner).select_related("report"))
    for schedule in paused:
        pause_ownerless(scope=scope, schedule=schedule)
    heir = _heir(scope, Membership.objects.filter(partner=scope.partner, user__is_active=True, role=Role.ADMIN))
    if heir is None:
        return OwnershipTransfer(0, len(paused))
    inherited = list(reports.filter(partner=scope.partner).order_by("pk"))
    for saved in inherited:
        # A card on the leaver's own dashboard goes; one on everybody's stays.
        pinned = Pinned.NO if saved.pinned == Pinned.MINE else saved.pinned
        SavedReport.objects.filter(pk=saved.pk).update(owner=heir, pinned=pinned)
        record(scope, "report.handed_over", saved.name, to=heir.email)
    return OwnershipTransfer(len(inherited), len(paused))


def remove_recipient(*, scope: Scope, user: User) -> None:
    """Remove somebody who leaves the scope's partner from the recipients of every schedule."""
    Recipient.objects.filter(partner=scope.partner, user=user).delete()


def _heir(scope: Scope, admins: QuerySet[Membership]) -> User | None:
    users = [membership.user for membership in admins.select_related("user").order_by("pk")]
    return scope.user if scope.user in users else next(iter(users), None)
