from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "JSON API"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from partner_portal.lib.rows.events import member_left

        member_left.connect(_revoke_all, dispatch_uid="api.revoke_all")

        name_actions(
            {
                "api_token.made": _("API token made"),
                "api_token.revoked": _("API token revoked"),
                "api_token.used": _("API token used, first time that day"),
            }
        )


def _revoke_all(scope: Any, user: Any, **_given: Any) -> None:
    """Tokens of somebody who left do not work again when they come back."""
    from api.services import revoke_all

    revoke_all(scope=scope, user=user)
