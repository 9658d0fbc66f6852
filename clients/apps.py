from django.apps import AppConfig


class ClientsConfig(AppConfig):
    name = "clients"
    verbose_name = "Clients and deals"

    def ready(self) -> None:
        from clients import services  # noqa: F401 -- receives facts_committed
