"""Django's rules for passwords in the portal's own words: those of its Dutch are formal, and the portal is not."""

from django.contrib.auth import password_validation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class UserAttributeSimilarityValidator(password_validation.UserAttributeSimilarityValidator):
    """Rejects a password that looks like the person's name or address."""

    def get_error_message(self) -> str:
        return _("The password looks too much like your %(verbose_name)s.")

    def get_help_text(self) -> str:
        return _("It must not look like your name or e-mail address.")


class MinimumLengthValidator(password_validation.MinimumLengthValidator):
    """Rejects a password that is too short."""

    def get_error_message(self) -> str:
        return self.get_help_text()

    def get_help_text(self) -> str:
        return ngettext("Use at least %(count)s character.", "Use at least %(count)s characters.", self.min_length) % {
            "count": self.min_length
        }


class CommonPasswordValidator(password_validation.CommonPasswordValidator):
    """Rejects a password that many people use."""

    def get_error_message(self) -> str:
        return _("Many people use this password. Choose another.")

    def get_help_text(self) -> str:
        return _("It must not be a password that many people use.")
