from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class PartnerPortalConfig(AppConfig):
    name = "partner_portal"
    verbose_name = "Partner Portal"

    def ready(self) -> None:
        from django.utils.module_loading import autodiscover_modules

        import partner_portal.lib.db.any_of  # noqa: F401 -- registers a lookup
        from partner_portal import observability
        from partner_portal.postgres.guards import install_guards

        # Sent once all migrations are done, for every app with models; one of them is enough.
        post_migrate.connect(install_guards, sender=apps.get_app_config("accounts"))
        observability.start()
        autodiscover_modules("facts")
        autodiscover_modules("datasets")
        autodiscover_modules("search_sources")
