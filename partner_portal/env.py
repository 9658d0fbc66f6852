"""Settings from the environment. A wrong value stops the process with a sentence that names it."""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit


class SettingError(Exception):
    """An environment variable has a value that cannot be used; the message says which and what would do."""


def text(name: str, default: str = "") -> str:
    """The variable's text, or the content of the file that `<name>_FILE` names, without the line end."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise SettingError(f"{name}_FILE: cannot read {path} ({error.strerror}).") from error
    return os.environ.get(name, default)


def flag(name: str, default: bool) -> bool:
    """The variable as a truth value: yes/no, true/false, on/off or 1/0. Raises SettingError."""
    value = text(name).strip().lower()
    if not value:
        return default
    if value in {"1", "yes", "true", "on"}:
        return True
    if value in {"0", "no", "false", "off"}:
        return False
    raise SettingError(f"{name}: '{value}' is neither yes nor no.")


def number(name: str, default: int) -> int:
    """The variable as a whole number. Raises SettingError."""
    value = text(name).strip()
    try:
        return int(value) if value else default
    except ValueError as error:
        raise SettingError(f"{name}: '{value}' is not a whole number.") from error


def choice(name: str, *allowed: str) -> str:
    """The variable as one of the allowed texts, the first when it is not set. Raises SettingError."""
    value = text(name).strip().lower() or allowed[0]
    if value not in allowed:
        raise SettingError(f"{name}: '{value}' is none of {', '.join(allowed)}.")
    return value


def comma_separated(name: str, default: str = "") -> list[str]:
    """The variable as a list, separated by commas."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def database(url: str, name: str = "DATABASE_URL", **options: str) -> dict[str, object]:
    """Django's connection settings for `postgresql://user:password@host:port/name?option=value`, the value of `name`.

    options: of libpq, where the address does not name them.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise SettingError(f"{name}: expected postgresql://user:password@host:port/name.")
    try:
        port = parts.port or 5432
    except ValueError as error:
        raise SettingError(f"{name}: the port is not a number.") from error
    options |= parse_qsl(parts.query)
    return {
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(options.pop("host", parts.hostname or "")),
        "PORT": str(port),
        "OPTIONS": options,
    }


def file_storage(folder: Path) -> dict[str, object]:
    """Where uploads and exports are stored: in `folder`, or in an S3-compatible bucket when FILES_S3_BUCKET names one."""
    bucket = text("FILES_S3_BUCKET")
    if not bucket:
        options: dict[str, object] = {
            "location": folder,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        }
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    options = {
        "bucket_name": bucket,
        "endpoint_url": text("FILES_S3_ENDPOINT") or None,
        "region_name": text("FILES_S3_REGION") or None,
        "access_key": text("FILES_S3_KEY") or None,
        "secret_key": text("FILES_S3_SECRET") or None,
        "default_acl": None,
        "querystring_auth": True,
        "file_overwrite": False,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
