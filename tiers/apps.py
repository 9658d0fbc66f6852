from django.apps import AppConfig


class TiersConfig(AppConfig):
    name = "tiers"
    verbose_name = "Tiers"

    def ready(self) -> None:
        from tiers import services  # noqa: F401 -- receives ledger_posted
