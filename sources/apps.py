from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SourcesConfig(AppConfig):
    name = "sources"
    verbose_name = "Live connections"

    def ready(self) -> None:
        from accounts.audit import name_actions
        from partner_portal.lib.rows.connected import register as register_rows
        from sources import checks, receivers  # noqa: F401 -- a system check, and receivers
        from sources.folder.source import FolderSource
        from sources.hubspot.source import HubSpotSource
        from sources.models import ConnectedRow
        from sources.source import register

        register_rows(ConnectedRow)
        register(HubSpotSource())
        register(FolderSource())
        name_actions(
            {
                "connection.made": _("Connection made"),
                "connection.answered": _("Questions of a connection answered"),
                "connection.token_replaced": _("Token of a connection replaced"),
                "connection.paused": _("Connection paused"),
                "connection.resumed": _("Connection resumed"),
                "connection.removed": _("Connection removed"),
                "connection.assigned": _("Row of a connection assigned to a client"),
                "connection.gone_confirmed": _("Missing row of a connection given up"),
                "connection.keys_rotated": _("Tokens of connections encrypted with a new key"),
                "connection.kind_previewed": _("Preview of what a connection would bring requested"),
                "connection.kind_on": _("Kind of data of a connection switched on"),
                "connection.kind_off": _("Kind of data of a connection switched off"),
                "connection.proposals_confirmed": _("Proposals of a connection confirmed"),
                "connection.proposals_rejected": _("Proposals of a connection rejected"),
                "connection.proposals_reopened": _("Rejected proposals of a connection opened again"),
                "connection.sync_requested": _("Sync requested"),
                "list.sent": _("List sent to a vendor"),
            }
        )
