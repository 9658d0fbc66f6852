"""Reads of notices: a person's inbox, how many they have not read, and which partners are due for a check."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time

from django.core import signing
from django.db.models import (
    Case,
    DateField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    QuerySet,
    Value,
    When,
)
from django.http import Http404

from accounts.models import Membership, Partner, User
from accounts.roles import PERMISSIONS
from accounts.scope import Scope, outside_partners
from ledger.models import Posting
from notices.kinds import DEFAULT_PLACES, KINDS, NoticeKind, visible_kinds
from notices.models import EventCheck, Notice, NoticeSettings
from notices.rules import after_quiet
from notices.texts import Sentences, sentences
from partner_portal.lib.dates import clock
from reports.schedule import Rule

STOP_SALT = "notices.stop"
STOP_DIGEST, STOP_MAILS = "digest", "mails"


def unread_count() -> Func:
    """Annotation of memberships: how many notices of the bell their person has not read and may see in their role.

    It is part of every request, and is put together once.
    """
    roles = " OR ".join(
        f"reader.role = '{role}' AND n.kind IN ({', '.join(f"'{kind}'" for kind in visible_kinds(role))})"
        for role in PERMISSIONS
    )
    return Func(
        F("partner"),
        F("user"),
        F("role"),
        template=f"(SELECT count(*) FROM (SELECT %(expressions)s) AS reader (partner_id, user_id, role)"  # noqa: S608 -- our own names
        " JOIN notices_notice n ON n.partner_id = reader.partner_id AND n.user_id = reader.user_id"
        f" WHERE n.in_bell AND n.read_at IS NULL AND ({roles}))",
        output_field=IntegerField(),
    )


def notices(scope: Scope) -> QuerySet[Notice]:
    """The user's notices that their present role may read, newest first."""
    kinds = list(visible_kinds(scope.role))
    return Notice.objects.filter(partner=scope.partner, user=scope.user, kind__in=kinds).order_by("-pk")


def inbox(scope: Scope, *, kind: str = "", unread: bool = False) -> QuerySet[Notice]:
    """The notices of the user's inbox; kind: of this one only, "" for all. unread: without those that were read."""
    rows = notices(scope).filter(in_bell=True)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.filter(read_at=None) if unread else rows


def notice(scope: Scope, pk: int) -> Notice:
    """One of the user's notices. Raises Http404, also for somebody else's."""
    match = inbox(scope).filter(pk=pk).first()
    if match is None:
        raise Http404
    return match


@dataclass(frozen=True, slots=True)
class Reader:
    """A member of the partner, and which notices they want."""

    user_id: int
    role: str
    settings: NoticeSettings

    @property
    def fall(self) -> int:
        """More points than this have to go in a week for a notice."""
        return self.settings.fall

    def may_see(self, kind: NoticeKind) -> bool:
        """Whether the member's role may see notices of the kind."""
        return KINDS[kind].permission in PERMISSIONS[self.role]

    def places(self, kind: NoticeKind) -> Collection[str]:
        """Where the member wants notices of the kind; none for not at all."""
        chosen: Collection[str] = self.settings.places.get(kind.value, DEFAULT_PLACES)
        return chosen

    def mail_at(self, now: datetime, zone: str) -> datetime:
        """When a mail may go out: now, or at the end of the member's quiet hours."""
        return after_quiet(now, quiet_hours(self.settings), zone)


def quiet_hours(chosen: NoticeSettings) -> tuple[time, time] | None:
    """Between which times no mail is sent; None for none."""
    return (chosen.quiet_from, chosen.quiet_until) if chosen.quiet_from and chosen.quiet_until else None


def readers(scope: Scope, people: Collection[int] | None = None) -> list[Reader]:
    """The active members of the partner, or those of `people` (primary keys). Two queries."""
    members = Membership.objects.filter(partner=scope.partner, user__is_active=True).order_by("pk")
    if people is not None:
        members = members.filter(user__in=people)
    stored = {row.user_id: row for row in NoticeSettings.objects.filter(partner=scope.partner)}
    return [Reader(row.user_id, row.role, stored.get(row.user_id) or NoticeSettings()) for row in members]


def settings_of(scope: Scope) -> NoticeSettings:
    """The user's settings, with the defaults when they never changed any."""
    stored = NoticeSettings.objects.filter(partner=scope.partner, user=scope.user).first()
    return stored or NoticeSettings(partner=scope.partner, user=scope.user)


def digest_rule(chosen: NoticeSettings, zone: str) -> Rule:
    """When the person's digest is due: weekly ones on Mondays."""
    return Rule(chosen.digest, chosen.digest_at, zone)


def stop_token(scope: Scope, user: User, what: str) -> str:
    """Signed token of an unsubscribe link. what: STOP_DIGEST or STOP_MAILS."""
    return signing.dumps([scope.partner.pk, user.pk, what], salt=STOP_SALT)


def stopped_by_token(token: str) -> tuple[Partner, User, str]:
    """The partner and person that an unsubscribe token names, and what ends. Raises Http404."""
    try:
        partner_id, user_id, what = signing.loads(token, salt=STOP_SALT)
    except signing.BadSignature as error:
        raise Http404 from error
    with outside_partners():  # whoever is signed in on this device may belong to another partner
        partner, user = Partner.objects.filter(pk=partner_id).first(), User.objects.filter(pk=user_id).first()
    if partner is None or user is None:
        raise Http404
    return partner, user, what


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """A notice with its words."""

    row: Notice
    label: str
    words: Sentences


def shown(rows: Sequence[Notice]) -> list[ShownNotice]:
    """The notices in the active language."""
    return [ShownNotice(row, str(KINDS[NoticeKind(row.kind)].label), sentences(row.kind, row.values)) for row in rows]


def due_checks() -> QuerySet[Posting]:
    """The ledgers of partners whose facts, or whose day, have moved since the last check. For `accounts.scope.partners_with`."""
    zones = Partner.objects.values_list("time_zone", flat=True).distinct()
    days = [When(partner__time_zone=zone, then=Value(clock.today(zone))) for zone in zones]
    here = Case(*days, output_field=DateField()) if days else Value(None, DateField())
    checked = EventCheck.objects.filter(
        partner=OuterRef("partner"), generation=OuterRef("partner__generation"), checked_on=OuterRef("day_there")
    )
    return Posting.objects.annotate(day_there=here).filter(~Exists(checked))
