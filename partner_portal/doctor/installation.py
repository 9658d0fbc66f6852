"""Settings, disk, storage and mail of this machine."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import mailers
from django.http.request import validate_host

from partner_portal import env
from partner_portal.doctor.findings import Finding, failed, ok, warning

LOCAL = {"localhost", "127.0.0.1", "::1"}
LEAST_BYTES = 200 * 1024**2
FEW_BYTES = 1024**3
UNUSABLE_KEY = "security.W009"  # short, or Django's own insecure one

ABOUT_MAIL = "mail.E001"  # mails go to files


def check_settings() -> Iterator[Finding]:
    """Values that start but do not serve."""
    problems = list(_address_problems())
    if settings.DEBUG:
        problems.append(failed("PORTAL_DEBUG is on: error pages show settings and code.", "Unset PORTAL_DEBUG."))
    if settings.PORTAL_TODAY:
        problems.append(
            warning(
                f"PORTAL_TODAY says that today is {settings.PORTAL_TODAY}.", "Unset it: it is for trying things out."
            )
        )
    threads = env.number("WEB_THREADS", 8)
    if threads <= settings.REQUESTS_AT_ONCE:
        problems.append(
            warning(
                f"One person may occupy all {threads} threads of a web process.",
                "Set REQUESTS_AT_ONCE below WEB_THREADS.",
            )
        )
    for message in run_checks(include_deployment_checks=True):
        if message.id == ABOUT_MAIL:
            continue  # `check_mail` says it
        if message.level >= ERROR or message.id == UNUSABLE_KEY:
            problems.append(failed(f"{message.id}: {message.msg}", message.hint or "Change the setting that it names."))
    yield from problems or [ok(f"{settings.SITE_URL}, {'HTTPS' if settings.HTTPS else 'HTTP'}")]


def _address_problems() -> Iterator[Finding]:
    host = urlsplit(settings.SITE_URL).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        yield failed(
            f"SITE_URL names {host or 'no host'}, which ALLOWED_HOSTS does not: every page there is answered with 400.",
            f"Add {host or 'the host'} to ALLOWED_HOSTS.",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield warning("ALLOWED_HOSTS takes any host name.", "List the names under which people reach the portal.")
    if host in LOCAL:
        return
    if not settings.HTTPS:
        yield warning(
            f"SITE_URL is {settings.SITE_URL}: passwords and sessions travel unencrypted.",
            "Let a proxy terminate HTTPS, and set SITE_URL to the https address.",
        )
    elif not settings.BEHIND_PROXY:
        yield warning(
            "SITE_URL is https, and BEHIND_PROXY is off: visitors are redirected for ever, or all count as one address.",
            "Set BEHIND_PROXY=yes when a proxy sets X-Forwarded-Proto and X-Forwarded-For.",
        )


def check_disk() -> Iterator[Finding]:
    """Room for files and uploads."""
    for name, folder in {
        "PORTAL_VAR": settings.PORTAL_VAR,
        "the temporary folder": Path(tempfile.gettempdir()),
    }.items():
        free = shutil.disk_usage(folder).free
        megabytes = free // 1024**2
        text = f"{name} ({folder}): {megabytes:,} MB free"
        remedy = "Free some space, or move it to a larger disk."
        if free < LEAST_BYTES:
            yield failed(text, remedy)
        elif free < FEW_BYTES:
            yield warning(text, remedy)
        else:
            yield ok(text)


def check_storage() -> Iterator[Finding]:
    """Whether a file can be written, read and removed; whether static files were collected."""
    content = uuid4().hex.encode()
    place = f"bucket {default_storage.bucket_name}" if hasattr(default_storage, "bucket_name") else "PORTAL_VAR/files"
    remedy = (
        "Check FILES_S3_BUCKET and the other FILES_S3 settings: the key must be able to write, read and delete."
        if hasattr(default_storage, "bucket_name")
        else "Let the user that runs web and worker write to PORTAL_VAR."
    )
    try:
        name = default_storage.save(f"doctor/{content.decode()}", ContentFile(content))
        with default_storage.open(name) as file:
            same = file.read() == content
        default_storage.delete(name)
    except Exception as error:  # whatever the store's library raises
        yield failed(f"{place}: {type(error).__name__}: {error}", remedy)
    else:
        yield ok(f"{place}: written, read and deleted") if same else failed(f"{place} gives back other bytes.", remedy)
    if not settings.DEBUG and not (settings.STATIC_ROOT / "staticfiles.json").exists():
        yield failed(
            f"No static files in {settings.STATIC_ROOT}: every page is answered with 500.",
            "Run manage.py collectstatic --no-input.",
        )


def check_mail() -> Iterator[Finding]:
    """Whether the mail server lets the portal in. Sends nothing."""
    if not settings.EMAIL_HOST_NAME:
        yield warning("Mails are written to files under PORTAL_VAR.", "Set EMAIL_HOST and the other EMAIL settings.")
        return
    server = f"{settings.EMAIL_HOST_NAME}:{env.number('EMAIL_PORT', 587)}"
    mailer = mailers.default
    try:
        mailer.open()
        mailer.close()
    except Exception as error:  # of smtplib, ssl and socket
        yield failed(
            f"{server}: {type(error).__name__}: {error}",
            "Check EMAIL_HOST, EMAIL_PORT, EMAIL_STARTTLS, EMAIL_USER and EMAIL_PASSWORD.",
        )
        return
    yield ok(f"{server} accepts connections")
    if settings.DEFAULT_FROM_EMAIL.rstrip(">").endswith("@localhost"):
        yield warning(
            f"Mails come from {settings.DEFAULT_FROM_EMAIL}: most servers reject them.",
            "Set DEFAULT_FROM_EMAIL to an address of yours.",
        )
