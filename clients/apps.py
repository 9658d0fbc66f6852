from django.apps import AppConfig


class ClientsConfig(AppConfig):
    name = "clients"
    verbose_name = "Clients and deals"

    def ready(self) -> None:
        from clients import line_merges, lines, services, withdrawals  # noqa: F401 -- receives facts_committed
        from partner_portal.lib.rows.withdrawals import register

        register(withdrawals)
