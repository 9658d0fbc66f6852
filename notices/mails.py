"""Mails of notices: one with what is new at once, and the digest. Text and HTML, in the reader's language."""

from collections.abc import Sequence
from dataclasses import replace

from django.core.mail.utils import DNS_NAME
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.scope import Scope
from notices.digest import Digest
from notices.models import Notice
from notices.queries import STOP_DIGEST, STOP_MAILS, ShownNotice, shown, stop_token
from partner_portal.formats.days import day_text
from partner_portal.lib import site
from partner_portal.lib.mail import Content, Link, PortalMail, Row, Table, compose
from partner_portal.lib.web.one_line import one_line


def digest_mail(scope: Scope, user: User, digest: Digest, *, name: str) -> PortalMail:
    """The digest of one person. name: the same at every try, so that a mail program shows a repeated one once."""
    with translation.override(scope.locale), timezone.override(scope.partner.time_zone):
        subject = f"{one_line(scope.partner.name)}: {digest.as_subject()}"
        why = _("You get this because you asked for a digest of %(partner)s.")
        figures = Table(
            head=(_("Figure"), _("Now"), _("Difference")),
            title=_figures_title(digest),
            rows=[
                Row((line.label, line.value, line.change or _("unchanged")), line.why, site.absolute(line.link))
                for line in digest.lines
            ],
            numeric=(1, 2),
        )
        tables = [figures, *digest.tables]
        if digest.notices:
            tables.append(Table(_told(digest.notices), title=_("What happened")))
        content = Content(subject, why, headline=digest.headline, paragraphs=[digest.sentences], tables=tables)
        return _mail(scope, user, content, name=name, stop=STOP_DIGEST)


def notices_mail(scope: Scope, user: User, notices: Sequence[Notice], *, name: str) -> PortalMail:
    """The notices that one person wants to be mailed at once."""
    with translation.override(scope.locale), timezone.override(scope.partner.time_zone):
        rows = shown(notices)
        subject = one_line(rows[0].words.title)
        if len(rows) > 1:
            subject = ngettext("%(count)s new notice", "%(count)s new notices", len(rows)) % {"count": len(rows)}
        why = _("You get this because you asked to be mailed about such notices of %(partner)s.")
        content = Content(
            f"{one_line(scope.partner.name)}: {subject}", why, headline=subject, tables=[Table(_told(rows))]
        )
        return _mail(scope, user, content, name=name, stop=STOP_MAILS)


def _figures_title(digest: Digest) -> str:
    if digest.since is None:
        return _("Where you stand")
    return _("What changed since %(on)s") % {"on": day_text(digest.since)}


def _told(rows: Sequence[ShownNotice]) -> list[Row]:
    return [Row((row.words.title,), row.words.why, site.absolute(row.words.link)) for row in rows]


def _mail(scope: Scope, user: User, content: Content, *, name: str, stop: str) -> PortalMail:
    partner = one_line(scope.partner.name)
    content = replace(
        content,
        why=content.why % {"partner": partner},
        partner=partner,
        manage=Link(_("Choose your notices"), site.link("notices_settings")),
        leave=site.link("notices_stop", stop_token(scope, user, stop)),
    )
    return compose(content, user.email, headers={"Message-ID": f"<{name}@{DNS_NAME}>"})
