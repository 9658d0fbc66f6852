"""What people ask of a vendor, and how far it is."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class CallKind(models.TextChoices):
    """What is asked of a vendor."""

    CONNECT = "connect", _("Connect")
    TOKEN = "token", _("New token")
    SEND = "send", _("Send a list")
    AUTHORIZE = "authorize", _("Connect by the vendor’s consent page")
    REVOKE = "revoke", _("Revoke a token")


class CallState(models.TextChoices):
    """How far a call is."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
