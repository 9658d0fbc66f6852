"""What every page of a signed-in member shows around its content."""

from typing import Any

from django.http import HttpRequest

from accounts.roles import Permission, Role


def scope(request: HttpRequest) -> dict[str, Any]:
    """`scope`, the role in words, the permissions by name (`can.import`), and the member's partners."""
    current = getattr(request, "scope", None)
    if current is None:
        return {"scope": None}
    return {
        "scope": current,
        "role_label": Role(current.role).label,
        "can": {permission.value: current.may(permission) for permission in Permission},
        "memberships": getattr(request, "memberships", []),
    }
