"""Rate limits on guessing passwords and on requesting links to a new one.

Strangers to an account share one allowance for it; each known device has its own, and so has a session that is signed in.
So whoever guesses uses up the strangers' allowance, and the owner still gets in from a known device or by mail. A stolen
device cookie allows a few more guesses a day, no more. Keys never hold the Host header, which a visitor may choose.
"""

from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import RateLimitUsage
from django.http import HttpRequest

from accounts import known_devices

LIMITS = {
    "stranger": "10/m/ip,5/5m/key",
    "device": "5/5m/key,30/d/key",
    "reset_from_network": "20/m/ip",
    "reset_for_address": "5/h/key",
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """The rate limit that a password guess is counted against."""

    #: A key of the table of limits.
    action: str
    #: Whom the limit applies to, as part of a cache key.
    key: str

    def consume(self, request: HttpRequest, *, dry_run: bool = False) -> RateLimitUsage | None:
        """Count one; None when none is left. The result can be rolled back."""
        return _consume(request, self.action, self.key, dry_run=dry_run)


def admit(request: HttpRequest, email: str) -> tuple[Allowance, RateLimitUsage | None]:
    """Count a guess before the password is checked; the second part is None when it must not be checked.

    A known device whose allowance is used up counts as a stranger.
    """
    own = _own_allowance(request, email)
    if own is not None and (usage := own.consume(request)):
        return own, usage
    stranger = Allowance("stranger", email.lower())
    return stranger, stranger.consume(request)


def forget_strangers(request: HttpRequest, email: str) -> None:
    """Give an address its allowance of guesses back: its owner has just proved to read its mail."""
    ratelimit.clear(request, app="accounts", action="stranger", config=LIMITS, key=email.lower())


def admit_reset(request: HttpRequest, email: str) -> bool | None:
    """Count a request for a link to a new password. True: mail it. False: this network has asked for this address often
    enough. None: the network has asked too often altogether."""
    device = known_devices.device_of(request, email)
    if device is None and not _consume(request, "reset_from_network"):
        return None
    asker = device or ratelimit.truncate_ip(get_adapter().get_client_ip(request))
    return bool(_consume(request, "reset_for_address", f"{asker} {email.lower()}"))


def _own_allowance(request: HttpRequest, email: str) -> Allowance | None:
    user = request.user
    if user.is_authenticated and user.email == email.lower():
        return Allowance("device", f"session {user.pk}")
    device = known_devices.device_of(request, email)
    return Allowance("device", device) if device else None


def _consume(request: HttpRequest, action: str, key: str = "", *, dry_run: bool = False) -> RateLimitUsage | None:
    return ratelimit.consume(request, app="accounts", action=action, config=LIMITS, key=key, dry_run=dry_run)
