"""The portal's Celery application on the simulated clock, for the worker of `bench.live_day`."""

import django

from bench.simulated_clock import install
from partner_portal.celery import app

__all__ = ["app"]

django.setup()
install()
