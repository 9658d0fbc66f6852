from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RenewalsConfig(AppConfig):
    name = "renewals"
    verbose_name = "Renewals"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from renewals import services  # noqa: F401 -- receives member_left

        name_actions(
            {
                "renewals.reminder_changed": _("Own renewal reminder changed"),
                "renewals.reminder_stopped": _("Renewal reminder stopped by its mail"),
                "renewals.calendar_created": _("Private calendar address created"),
                "renewals.calendar_revoked": _("Private calendar address revoked"),
            }
        )
