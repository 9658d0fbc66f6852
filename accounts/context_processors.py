"""Template context of every page of a signed-in member."""

from django.http import HttpRequest

from accounts.access import memberships_of, scope_of
from accounts.roles import Permission, Role


def scope(request: HttpRequest) -> dict[str, object]:
    """`scope`, the name of the role, the permissions by name (`can.import`), the memberships, and the one in this partner."""
    current = scope_of(request)
    if current is None:
        return {"scope": None}
    return {
        "scope": current,
        "role_label": Role(current.role).label,
        "can": {permission.value: current.may(permission) for permission in Permission},
        "memberships": memberships_of(request),
        "membership": next((row for row in memberships_of(request) if row.partner_id == current.partner_id), None),
    }
