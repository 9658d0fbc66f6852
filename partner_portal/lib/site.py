"""The portal's own address for links that leave it by mail. A request's Host header is the visitor's to choose."""

from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse


def absolute(path: str) -> str:
    """The full address of a path of the portal."""
    return f"{settings.SITE_URL}{path}"


def link(name: str, *args: object, **kwargs: object) -> str:
    """The full address of a named route."""
    return absolute(reverse(name, args=args or None, kwargs=kwargs or None))


def host() -> str:
    """The host of the portal, with its port where it has one."""
    return urlsplit(settings.SITE_URL).netloc
