"""Mails of notices: one with what is new at once, and the digest. Text and HTML, in the reader's language."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.core.mail.utils import DNS_NAME
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.scope import Scope
from notices.digest import Digest
from notices.models import Notice
from notices.queries import STOP_DIGEST, STOP_MAILS, shown, stop_token
from partner_portal.lib.subscription_mail import SubscriptionMail
from partner_portal.lib.web.one_line import one_line


def digest_mail(scope: Scope, user: User, digest: Digest, *, name: str) -> SubscriptionMail:
    """The digest of one person. name: the same at every try, so that a mail program shows a repeated one once."""
    with translation.override(scope.locale), timezone.override(scope.partner.time_zone):
        subject = f"{one_line(scope.partner.name)}: {digest.as_subject()}"
        why = _("You get this because you asked for a digest of %(partner)s.")
        return _mail(scope, user, "digest", subject, {"digest": digest}, why, name=name, stop=STOP_DIGEST)


def notices_mail(scope: Scope, user: User, notices: Sequence[Notice], *, name: str) -> SubscriptionMail:
    """The notices that one person wants to be mailed at once."""
    with translation.override(scope.locale), timezone.override(scope.partner.time_zone):
        rows = shown(notices)
        subject = one_line(rows[0].words.title)
        if len(rows) > 1:
            subject = ngettext("%(count)s notice", "%(count)s notices", len(rows)) % {"count": len(rows)}
        subject = f"{one_line(scope.partner.name)}: {subject}"
        why = _("You get this because you asked to be mailed about such notices of %(partner)s.")
        return _mail(scope, user, "notices", subject, {"notices": rows}, why, name=name, stop=STOP_MAILS)


def _mail(
    scope: Scope,
    user: User,
    template: str,
    subject: str,
    context: Mapping[str, object],
    why: str,
    *,
    name: str,
    stop: str,
) -> SubscriptionMail:
    partner = one_line(scope.partner.name)
    leave = f"{settings.SITE_URL}{reverse('notices_stop', args=[stop_token(scope, user, stop)])}"
    values = {
        **context,
        "site": settings.SITE_URL,
        "partner": partner,
        "subject": subject,
        "why": why % {"partner": partner},
        "manage": f"{settings.SITE_URL}{reverse('notices_settings')}",
        "leave": leave,
    }
    mail = SubscriptionMail(
        one_line(subject)[:200],
        render_to_string(f"notices/mail/{template}.txt", values),
        to=[user.email],
        headers={"Message-ID": f"<{name}@{DNS_NAME}>"},
    )
    mail.attach_alternative(render_to_string(f"notices/mail/{template}.html", values), "text/html")
    mail.offer_unsubscribe(leave)
    return mail
