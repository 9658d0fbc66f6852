from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.models import User
    from accounts.scope import Scope


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "JSON API"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from partner_portal.lib.rows.events import member_left

        member_left.connect(_revoke_tokens, dispatch_uid="api.revoke_all")

        name_actions(
            {
                "api_token.made": _("API token made"),
                "api_token.revoked": _("API token revoked"),
                "api_token.used": _("API token used, first time that day"),
            }
        )


def _revoke_tokens(scope: Scope, user: User, **_: object) -> None:
    """Revoke the tokens of somebody who left, so that they do not work again if they return."""
    from api.services import revoke_all

    revoke_all(scope=scope, user=user)
