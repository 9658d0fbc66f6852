"""Partner Portal: settings, addresses, and the leaf modules in `lib` that import nothing else of ours."""

import gc

# Modules stay, and most of what a page makes has no cycles: to look for them as often as Python does costs a start a sixth of
# its time. Before everything else is imported.
gc.set_threshold(50_000, 20, 20)

from partner_portal.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
