"""Writing the audit log."""

from typing import Any

from accounts.models import AuditEvent
from accounts.scope import Scope


def record(scope: Scope, action: str, subject: str = "", **details: Any) -> None:
    """Add one event in the current transaction. `details` holds ids, counts and names of settings, never row contents."""
    AuditEvent.objects.create(
        partner=scope.partner, user=scope.user, action=action, subject=subject[:200], details=details
    )
