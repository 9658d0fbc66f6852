"""Mails to somebody who is not signed in: the link to a new password, and a warning that somebody guesses theirs.

Workers send them, so that a page takes as long for an address that nobody has.
"""

from datetime import timedelta

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.core.cache import cache
from django.utils import translation

from accounts.models import User
from accounts.scope import memberships_of, user_scope
from partner_portal.lib import site
from partner_portal.lib.dates import clock

GUESSING_MAIL_EVERY = timedelta(hours=6)
LINKS_AN_HOUR = 10  # to one mailbox, whoever asks; each of them works


def mail_reset_link(email: str, language: str) -> bool:
    """Mail the person of this address a link to a new password; False for nobody, and when the mailbox has enough links.

    Raises OSError or smtplib.SMTPException when the mail cannot be handed over.
    """
    user = User.objects.filter(email=email.lower(), is_active=True).first()
    if user is None or not _admit(f"accounts.links.{user.pk}", LINKS_AN_HOUR, timedelta(hours=1)):
        return False
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    context = {"password_reset_url": get_adapter().get_reset_password_from_key_url(key)}
    _mail("account/email/password_reset_key", user, context, language)
    return True


def mail_about_guessing(email: str, network_address: str) -> bool:
    """Warn the person of this address of guesses at their password, once in six hours; False when it is nobody's.

    Raises OSError or smtplib.SMTPException when the mail cannot be handed over.
    """
    user = User.objects.filter(email=email.lower(), is_active=True).first()
    name = f"accounts.guessing.{user.pk}" if user else ""
    if user is None or not _admit(name, 1, GUESSING_MAIL_EVERY):
        return False
    context = {
        "network_address": network_address,
        "at": clock.now(),
        "reset_url": site.link("account_reset_password"),
        "second_factor_url": site.link("mfa_index"),
    }
    try:
        _mail("account/email/somebody_guesses", user, context, "")
    except Exception:
        cache.delete(f"{name}.0")  # the retry sends it
        raise
    return True


def _admit(name: str, most: int, span: timedelta) -> bool:
    """Count one use of `name`; False once it was used `most` times within `span`."""
    return any(cache.add(f"{name}.{number}", True, span.total_seconds()) for number in range(most))


def mail_address_taken(user: User) -> None:
    """Notify the owner of an address that it was entered for another account."""
    _mail("account/email/address_taken", user, {}, "")


def _mail(template: str, user: User, context: dict[str, object], language: str) -> None:
    """Render and send in the person's language, else their first partner's, else the one given."""
    with user_scope(user):
        partner = next((membership.partner.language for membership in memberships_of(user)), "")
    with translation.override(user.language or partner or language or None):
        context = {"user": user, "email": user.email, **context}
        get_adapter().render_mail(template, user.email, context).send()
