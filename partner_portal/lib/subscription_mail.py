"""Recurring mails that their reader can end with one click, from the mail program itself (RFC 8058)."""

import email.message
import email.policy

from django.core.mail import EmailMultiAlternatives


class _WholeHeader(str):
    """A header value that is never folded: an address cut in two, or encoded, is one that no mail program follows."""

    name = "List-Unsubscribe"

    def fold(self, *, policy: email.policy.Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


class SubscriptionMail(EmailMultiAlternatives):
    """A mail whose reader can unsubscribe from the mail program."""

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
