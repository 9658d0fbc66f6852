"""allauth's hooks: people are invited into a partner, nobody signs up by themselves."""

import logging
from smtplib import SMTPException
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("E-mail or password is wrong"),
        "too_many_login_attempts": _("Too many wrong tries. Wait five minutes, or set a new password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail about an account.

        A mail server that does not answer is the operator's trouble: the log says so. The page says the same whether
        the mail went out, could not go out, or had nobody to go to, so that it tells nobody who has an account.
        """
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError):
            logger.exception("A mail (%s) could not be sent; check EMAIL_HOST and what belongs to it", template_prefix)
