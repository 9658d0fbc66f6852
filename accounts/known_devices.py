"""Recognise a browser in which somebody has signed in before, so that a stranger's guessing cannot lock it out.

A signed cookie holds, for each person who signed in there, their primary key, a random name of the device, and a digest of
their password. A new password makes all of a person's devices unknown.
"""

from secrets import compare_digest, token_urlsafe

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from accounts.models import User

# The person's primary key, the name of the device, the digest of the password.
type Mark = tuple[int, str, str]

COOKIE = "portal_device"
SECONDS = 365 * 24 * 3600
MOST_PEOPLE = 5  # a shared computer; the one who signed in longest ago is forgotten first
_SALT = "accounts.known_devices"


def device_of(request: HttpRequest, email: str) -> str | None:
    """The name of this browser for the person with that address; None when the person has not signed in here.

    The database is asked only when there is a valid cookie, so a stranger's request takes as long for any address.
    """
    marks = _marks(request)
    user = User.objects.filter(email=email.lower()).first() if marks else None
    return _device(marks, user) if user else None


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Mark the browser as one that the person has signed in with. A device that is known already keeps its name."""
    marks = _marks(request)
    device = _device(marks, user) or token_urlsafe(12)
    others = [mark for mark in marks if mark[0] != user.pk]
    value = signing.dumps([(user.pk, device, _digest(user)), *others[: MOST_PEOPLE - 1]], salt=_SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=SECONDS,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _marks(request: HttpRequest) -> list[Mark]:
    try:
        marks = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=SECONDS)
    except signing.BadSignature:
        return []
    return [(person, device, digest) for person, device, digest in marks]


def _device(marks: list[Mark], user: User) -> str | None:
    for person, device, digest in marks:
        if person == user.pk and compare_digest(digest, _digest(user)):
            return device
    return None


def _digest(user: User) -> str:
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()[:32]
