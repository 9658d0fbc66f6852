"""The portal as in production, but for static files from the source, found once, and the tests' fast passwords."""

from partner_portal.settings import *  # noqa: F403
from partner_portal.settings import STORAGES as _STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = _STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
