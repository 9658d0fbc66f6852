from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DashboardConfig(AppConfig):
    name = "dashboard"
    verbose_name = "Dashboard"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from dashboard import tasks  # noqa: F401 -- connects a receiver of ledger_posted

        name_actions({"pack.kept": _("Review pack saved"), "pack.removed": _("Review pack removed")})
