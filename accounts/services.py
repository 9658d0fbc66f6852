"""What changes about people and partners. Every function is atomic and leaves one audit row."""

from django.db import transaction

from accounts import audit
from accounts.models import User
from accounts.scope import Scope


@transaction.atomic
def change_preferences(*, scope: Scope, **changes: str) -> None:
    """Keep `name`, `theme` or `language` with the scope's user. The values are checked by the form."""
    user = scope.user
    if user is None:
        raise ValueError("the system has no preferences")
    changed = [field for field, value in changes.items() if getattr(user, field) != value]
    if not changed:
        return
    for field in changed:
        setattr(user, field, changes[field])
    User.objects.filter(pk=user.pk).update(**{field: changes[field] for field in changed})
    audit.record(scope, "profile.changed", user.email, fields=sorted(changed))
