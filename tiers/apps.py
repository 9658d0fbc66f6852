from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class TiersConfig(AppConfig):
    name = "tiers"
    verbose_name = "Tiers"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from tiers import services  # connects a receiver of ledger_posted

        post_migrate.connect(services.derive_marked_histories, sender=self)
        name_actions(
            {
                "tiers.invitation": _("Invitation to a tier recorded"),
                "tiers.invitation_removed": _("Invitation to a tier removed"),
                "tiers.thresholds_entered": _("Tier thresholds entered"),
                "tiers.thresholds_removed": _("Tier thresholds removed"),
                "tiers.plan_saved": _("Tier plan saved"),
                "tiers.plan_deleted": _("Tier plan deleted"),
            }
        )
