"""Writes the audit log, and names its actions for readers.

An action is a stable key such as `member.invited`. The app that records it names it in its `AppConfig.ready`.
"""

from collections.abc import Mapping

from django.utils.functional import Promise

from accounts.models import AuditEvent, User
from accounts.scope import Scope, memberships_of, partner_scope, user_scope
from partner_portal.lib.collation import sort_key

_names: dict[str, str | Promise] = {}


def name_actions(names: Mapping[str, str | Promise]) -> None:
    """Declare the names of actions for the audit page and its filter. Call it from `AppConfig.ready`."""
    _names.update(names)


def action_name(action: str) -> str:
    """The name of the action for readers; the key itself where nobody named it."""
    return str(_names.get(action, action))


def named_actions() -> list[tuple[str, str]]:
    """Every named action with its name, by name."""
    return sorted(((action, str(name)) for action, name in _names.items()), key=lambda pair: sort_key(pair[1]))


def record(scope: Scope, action: str, subject: str = "", **details: object) -> None:
    """Add one event in the current transaction. `details` holds ids, counts and names of settings, never row contents."""
    AuditEvent.objects.create(
        partner=scope.partner, user=scope.user, action=action, subject=subject[:200], details=details
    )


def record_for_person(user: User, action: str, **details: object) -> None:
    """Add an event about a person's own account, such as a sign-in, to the log of every partner they belong to."""
    with user_scope(user):
        partners = [membership.partner for membership in memberships_of(user)]
    for partner in partners:
        with partner_scope(partner, user):
            AuditEvent.objects.create(
                partner=partner, user=user, action=action, subject=user.email[:200], details=details
            )
