"""What a page worked out from facts and entries, kept until either moves.

A partner's generation moves at every commit of facts or entries, so an answer is never out of date and nothing has to be
thrown away. Nor does code read what other code kept: after an upgrade a class may have moved, or its fields may mean something
else. An answer is kept for others only once the transaction that it was worked out in has committed: one that moved
the generation may yet be rolled back. Never used while writing facts, before the generation has moved.
"""

from collections.abc import Callable, Hashable
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import transaction

KEPT_SECONDS = 7 * 24 * 3600
_MISSING = object()


class Scope(Protocol):
    """What is needed of `accounts.scope.Scope`."""

    @property
    def partner(self) -> Any: ...  # with `pk` and `generation`
    @property
    def today(self) -> Any: ...
    @property
    def memo(self) -> dict[str, Any]: ...


@once
def code_fingerprint() -> str:
    """Names the code of our own apps as it is; other code gives another. Files are read once a process."""
    found = sha256()
    for folder in sorted(Path(config.path) for config in apps.get_app_configs()):
        if folder.parent == settings.BASE_DIR:
            for file in sorted(folder.rglob("*.py")):
                found.update(file.read_bytes())
    return found.hexdigest()


def remembered[T](scope: Scope, key: tuple[Hashable, ...], compute: Callable[[], T], *, revision: int) -> T:
    """`compute()`, or what it gave before for this partner, generation, day and programme `revision`.

    key: names the answer and everything else it depends on; what depends on the reader's rights says so in it. The value
    must survive pickling and must not depend on the reader's language.
    """
    partner = scope.partner
    parts = (code_fingerprint(), partner.pk, partner.generation, revision, scope.today.isoformat(), *key)
    name = "portal-" + sha256(repr(parts).encode()).hexdigest()
    if name in scope.memo:
        return scope.memo[name]  # type: ignore[no-any-return]
    found = cache.get(name, _MISSING)
    if found is _MISSING:
        found = compute()
        transaction.on_commit(lambda: cache.set(name, found, KEPT_SECONDS), robust=True)
    scope.memo[name] = found
    return found  # type: ignore[no-any-return]
