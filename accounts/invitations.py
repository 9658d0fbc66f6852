"""Invitations to a partner by mail."""

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.utils import translation

from accounts.models import Partner, User
from accounts.scope import Scope, outside_partners
from partner_portal.lib import site


def send(scope: Scope, user: User) -> None:
    """Mail the person a link: to choose a password when they have none, to the sign-in page otherwise.

    The link to choose a password is the one of a password reset: it works once and for PASSWORD_RESET_TIMEOUT.
    Raises OSError or smtplib.SMTPException when the mail cannot be handed over.
    """
    adapter = get_adapter()
    partner: Partner = scope.partner
    with translation.override(user.language or partner.language):
        context: dict[str, object] = {
            "user": user,
            "partner": partner,
            "invited_by": scope.user,
            "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
            "reset_url": site.link("account_reset_password"),
        }
        if user.has_usable_password():
            context["sign_in_url"] = site.link("account_login")
        else:
            with outside_partners():  # the token depends on all of the person's addresses
                key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
            context["set_password_url"] = adapter.get_reset_password_from_key_url(key)
        adapter.render_mail("accounts/email/invitation", user.email, context).send()
