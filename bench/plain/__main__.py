"""Answers a path on each line of its input with the seconds and processor seconds that it took, and its bytes."""

import json
import os
import sys
import time
from datetime import date
from pathlib import Path

import django
from django.conf import settings

from bench.plain.templates import TEMPLATES


def configure(database: dict[str, object]) -> None:
    """Set Django up with log-in tables of its own, in a schema in front of the portal's tables."""
    settings.configure(
        SECRET_KEY="measured-by-bench",  # noqa: S106 -- of a process that nobody can reach
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF="bench.plain.project",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "CONN_MAX_AGE": 60,
                "OPTIONS": {"options": "-c search_path=plain,public"},
                **database,
            }
        },
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ],
                    "loaders": [
                        (
                            "django.template.loaders.cached.Loader",
                            [("django.template.loaders.locmem.Loader", TEMPLATES)],
                        )
                    ],
                },
            }
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()


def serve(partner: int, today: date) -> None:
    """Answer the paths on the standard input, signed in, until it ends."""
    from django.contrib.auth.models import User
    from django.test import Client

    settings.PARTNER, settings.TODAY = partner, today
    user = User.objects.get_or_create(username="measured")[0]
    visitor = Client()
    visitor.force_login(user)
    for line in sys.stdin:
        start, started = time.perf_counter(), time.process_time()
        response = visitor.get(line.strip())
        body = response.getvalue()
        took = time.perf_counter() - start, time.process_time() - started
        if response.status_code != 200:
            raise RuntimeError(f"{line.strip()} answers {response.status_code}")
        sys.stdout.write(json.dumps([*took, len(body)]) + "\n")
        sys.stdout.flush()


def main(slug: str) -> None:
    """Make the log-in tables in a schema of their own where they are missing, then serve the entries of that partner."""
    from bench.place import DAY
    from partner_portal.local.postgres import ensure_running

    at = ensure_running(Path(os.environ["PORTAL_VAR"]))
    configure({"HOST": at.host, "PORT": str(at.port), "USER": at.superuser, "NAME": at.database})
    from django.contrib.auth.models import User
    from django.contrib.sessions.models import Session
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS plain")
        cursor.execute("SELECT to_regclass('plain.auth_user') IS NULL")
        missing = cursor.fetchone()[0]
        cursor.execute("SELECT id FROM accounts_partner WHERE slug = %s", [slug])
        partner = cursor.fetchone()[0]
    if missing:
        with connection.schema_editor() as editor:
            editor.create_model(User)
            editor.create_model(Session)
    serve(partner, DAY)


if __name__ == "__main__":
    main(sys.argv[1])
