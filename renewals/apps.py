from typing import Any

from django.apps import AppConfig


class RenewalsConfig(AppConfig):
    name = "renewals"
    verbose_name = "Renewals"

    def ready(self) -> None:
        from partner_portal.lib.rows.events import member_left

        member_left.connect(_forget, dispatch_uid="renewals.forget")


def _forget(scope: Any, user: Any, **_given: Any) -> None:
    """Somebody who left gets no reminders, and their calendar address does not work again when they come back."""
    from renewals.services import forget

    forget(scope=scope, user=user)
