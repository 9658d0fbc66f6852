from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NoticesConfig(AppConfig):
    name = "notices"
    verbose_name = "Notices"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from accounts.scope import with_memberships
        from notices import receivers  # noqa: F401 -- receivers of signals
        from notices.queries import unread_count

        with_memberships["unread"] = unread_count()
        name_actions(
            {
                "notices.settings_changed": _("Notices changed"),
                "channel.added": _("Channel added"),
                "channel.changed": _("Channel changed"),
                "channel.paused": _("Channel paused"),
                "channel.resumed": _("Channel resumed"),
                "channel.removed": _("Channel removed"),
                "channel.dead": _("Channel does not answer"),
            }
        )
