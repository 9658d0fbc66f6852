from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from reports.hooks import connect, register

        register()
        connect()
        name_actions(
            {
                "export.asked": _("Export asked for"),
                "export.large": _("Large export asked for"),
                "export.cancelled": _("Export cancelled"),
                "export.downloaded": _("Export downloaded"),
                "list.made": _("List made"),
                "list.added": _("Clients added to a list"),
                "list.changed": _("List changed"),
                "list.deleted": _("List deleted"),
                "list.restored": _("List restored"),
                "report.saved": _("Report saved"),
                "report.changed": _("Report changed"),
                "report.deleted": _("Report deleted"),
                "report.restored": _("Report restored"),
                "report.handed_over": _("Report passed to an admin"),
                "schedule.made": _("Schedule made"),
                "schedule.changed": _("Schedule changed"),
                "schedule.paused": _("Schedule paused"),
                "schedule.resumed": _("Schedule resumed"),
                "schedule.deleted": _("Schedule deleted"),
                "schedule.refused": _("Recipient refused by the mail server"),
                "schedule.recipient_resumed": _("Refused recipient tried again"),
                "schedule.sent": _("Scheduled report sent"),
                "schedule.tested": _("Scheduled report tried out"),
            }
        )
