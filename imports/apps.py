from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImportsConfig(AppConfig):
    name = "imports"
    verbose_name = "Imports"

    def ready(self) -> None:
        from accounts.audit import name_actions

        name_actions(
            {
                "import.uploaded": _("Files uploaded"),
                "import.written": _("Import completed"),
                "import.failed": _("Import failed"),
                "import.undo_requested": _("Undo of an import requested"),
                "import.undone": _("Import undone"),
                "import.discarded": _("Import cancelled"),
                "import.mapping_remembered": _("Column mapping remembered"),
                "import.mapping_forgotten": _("Column mapping forgotten"),
            }
        )
