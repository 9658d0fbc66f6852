"""Receivers of signals: events of other apps, and members who leave."""

from collections.abc import Collection, Mapping

from django.dispatch import receiver

from accounts.models import User
from accounts.scope import Scope
from notices import channels
from notices.events import Event
from notices.kinds import NoticeKind
from notices.models import DigestRun, Notice, NoticeSettings
from notices.services import notify
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.events import attended, credentials_rotated, member_left, noteworthy


@receiver(noteworthy, dispatch_uid="notices.notify")
def tell_of_event(
    *, scope: Scope, kind: str, key: str, values: Mapping[str, object], people: Collection[int] | None, **_: object
) -> None:
    """Receive `noteworthy`: notify the people whom it concerns."""
    notify(scope=scope, events=[Event(NoticeKind(kind), key, values)], people=people)


@receiver(attended, dispatch_uid="notices.attended")
def mark_attended(*, scope: Scope, kind: str, key: str, **_: object) -> None:
    """Receive `attended`: the user need not read that notice any more."""
    unread = Notice.objects.filter(partner=scope.partner, user=scope.user, kind=kind, key=key, read_at=None)
    unread.update(read_at=clock.now())


@receiver(member_left, dispatch_uid="notices.delete_notices_of_leaver")
def delete_notices_of_leaver(*, scope: Scope, user: User, **_: object) -> None:
    """Receive `member_left`: delete the person's notices, settings and digests in the scope's partner."""
    for model in (Notice, NoticeSettings, DigestRun):
        model.objects.filter(partner=scope.partner, user=user).delete()


@receiver(credentials_rotated, dispatch_uid="notices.rotate")
def rotate_addresses(*, scope: Scope, **_: object) -> tuple[int, list[str]]:
    """Receive `credentials_rotated`: encrypt the addresses of channels with the newest key."""
    return channels.rotate(scope=scope)
