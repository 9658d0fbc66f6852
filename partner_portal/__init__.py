"""Partner Portal: settings, addresses, and the leaf modules in `lib` that import nothing else of ours."""

from partner_portal.celery import app as celery_app

__all__ = ["celery_app"]
