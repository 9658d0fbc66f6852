"""The mail backend: Django's, which counts what it sends."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from partner_portal.lib.metrics import MAILS


class CountingBackend(EmailBackend):
    """SMTP, with every mail counted as sent or failed."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send, and return how many the server took. Raises what Django's backend raises."""
        sent = 0
        try:
            sent = super().send_messages(email_messages) or 0
        finally:
            MAILS.labels("sent").inc(sent)
            MAILS.labels("failed").inc(len(email_messages) - sent)
        return sent
