"""Loaded before Django's settings (see `addopts`): where tests keep their files, their database server, their day."""

import gc
import os
import sys
from pathlib import Path

VAR = Path(__file__).resolve().parents[1] / "var" / "tests"
TODAY = "2026-11-23"

for name in ("DATABASE_URL", "REDIS_URL", "PORTAL_DATABASE_ROLE", "SITE_URL", "ALLOWED_HOSTS", "EMAIL_HOST"):
    os.environ.pop(name, None)
os.environ["PORTAL_VAR"] = str(VAR)
# Nothing is collected for tests, but a folder that is missing would be a warning a request.
(VAR / "static").mkdir(parents=True, exist_ok=True)
os.environ["PORTAL_TODAY"] = TODAY
os.environ["CELERY_SKIP_CHECKS"] = "yes"  # `make lint` runs them, not every worker again
os.environ["PORTAL_EMBEDDED_DURABLE"] = "no"  # what a test writes need not outlive a power cut
# Every process of a run imports the same modules: the first compiles them for all, also where the shell says not to.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# As in the portal, but before the tests are read.
gc.set_threshold(50_000, 20, 20)
