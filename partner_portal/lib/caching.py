"""Caches what was calculated from facts and entries until either changes.

A partner's generation moves at every commit of facts or entries, so an answer is never out of date and nothing has to be
invalidated. Nor does code read what other code stored: after an upgrade a class may have moved, or its fields may mean
something else. An answer is stored for other requests only once the transaction it was calculated in has committed: one that
moved the generation may yet be rolled back. Never used while writing facts, before the generation has moved.
"""

from collections.abc import Callable, Hashable
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from typing import cast

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from partner_portal.lib.metrics import CACHE_READS
from partner_portal.lib.scope import Scope

STORED_SECONDS = 7 * 24 * 3600
_MISSING = object()


@once
def code_fingerprint() -> str:
    """Names the code, templates and translations of our own apps as they are. Files are read once a process."""
    digest = sha256()
    folders = [Path(config.path) for config in apps.get_app_configs()]
    files = [(folder, "*.py") for folder in folders if folder.parent == settings.BASE_DIR]
    files += [(settings.BASE_DIR / "templates", "*.html"), (settings.BASE_DIR / "locale", "*.mo")]
    for folder, names in sorted(files):
        for file in sorted(folder.rglob(names)):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def cached[T](
    scope: Scope, key: tuple[Hashable, ...], compute: Callable[[], T], *, revision: int, seconds: int = STORED_SECONDS
) -> T:
    """`compute()`, or what it gave before for this partner, generation, day and programme `revision`.

    key: names the answer and everything else it depends on; with the reader's rights where it depends on them. The value
    must survive pickling and must not depend on the reader's language. Queries use `program.caching.cached_by_generation`.
    """
    parts = (code_fingerprint(), scope.partner_id, scope.generation, revision, scope.today.isoformat(), *key)
    name = "portal-" + sha256(repr(parts).encode()).hexdigest()

    def load() -> T:
        stored = cache.get(name, _MISSING)
        CACHE_READS.labels("miss" if stored is _MISSING else "hit").inc()
        if stored is not _MISSING:
            return cast("T", stored)
        answer = compute()
        transaction.on_commit(lambda: cache.set(name, answer, seconds), robust=True)
        return answer

    return scope.once(name, load)
