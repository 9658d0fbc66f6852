from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PartnerPortalConfig(AppConfig):
    name = "partner_portal"
    verbose_name = "Partner Portal"

    def ready(self) -> None:
        from django.utils.module_loading import autodiscover_modules

        from partner_portal.postgres.guards import install_guards

        post_migrate.connect(install_guards, sender=self)
        autodiscover_modules("facts")
        autodiscover_modules("datasets")
