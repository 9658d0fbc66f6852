"""Writing the audit log, and the names of what it holds.

An action is a stable word such as `member.invited`. The app that records it names it for readers with `name_actions`.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, User
from accounts.scope import Scope, memberships_of, partner_scope, user_scope
from partner_portal.lib.collation import sort_key

_names: dict[str, str | Promise] = {}


def name_actions(names: Mapping[str, str | Promise]) -> None:
    """Tell how actions read, for the audit page and its filter. Call it from `AppConfig.ready`."""
    _names.update(names)


def action_name(action: str) -> str:
    """The action in words; an action that nobody named is shown as it is stored."""
    return str(_names.get(action, action))


def named_actions() -> list[tuple[str, str]]:
    """Every named action with its name, by name."""
    return sorted(((action, str(name)) for action, name in _names.items()), key=lambda pair: sort_key(pair[1]))


def record(scope: Scope, action: str, subject: str = "", **details: Any) -> None:
    """Add one event in the current transaction. `details` holds ids, counts and names of settings, never row contents."""
    AuditEvent.objects.create(
        partner=scope.partner, user=scope.user, action=action, subject=subject[:200], details=details
    )


def record_for_person(user: User, action: str, **details: Any) -> None:
    """Add an event about a person's own account, such as a sign-in, to the log of every partner they belong to."""
    with user_scope(user):
        partners = [membership.partner for membership in memberships_of(user)]
    for partner in partners:
        with partner_scope(partner, user):
            AuditEvent.objects.create(
                partner=partner, user=user, action=action, subject=user.email[:200], details=details
            )


name_actions(
    {
        "signin.done": _("Signed in"),
        "signin.failed": _("Sign-in refused: wrong password"),
        "signin.code_failed": _("Sign-in refused: wrong code"),
        "signin.left": _("Signed out"),
        "password.changed": _("Password changed"),
        "password.reset": _("Password set through a mailed link"),
        "email.changed": _("E-mail address changed"),
        "second_factor.added": _("Second factor added"),
        "second_factor.removed": _("Second factor removed"),
        "second_factor.renewed": _("Recovery codes renewed"),
        "second_factor.lifted": _("Second factor removed by an operator"),
        "partner.created": _("Partner created"),
        "partner.opened": _("Switched to this partner"),
        "member.invited": _("Member invited"),
        "member.invited_again": _("Invitation sent again"),
        "member.added": _("Member added by an operator"),
        "member.role_changed": _("Role changed"),
        "member.removed": _("Member removed"),
        "member.closed": _("Account closed by an operator"),
        "profile.changed": _("Own profile changed"),
        "settings.changed": _("Partner settings changed"),
        "audit.exported": _("Audit log downloaded"),
        "audit.forgotten": _("Old events of the audit log deleted"),
        "contact.added": _("Contact added"),
        "contact.changed": _("Contact changed"),
        "contact.removed": _("Contact removed"),
        "contact.restored": _("Contact restored"),
        "contact.moved": _("Contact moved"),
    }
)
