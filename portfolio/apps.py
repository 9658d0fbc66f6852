from django.apps import AppConfig


class PortfolioConfig(AppConfig):
    name = "portfolio"
    verbose_name = "Portfolio"

    def ready(self) -> None:
        from django.urls import reverse

        from partner_portal.lib.rows.providers import register_client_address

        register_client_address(lambda client_id: reverse("tier_client", args=[client_id]))
