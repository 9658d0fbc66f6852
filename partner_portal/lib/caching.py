"""Caches what was calculated from facts and entries until either changes.

A partner's generation moves at every commit of facts or entries, so an answer is never out of date and nothing has to be
invalidated. Nor does code read what other code stored: after an upgrade a class may have moved, or its fields may mean
something else. An answer is stored at once, so that whoever asks for it meanwhile waits for it instead of calculating it too
(ADR 173); in a transaction that has moved the generation, which may yet be rolled back, only when that commits. Never used
while writing facts, before the generation has moved.
"""

import time
from collections.abc import Callable, Hashable
from functools import cache as once
from hashlib import sha256
from inspect import signature
from pathlib import Path
from typing import cast

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction

from partner_portal.lib.metrics import CACHE_READS
from partner_portal.lib.scope import Scope

STORED_SECONDS = 7 * 24 * 3600
CLAIM_SECONDS = 10  # that a process which died is taken to be calculating
PATIENCE = 10.0  # seconds that a request waits in all for what others calculate, before it does so itself
LOOK_EVERY = 0.01  # seconds between looks for it
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


def state_of(scope: Scope, revision: int) -> tuple[Hashable, ...]:
    """What every stored answer about a partner depends on: code, facts and entries, the programme's `revision`, the day."""
    return code_fingerprint(), scope.partner_id, scope.generation, revision, scope.today.isoformat()


def arguments_of(query: Callable[..., object], scope: Scope, *args: object, **kwargs: object) -> tuple[Hashable, ...]:
    """The arguments of a call besides the scope, in the order of the query's parameters, with those left out."""
    call = signature(query).bind(scope, *args, **kwargs)
    call.apply_defaults()
    return tuple(call.arguments.values())[1:]


def cached[T](
    scope: Scope, key: tuple[Hashable, ...], compute: Callable[[], T], *, revision: int, seconds: int = STORED_SECONDS
) -> T:
    """`compute()`, or what it gave before for this partner, generation, day and programme `revision`.

    key: names the answer and everything else it depends on; with the reader's rights where it depends on them. The value
    must survive pickling and must not depend on the reader's language. Queries use `program.caching.cached_by_generation`.
    """
    name = "portal-" + sha256(repr((*state_of(scope, revision), *key)).encode()).hexdigest()

    def load() -> T:
        stored = cache.get(name, _MISSING)
        CACHE_READS.labels("miss" if stored is _MISSING else "hit").inc()
        shared = stored is _MISSING and not generation_moved()
        if shared and not cache.add(f"{name}-claim", True, CLAIM_SECONDS):
            stored = _awaited(name, scope.once("patience", _Patience))
        if stored is not _MISSING:
            return cast("T", stored)
        try:
            answer = compute()
        except BaseException:
            if shared:
                cache.delete(f"{name}-claim")
            raise
        if shared:
            cache.set(name, answer, seconds)
        else:
            transaction.on_commit(lambda: cache.set(name, answer, seconds), robust=True)
        return answer

    return scope.once(name, load)


class _Patience:
    """How many seconds a request still waits for others."""

    def __init__(self) -> None:
        self.left = PATIENCE


def _awaited(name: str, patience: _Patience) -> object:
    """What another process stores meanwhile; _MISSING when that takes too long."""
    while patience.left > 0:
        patience.left -= LOOK_EVERY
        time.sleep(LOOK_EVERY)
        stored = cache.get(name, _MISSING)
        if stored is not _MISSING:
            return stored
    return _MISSING


def note_generation_moved() -> None:
    """Called after a generation was moved: until the transaction commits, what is calculated in it is nobody else's."""
    transaction.on_commit(_moved)


def generation_moved() -> bool:
    """Whether the transaction in progress has moved a generation, and not rolled that back to a savepoint."""
    return any(registered[1] is _moved for registered in connection.run_on_commit)


def _moved() -> None:
    """Stands among what is called at the commit."""
