from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and partners"

    def ready(self) -> None:
        from accounts import checks, receivers  # noqa: F401 -- registers the checks and the signal receivers
        from accounts.audit import name_actions

        name_actions(
            {
                "signin.done": _("Signed in"),
                "signin.failed": _("Sign-in refused: wrong password"),
                "signin.code_failed": _("Sign-in refused: wrong code"),
                "signin.left": _("Signed out"),
                "password.changed": _("Password changed"),
                "password.reset": _("Password set through a mailed link"),
                "email.changed": _("E-mail address changed"),
                "second_factor.added": _("Two-step verification turned on"),
                "second_factor.removed": _("Two-step verification turned off"),
                "second_factor.renewed": _("Recovery codes renewed"),
                "second_factor.lifted": _("Two-step verification turned off by an operator"),
                "partner.created": _("Partner created"),
                "partner.handed_over": _("First admin invited by an operator"),
                "partner.exported": _("Whole partner written to a file by an operator"),
                "partner.imported": _("Whole partner taken from a file by an operator"),
                "partner.opened": _("Switched to this partner"),
                "member.invited": _("Member invited"),
                "member.invited_again": _("Invitation sent again"),
                "member.added": _("Member added by an operator"),
                "member.role_changed": _("Role changed"),
                "member.removed": _("Member removed"),
                "member.closed": _("Account closed by an operator"),
                "profile.changed": _("Own profile changed"),
                "settings.changed": _("Partner settings changed"),
                "audit.exported": _("Audit log downloaded"),
                "audit.forgotten": _("Old events of the audit log deleted"),
                "contact.added": _("Contact added"),
                "contact.changed": _("Contact changed"),
                "contact.removed": _("Contact removed"),
                "contact.restored": _("Contact restored"),
                "contact.moved": _("Contact moved"),
            }
        )
