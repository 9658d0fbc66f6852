"""Caches what queries answer, by the partner's generation and the revision of the programme's rules."""

from collections.abc import Callable, Hashable
from functools import partial, wraps
from inspect import signature
from typing import Concatenate

from accounts.scope import Scope
from partner_portal.lib.caching import cached
from program.queries import revision

_keys: set[str] = set()


def cached_answer[T](scope: Scope, key: tuple[Hashable, ...], compute: Callable[[], T]) -> T:
    """`compute()`, or what it gave before, as `cached_by_generation` does; for `lib.rows.datasets`, which cannot know the rules."""
    return cached(scope, ("rows", *key), compute, revision=revision(scope))


def cached_by_generation[**P, T](
    key: str,
) -> Callable[[Callable[Concatenate[Scope, P], T]], Callable[Concatenate[Scope, P], T]]:
    """Decorate a query so that its answer is read from the cache until the partner's facts, entries or settings, the rules, the
    code or the day change (`partner_portal.lib.caching`).

    key: names the query. The other arguments are part of the cache key by their `repr`: days, texts, numbers, periods.
    An answer that depends on the reader's rights or language must not be cached. Never call it while facts are written.
    Raises ValueError when another query has that name.
    """
    if key in _keys:
        raise ValueError(f"two queries are cached as {key}")
    _keys.add(key)

    def decorate(query: Callable[Concatenate[Scope, P], T]) -> Callable[Concatenate[Scope, P], T]:
        parameters = signature(query)

        @wraps(query)
        def answer(scope: Scope, /, *args: P.args, **kwargs: P.kwargs) -> T:
            call = parameters.bind(scope, *args, **kwargs)
            call.apply_defaults()
            _scope, *arguments = call.arguments.values()
            make = partial(query, scope, *args, **kwargs)
            return cached(scope, (key, *arguments), make, revision=revision(scope))

        return answer

    return decorate
