from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Points ledger"

    def ready(self) -> None:
        from ledger import services, tasks  # noqa: F401 -- receive facts_committed, figures_wanted, rules_changed
