"""Writes about people and partners. Every function is atomic and adds an audit row.

What the rules forbid raises ValidationError with a sentence for the reader; a right that is missing raises PermissionDenied.
"""

import csv
from collections.abc import Mapping
from datetime import datetime
from typing import IO
from zoneinfo import ZoneInfo

from allauth.mfa.models import Authenticator
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from accounts import audit, invitations, queries, sessions
from accounts.models import AuditEvent, Membership, Partner, TeamContact, User
from accounts.roles import Permission, Role
from accounts.scope import Scope, memberships_of, outside_partners, partner_scope, system_scope, user_scope
from partner_portal.lib.caching import note_generation_moved
from partner_portal.lib.formula_guard import guarded
from partner_portal.lib.rows.events import member_left
from partner_portal.lib.spreadsheets import COMMA_LANGUAGES
from partner_portal.postgres.guards import append_only_lifted


@transaction.atomic
def create_partner(*, slug: str, name: str, payout_currency: str, time_zone: str, language: str) -> Partner:
    """A new partner organisation, without any member. The values are checked by `NewPartnerForm`."""
    partner = Partner.objects.create(
        slug=slug, name=name, payout_currency=payout_currency, time_zone=time_zone, language=language
    )
    with partner_scope(partner):
        audit.record(system_scope(partner), "partner.created", slug)
    return partner


@transaction.atomic
def create_partner_with_admin(*, operator: User, admin: Mapping[str, str], **values: str) -> tuple[Partner, User]:
    """A new partner, as `create_partner` makes it, whose first admin is invited by mail. All of it, or nothing.

    admin: `email` and `name`. Raises as `invite` does.
    """
    partner = create_partner(**values)
    with partner_scope(partner):
        user = invite(scope=system_scope(partner), role=Role.ADMIN, **admin)
        audit.record(system_scope(partner), "partner.handed_over", user.email, operator=operator.email)
    return partner, user


@transaction.atomic
def add_member(
    *, scope: Scope, email: str, role: str, name: str = "", password: str | None = None
) -> tuple[User, bool]:
    """Make the person of this address a member; returns the person and whether they are new to the portal.

    A person who is known keeps their name and password. Raises ValidationError when they are a member already.
    """
    scope.require(Permission.MEMBERS)
    with outside_partners():
        user = User.objects.filter(email=email.lower()).first()
    is_new = user is None
    if user is None:
        user = User.objects.create_user(email, password, name=name)
    membership, created = Membership.objects.get_or_create(
        user=user, partner=scope.partner, defaults={"role": Role(role)}
    )
    if not created:
        raise ValidationError(
            _("%(email)s is a member already, as %(role)s."),
            params={"email": user.email, "role": membership.get_role_display().lower()},
        )
    audit.record(scope, "member.invited" if scope.user else "member.added", user.email, role=str(role))
    return user, is_new


@transaction.atomic
def lift_second_factor(*, user: User) -> bool:
    """For somebody who has lost both device and recovery codes: the password is enough again. False for no factor.

    Their sessions end: the device may be in other hands.
    """
    gone, _kinds = Authenticator.objects.filter(user=user).delete()
    sessions.end_all(user)
    if gone:
        audit.record_for_person(user, "second_factor.lifted")
    return bool(gone)


@transaction.atomic
def invite(*, scope: Scope, email: str, role: str, name: str = "") -> User:
    """Make somebody a member and mail them an invitation. Nothing is stored if the mail cannot be sent.

    Raises ValidationError (a member already), OSError or smtplib.SMTPException (the mail).
    """
    user, _is_new = add_member(scope=scope, email=email, role=role, name=name)
    invitations.send(scope, user)
    return user


@transaction.atomic
def invite_again(*, scope: Scope, membership_id: int) -> User:
    """Send the invitation again to somebody who has never signed in. Raises as `invite` does, and Http404."""
    scope.require(Permission.MEMBERS)
    user = queries.member(scope, membership_id).user
    if user.last_login is not None:
        raise ValidationError(_("%(email)s has signed in already."), params={"email": user.email})
    audit.record(scope, "member.invited_again", user.email)
    invitations.send(scope, user)
    return user


@transaction.atomic
def change_role(*, scope: Scope, membership_id: int, role: str) -> Membership:
    """Give a member another role. Raises ValidationError for one's own, or for the last admin; Http404."""
    member = _member_for_change(scope, membership_id, stays_admin=role == Role.ADMIN)
    before = member.role
    if before != role:
        member.role = Role(role)
        member.save(update_fields=["role"])
        audit.record(scope, "member.role_changed", member.user.email, old=before, new=str(role))
    return member


@transaction.atomic
def remove_member(*, scope: Scope, membership_id: int) -> tuple[User, list[str]]:
    """End a membership; what the person did stays in the log. Raises as `change_role` does.

    Whatever gave them access ends too (`member_left`): a later invitation gives none of it back. Somebody who belongs to no
    other partner is signed out everywhere; other people's sessions open this partner no more.
    Returns the person, and sentences about what became of what they left behind.
    """
    member = _member_for_change(scope, membership_id, stays_admin=False)
    user = member.user
    audit.record(scope, "member.removed", user.email, role=member.role)
    member.delete()
    with user_scope(user):
        belongs_elsewhere = bool(memberships_of(user))
    if belongs_elsewhere:
        sessions.close_partner(user, scope.partner.pk)
    else:
        sessions.end_all(user)
    answers = member_left.send(sender=Membership, scope=scope, user=user)
    return user, [sentence for _receiver, sentence in answers if sentence]


@transaction.atomic
def close_account(*, user: User) -> bool:
    """Let somebody sign in no more, end their sessions, and what gave them access in every partner. False when closed.

    For operators. Memberships stay, so that admins see whose they were; an account that is opened again has to make new
    tokens and addresses.
    """
    with outside_partners():
        if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            return False
    user.is_active = False
    sessions.end_all(user)
    with user_scope(user):
        partners = [membership.partner for membership in memberships_of(user)]
    for partner in partners:
        with partner_scope(partner):
            scope = system_scope(partner)
            audit.record(scope, "member.closed", user.email)
            member_left.send(sender=Membership, scope=scope, user=user)
    return True


def _member_for_change(scope: Scope, membership_id: int, *, stays_admin: bool) -> Membership:
    """The membership, with every admin's row locked, so that two admins cannot end each other's role at once."""
    scope.require(Permission.MEMBERS)
    locked = Membership.objects.select_for_update().filter(partner=scope.partner, role=Role.ADMIN).order_by("pk")
    admins = {admin.pk: admin.user_id for admin in locked}
    member = queries.member(scope, membership_id)
    if scope.user is not None:
        if scope.user.pk not in admins.values():  # it was so when the request began
            raise PermissionDenied(Permission.MEMBERS)
        if member.user_id == scope.user.pk:
            raise ValidationError(_("You can’t change your own role. Ask another admin."))
    if not stays_admin and not admins.keys() - {member.pk}:
        raise ValidationError(_("A partner keeps at least one admin."))
    return member


@transaction.atomic
def export_audit(*, scope: Scope, events: QuerySet[AuditEvent], out: IO[str]) -> int:
    """Write events as a CSV that spreadsheets of the reader's language open, and note that; returns how many rows."""
    scope.require(Permission.AUDIT)
    out.write("\ufeff")
    comma = scope.locale.partition("-")[0] in COMMA_LANGUAGES
    file = csv.writer(out, delimiter=";" if comma else ",")
    file.writerow([_("When"), _("Who"), _("E-mail"), _("What"), _("Action"), _("About"), _("Details")])
    zone, count = ZoneInfo(scope.partner.time_zone), 0
    for event in events.iterator(chunk_size=2000):
        [row] = queries.audit_rows([event])
        email = event.user.email if event.user else ""
        texts = (row.who, email, row.action, event.action, row.subject, row.details)
        file.writerow([row.at.astimezone(zone).isoformat(sep=" ", timespec="seconds"), *map(guarded, texts)])
        count += 1
    audit.record(scope, "audit.exported", rows=count)
    return count


def forget_audit(*, partner: Partner, before: datetime) -> int:
    """Delete a partner's events from before an instant; returns how many. Only the tables' owner may, and a note stays."""
    with partner_scope(partner):
        with append_only_lifted(AuditEvent):
            gone, _by_model = AuditEvent.objects.filter(partner=partner, at__lt=before).delete()
        if gone:
            audit.record(system_scope(partner), "audit.forgotten", rows=gone, before=f"{before:%Y-%m-%d}")
    return gone


@transaction.atomic
def change_preferences(*, scope: Scope, **changes: str | bool) -> None:
    """Save fields of the scope's user, such as `name`, `theme` or `language`. The values are validated by the form."""
    user = scope.user
    if user is None:
        raise ValueError("the system has no preferences")
    stored = User.objects.get(pk=user.pk)  # the form may have changed the request's own user already
    changed = sorted(field for field, value in changes.items() if getattr(stored, field) != value)
    if not changed:
        return
    User.objects.filter(pk=user.pk).update(**{field: changes[field] for field in changed})
    for field in changed:
        setattr(user, field, changes[field])
    audit.record(scope, "profile.changed", user.email, fields=changed)


def save_ranges(*, scope: Scope, ranges: dict[str, dict[str, str]]) -> None:
    """Save the ranges that the scope's user chose last in this partner. Not audited: viewing changes no data."""
    Membership.objects.filter(user=scope.user, partner=scope.partner).update(ranges=ranges)


def save_panels(*, scope: Scope, panels: Mapping[str, object]) -> None:
    """Save how the scope's user laid out the panels of pages in this partner. Not audited: viewing changes no data."""
    Membership.objects.filter(user=scope.user, partner=scope.partner).update(panels=panels)


def save_columns(*, scope: Scope, columns: Mapping[str, object]) -> None:
    """Save the columns that the scope's user chose, by dataset, in this partner. Not audited: viewing changes no data."""
    Membership.objects.filter(user=scope.user, partner=scope.partner).update(columns=columns)


def hide_checklist(*, scope: Scope) -> None:
    """Hide the checklist of the first day from the scope's user in this partner. Not audited: no data changes."""
    Membership.objects.filter(user=scope.user, partner=scope.partner).update(checklist_hidden=True)


@transaction.atomic
def record_opening(*, scope: Scope, partner: Partner) -> None:
    """Note in another partner's log that its member turned to it. Only ever that person's own membership."""
    if scope.user is None:
        raise ValueError("the system opens nothing")
    with partner_scope(partner, scope.user):
        audit.record(
            Scope(scope.user, partner, scope.role, scope.permissions, scope.locale, scope.today),
            "partner.opened",
            scope.user.email,
        )


def bump_generation(scope: Scope) -> None:
    """Move the partner's generation after a write of facts, entries or settings: what was cached of them is out of date.

    The scope's partner and what the scope has read follow, so that nothing older is stored under the new generation. After a
    rollback call `reload_partner`: the transaction's generation was never anybody else's.
    """
    Partner.objects.filter(pk=scope.partner.pk).update(generation=F("generation") + 1)
    note_generation_moved()
    reload_partner(scope)


def reload_partner(scope: Scope) -> None:
    """Read the scope's partner again and drop everything the scope has cached."""
    scope.partner.refresh_from_db()
    scope.forget()


@transaction.atomic
def change_partner(*, scope: Scope, values: Mapping[str, object]) -> list[str]:
    """Change the partner's settings; returns the names of those that changed. The values are checked by `PartnerForm`."""
    scope.require(Permission.SETTINGS)
    partner = Partner.objects.select_for_update().get(pk=scope.partner.pk)
    changed = sorted(field for field, value in values.items() if getattr(partner, field) != value)
    if changed:
        Partner.objects.filter(pk=partner.pk).update(**{field: values[field] for field in changed})
        bump_generation(scope)  # cached pages show the name, the currency and the day
        audit.record(scope, "settings.changed", partner.slug, fields=changed)
    return changed


@transaction.atomic
def add_contact(*, scope: Scope, values: Mapping[str, object]) -> TeamContact:
    """Add a contact at the vendor, behind the others."""
    scope.require(Permission.SETTINGS)
    position = len(_contacts_for_change(scope))
    contact = TeamContact.objects.create(partner=scope.partner, position=position, **values)
    audit.record(scope, "contact.added", contact.name, role=contact.role)
    return contact


@transaction.atomic
def restore_contact(*, scope: Scope, contact_id: int, values: Mapping[str, object], position: int) -> TeamContact:
    """Undo the removal of a contact: as it was, where it was, once. `contact_id` is the one that it had in this partner."""
    scope.require(Permission.SETTINGS)
    others = _contacts_for_change(scope)
    contact = next((other for other in others if other.pk == contact_id), None)
    if contact is None:
        contact = TeamContact(pk=contact_id, partner=scope.partner, **values)
        contact.save(force_insert=True)
        _renumber([*others[:position], contact, *others[position:]])
        audit.record(scope, "contact.restored", contact.name, role=contact.role)
    return contact


@transaction.atomic
def change_contact(*, scope: Scope, contact_id: int, values: Mapping[str, object]) -> TeamContact:
    """Change a contact. Raises Http404."""
    scope.require(Permission.SETTINGS)
    contact = queries.team_contact(scope, contact_id)
    changed = sorted(field for field, value in values.items() if getattr(contact, field) != value)
    if changed:
        for field in changed:
            setattr(contact, field, values[field])
        contact.save(update_fields=changed)
        audit.record(scope, "contact.changed", contact.name, fields=changed)
    return contact


@transaction.atomic
def remove_contact(*, scope: Scope, contact_id: int) -> TeamContact:
    """Remove a contact and return it as it was, so that it can be added again. Raises Http404."""
    scope.require(Permission.SETTINGS)
    contact = queries.team_contact(scope, contact_id)
    audit.record(scope, "contact.removed", contact.name, role=contact.role)
    TeamContact.objects.filter(partner=scope.partner, pk=contact.pk).delete()
    _renumber(_contacts_for_change(scope))
    return contact


@transaction.atomic
def move_contact(*, scope: Scope, contact_id: int, earlier: bool) -> TeamContact:
    """Move a contact one place; the first and the last stay where they are. Raises Http404."""
    scope.require(Permission.SETTINGS)
    contacts = _contacts_for_change(scope)
    contact = queries.team_contact(scope, contact_id)
    place = next(index for index, row in enumerate(contacts) if row.pk == contact.pk)
    other = place - 1 if earlier else place + 1
    if 0 <= other < len(contacts):
        contacts[place], contacts[other] = contacts[other], contacts[place]
        _renumber(contacts)
        audit.record(scope, "contact.moved", contact.name, place=other + 1)
    return contact


def _contacts_for_change(scope: Scope) -> list[TeamContact]:
    return list(TeamContact.objects.select_for_update().filter(partner=scope.partner))


def _renumber(contacts: list[TeamContact]) -> None:
    for position, contact in enumerate(contacts):
        contact.position = position
    TeamContact.objects.bulk_update(contacts, ["position"])
