"""Reads about a partner's people, contacts and audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, QuerySet
from django.shortcuts import get_object_or_404

from accounts.audit import action_name
from accounts.models import AuditEvent, Membership, Partner, TeamContact, User
from accounts.scope import Scope
from partner_portal.lib.collation import sort_key
from partner_portal.lib.dates.periods import FIRST_DAY, LAST_DAY


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A row of the members page."""

    #: The key of the membership.
    id: int
    name: str
    email: str
    #: A `Role`, and its translated name.
    role: str
    role_label: str
    #: When the membership began.
    since: datetime
    #: None: never.
    last_sign_in: datetime | None
    #: Whether signing in takes a second factor.
    second_factor: bool
    #: Whether the person has never signed in.
    pending: bool
    #: Whether it is the reader's own membership.
    is_self: bool


def members(scope: Scope) -> list[MemberRow]:
    """The partner's people, by name. One query."""
    factors = Authenticator.objects.filter(user=OuterRef("user"), type=Authenticator.Type.TOTP)
    memberships = (
        Membership.objects.filter(partner=scope.partner).select_related("user").annotate(second_factor=Exists(factors))
    )
    rows = [
        MemberRow(
            id=membership.pk,
            name=membership.user.name,
            email=membership.user.email,
            role=membership.role,
            role_label=membership.get_role_display(),
            since=membership.created_at,
            last_sign_in=membership.user.last_login,
            second_factor=membership.second_factor,
            pending=membership.user.last_login is None,
            is_self=scope.user is not None and membership.user_id == scope.user.pk,
        )
        for membership in memberships
    ]
    return sorted(rows, key=lambda row: sort_key(row.name or row.email))


def all_partners() -> QuerySet[Partner]:
    """Every partner by name, for operators."""
    return Partner.objects.order_by("name", "pk")


def partner_by_slug(slug: str) -> Partner | None:
    """For commands: the partner that an operator names. A page has its scope instead."""
    return Partner.objects.filter(slug=slug).first()


def member(scope: Scope, pk: int) -> Membership:
    """One membership of this partner. Raises Http404."""
    return get_object_or_404(Membership.objects.select_related("user"), partner=scope.partner, pk=pk)


def team_contacts(scope: Scope) -> list[TeamContact]:
    """The partner's contacts at the vendor, in the order that the settings give them."""
    return list(TeamContact.objects.filter(partner=scope.partner))


def team_contact(scope: Scope, pk: int) -> TeamContact:
    """One contact of this partner. Raises Http404."""
    return get_object_or_404(TeamContact, partner=scope.partner, pk=pk)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An event of the audit log as text."""

    at: datetime
    #: Who acted; "" for the portal itself.
    who: str
    #: The translated name of the action.
    action: str
    #: Who or what the action was about.
    subject: str
    #: Further data, as text.
    details: str


def audit_events(
    scope: Scope,
    *,
    action: str = "",
    person: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[AuditEvent]:
    """The partner's events, newest first.

    since, until: days in the partner's time zone, both included; they are limited to FIRST_DAY and LAST_DAY.
    """
    events = AuditEvent.objects.filter(partner=scope.partner).select_related("user").order_by("-at", "-pk")
    if action:
        events = events.filter(action=action)
    if person is not None:
        events = events.filter(user_id=person)
    zone = ZoneInfo(scope.partner.time_zone)
    if since is not None:
        events = events.filter(at__gte=datetime.combine(max(since, FIRST_DAY), time.min, zone))
    if until is not None:
        events = events.filter(at__lt=datetime.combine(min(until, LAST_DAY) + timedelta(days=1), time.min, zone))
    return events


def audit_rows(events: Iterable[AuditEvent]) -> list[AuditRow]:
    """Events for reading."""
    return [
        AuditRow(
            at=event.at,
            who=str(event.user) if event.user else "",
            action=action_name(event.action),
            subject=event.subject,
            details="; ".join(f"{key}: {_plain(value)}" for key, value in event.details.items()),
        )
        for event in events
    ]


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def audit_people(scope: Scope) -> list[tuple[int, str]]:
    """Everybody who did something in this partner, former members too: id and name, by name."""
    ids = AuditEvent.objects.filter(partner=scope.partner, user__isnull=False).values("user_id").distinct()
    people = [(user.pk, str(user)) for user in User.objects.filter(pk__in=ids)]
    return sorted(people, key=lambda pair: sort_key(pair[1]))
