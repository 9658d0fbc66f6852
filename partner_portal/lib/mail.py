"""Mails: what one says, and the one form that all of them have, as HTML and as plain text.

A mail is described once, by a `Content`; both forms are written from it, so neither says what the other leaves out. Recurring
mails can be ended with one click, from the mail program itself (RFC 8058).
"""

import email.message
import email.policy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from partner_portal.lib import site
from partner_portal.lib.web.one_line import one_line

if TYPE_CHECKING:
    from css_inline import CSSInliner

SUBJECT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Link:
    """A text and the full address it opens."""

    text: str
    address: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its cells, a sentence below the first of them, and the full address that the row opens."""

    cells: Sequence[str]
    sub: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Without heads it is a list of sentences, each with what stands below it."""

    rows: Sequence[Row]
    head: Sequence[str] = ()
    title: str = ""
    #: The full address that the title opens; "" for nothing.
    address: str = ""
    #: The numbers (from 0) of the columns that hold figures.
    numeric: Collection[int] = ()
    #: What is not in the rows: how many more there are.
    note: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says. Everything but the subject and the reason may be missing."""

    subject: str
    #: Why the recipient gets it, as a sentence.
    why: str
    #: The partner it is about.
    partner: str = ""
    #: What the mail opens with; "" for the subject.
    headline: str = ""
    #: The figure it is about, and what that is made of.
    figure: str = ""
    figure_text: str = ""
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    #: The one thing to do.
    action: Link | None = None
    #: What is said after it: details, limits, and what to do otherwise.
    further: Sequence[str | Link] = ()
    #: Where the recipient chooses what to get.
    manage: Link | None = None
    #: The full address that ends such mails; the mail program offers it too.
    leave: str = ""


class PortalMail(EmailMultiAlternatives):
    """A mail of the portal, whose reader can unsubscribe from the mail program where it offers that."""

    def offer_unsubscribe(self, address: str) -> None:
        """Name the full address that ends the subscription.

        A POST of `List-Unsubscribe=One-Click` to it must be answered without a session, a cookie or a form's token.
        """
        self.extra_headers |= {
            _WholeHeader.name: f"<{address}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def message(self, *, policy: email.policy.Policy | None = email.policy.default) -> email.message.EmailMessage:
        message = super().message(policy=policy)
        address = self.extra_headers.get(_WholeHeader.name)
        if address:
            del message[_WholeHeader.name]
            message[_WholeHeader.name] = _WholeHeader(address)
        return message


class _WholeHeader(str):
    """A header value that is never folded: an address cut in two, or encoded, is one that no mail program follows."""

    name = "List-Unsubscribe"

    def fold(self, *, policy: email.policy.Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def compose(content: Content, address: str, *, headers: Mapping[str, str] | None = None) -> PortalMail:
    """The mail to one address, in the language that is active. headers: further ones, such as a Message-ID."""
    mail = PortalMail(
        one_line(content.subject)[:SUBJECT_LENGTH], as_text(content), to=[address], headers=dict(headers or {})
    )
    mail.attach_alternative(as_html(content), "text/html")
    if content.leave:
        mail.offer_unsubscribe(content.leave)
    return mail


def as_html(content: Content) -> str:
    """The mail as HTML. Its styles are in its elements, where they outlive being forwarded."""
    html = render_to_string("mail/mail.html", {"mail": content, "site": settings.SITE_URL, "host": site.host()})
    return _inliner().inline(html)


@cache
def _inliner() -> "CSSInliner":
    from css_inline import CSSInliner  # loaded by processes that send mails

    # What only a style sheet can say, such as the dark colours, stays in one.
    return CSSInliner(keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False)


def as_text(content: Content) -> str:
    """The mail as plain text: everything the HTML says, with every address in full."""
    lines = [content.headline or content.subject, ""]
    if content.figure:
        lines += [" ".join(filter(None, [content.figure, content.figure_text])), ""]
    for paragraph in content.paragraphs:
        lines += [paragraph, ""]
    for table in content.tables:
        lines += [*_table_lines(table), ""]
    if content.action:
        lines += [f"{content.action.text}: {content.action.address}", ""]
    for part in content.further:
        lines += [part if isinstance(part, str) else f"{part.text}: {part.address}", ""]
    lines += ["-- ", content.why]
    if content.manage:
        lines.append(f"{content.manage.text}: {content.manage.address}")
    if content.leave:
        lines.append(f"{_('Stop these mails')}: {content.leave}")
    sender = f"{content.partner} · Partner Portal" if content.partner else "Partner Portal"
    return "\n".join([*lines, f"{sender}, {settings.SITE_URL}/", ""])


def _table_lines(table: Table) -> Iterator[str]:
    if table.title:
        yield table.title
        if table.address:
            yield table.address
        yield ""
    for row in table.rows:
        first, *others = row.cells
        yield f"- {first}"
        named = [f"{head}: {cell}" for head, cell in zip(table.head[1:], others, strict=True) if cell]
        if named:
            yield f"  {' · '.join(named)}"
        if row.sub:
            yield f"  {row.sub}"
        if row.address:
            yield f"  {row.address}"
    if table.note:
        yield table.note
