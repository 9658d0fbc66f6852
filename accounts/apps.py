from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and partners"

    def ready(self) -> None:
        from accounts import checks, receivers  # noqa: F401 -- registers the checks and the signal receivers
