from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClientsConfig(AppConfig):
    name = "clients"
    verbose_name = "Clients and deals"

    def ready(self) -> None:
        from accounts import audit
        from clients import line_merges, services, withdrawals  # noqa: F401 -- receives facts_committed
        from partner_portal.lib.rows.withdrawals import register

        register(withdrawals)
        audit.name_actions(
            {
                "facts.withdrawn": _("Facts withdrawn"),
                "facts.restored": _("Withdrawn facts restored"),
                "line.merged": _("Product lines merged"),
                "line.merge_undone": _("Merge of product lines undone"),
            }
        )
