"""Sentences about channels: why an address is refused, and what came of a message."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notices.kinds import KINDS, NoticeKind

_REFUSALS = {
    "https": gettext_lazy("Enter an address that begins with https://."),
    "form": gettext_lazy("This is not an address of a webhook."),
    "port": gettext_lazy("Only addresses on the usual port, 443, are allowed."),
    "private": gettext_lazy("The address is inside a private network, and your operator does not allow that."),
}
_ANSWERS = _REFUSALS | {
    "name": gettext_lazy("The host has no address."),
    "secret": gettext_lazy("The key of the address is missing. Add the channel again."),
    "error": gettext_lazy("Something went wrong in the portal, and it was logged."),
    "stopped": gettext_lazy("The channel was stopped."),
}


def refusal_text(code: str) -> str:
    """Why an address may not be sent to."""
    return str(_REFUSALS[code])


def answer_text(answer: str) -> str:
    """What came of a message; "" for nothing yet."""
    if answer.isdigit():
        return _("Answer %(status)s") % {"status": answer}
    return str(_ANSWERS.get(answer, _("No answer came."))) if answer else ""


def message_label(kind: str) -> str:
    """What a message was about."""
    return str(KINDS[NoticeKind(kind)].label) if kind in set(NoticeKind) else _("Test")
