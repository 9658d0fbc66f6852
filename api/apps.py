from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = "JSON API"

    def ready(self) -> None:
        from accounts.audit import name_actions

        name_actions(
            {
                "api_token.made": _("API token made"),
                "api_token.revoked": _("API token revoked"),
                "api_token.used": _("API token used, first time that day"),
            }
        )
