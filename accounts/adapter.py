"""Adapter of allauth: sign-up by invitation only, links from SITE_URL, limits on guessing, addresses that count once confirmed."""

import logging
from dataclasses import replace
from smtplib import SMTPException
from typing import ClassVar
from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import sign_in_limits
from accounts.mail_texts import content_of, other_content
from accounts.models import User
from accounts.scope import outside_partners
from partner_portal.lib import site
from partner_portal.lib.mail import PortalMail, compose

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """allauth's adapter: its messages, its mails, and who may sign up."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("E-mail or password is wrong"),
        "too_many_login_attempts": _("Too many wrong tries. Wait five minutes, or set a new password."),
        "duplicate_email": _("This is your address already."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        """Whether a redirect may go there. What is no address at all (`http://[`) may not."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    # Mails

    def render_mail(
        self, template_prefix: str, email: str, context: dict[str, object], headers: dict[str, str] | None = None
    ) -> PortalMail:
        """The mail that is sent under this name; one that only allauth knows says what allauth's template says."""
        content = content_of(template_prefix, context)
        if content is None:
            plain = super().render_mail(template_prefix, email, context)
            content = other_content(plain.subject, str(plain.body))
        else:
            content = replace(content, subject=self.format_email_subject(content.subject), headline=content.subject)
        return compose(content, email, headers=headers)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Send a mail about an account.

        An unreachable mail server is logged for the operator. The page is the same whether the mail was sent, could not be
        sent or had no recipient, so that it does not disclose who has an account.
        """
        context = {"request": self.request, "email": email, **context}
        try:
            self.render_mail(template_prefix, email, context).send()
        except (SMTPException, OSError):
            logger.exception("A mail (%s) could not be sent; check EMAIL_HOST and what belongs to it", template_prefix)

    def send_confirmation_mail(
        self, request: HttpRequest, emailconfirmation: EmailConfirmationHMAC, signup: bool
    ) -> None:
        """Send the link that confirms a new address. The owner of an address that has an account gets a notice instead."""
        address = emailconfirmation.email_address
        if address.verified:
            return
        with outside_partners():
            owner = User.objects.filter(email=address.email).exclude(pk=address.user_id).first()
        if owner:
            from accounts.account_mails import mail_address_taken  # which needs this adapter

            try:
                mail_address_taken(owner)
            except (SMTPException, OSError):
                logger.exception("A mail could not be sent; check EMAIL_HOST and what belongs to it")
        else:
            super().send_confirmation_mail(request, emailconfirmation, signup)

    def send_notification_mail(self, template_prefix: str, user: User, *args: object, **kwargs: object) -> None:
        """Notify a person of a change of their account; a new address that was withdrawn unconfirmed changes nothing."""
        if template_prefix != "account/email/email_deleted":
            super().send_notification_mail(template_prefix, user, *args, **kwargs)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: EmailConfirmationHMAC) -> str:
        return site.link("account_confirm_email", emailconfirmation.key)

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return site.absolute(path.replace("UID-KEY", quote(key)))

    # Addresses

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Make a confirmed address the person's own, unless the change was cancelled meanwhile or it is somebody else's."""
        with outside_partners():
            User.objects.select_for_update().get(pk=email_address.user_id)
            if not EmailAddress.objects.filter(pk=email_address.pk, verified=False).exists():
                self.add_message(
                    request,
                    messages.ERROR,
                    message=_("This link no longer works. Ask for a new one on your e-mail page."),
                )
                return False
            try:
                with transaction.atomic():
                    return bool(super().confirm_email(request, email_address))
            except IntegrityError:
                self.add_message(request, messages.ERROR, message=_("This address belongs to another account already."))
                return False

    def set_password(self, user: User, password: str) -> None:
        """Save a new password. The person may be of another partner than whoever is signed in in this browser."""
        user.set_password(password)
        with outside_partners():
            user.save(update_fields=["password"])

    # Guessing

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        email = str(credentials.get("email", ""))
        self._allowance, self._login_failed_rl_usage = sign_in_limits.admit(request, email)
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: object) -> None:
        """Have the owner notified once the allowance is used up. A worker finds out whether there is an owner."""
        if not self._allowance.consume(request, dry_run=True):
            from accounts.tasks import later, mail_about_guessing

            later(mail_about_guessing, str(credentials.get("email", "")), self.get_client_ip(request))

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: object) -> None:
        sign_in_limits.forget_strangers(request, str(credentials.get("email", "")))
