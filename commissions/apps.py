from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CommissionsConfig(AppConfig):
    name = "commissions"
    verbose_name = "Commissions"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from commissions import services  # noqa: F401 -- receives ledger_posted

        name_actions(
            {
                "question.asked": _("Statement line queried"),
                "question.reworded": _("Query about a statement line edited"),
                "question.followed_up": _("Query about a statement line updated"),
                "question.withdrawn": _("Query about a statement line withdrawn"),
            }
        )
