"""System check of the keys that encrypt tokens."""

from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

LEAST_CHARACTERS = 32


@register()
def check_keys(app_configs: Sequence[AppConfig] | None, **_kwargs: object) -> list[CheckMessage]:
    """Reject keys that are short enough to be guessed."""
    if any(len(key) < LEAST_CHARACTERS for key in settings.CREDENTIALS_KEYS):
        return [Error(f"CREDENTIALS_KEYS: a key has fewer than {LEAST_CHARACTERS} characters.", id="sources.E001")]
    return []
