"""Figures of large ledgers that take seconds to work out, kept in the database besides the cache (ADR 186)."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from hashlib import sha256
from inspect import signature
from typing import Concatenate, cast

from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.scope import Scope
from ledger.models import PreparedFigure
from ledger.queries import posting
from partner_portal.lib.caching import code_fingerprint
from program.queries import revision

_keeping: ContextVar[bool] = ContextVar("keeping", default=False)


@contextmanager
def keeping() -> Iterator[None]:
    """What `prepared` queries work out meanwhile is kept."""
    token = _keeping.set(True)
    try:
        yield
    finally:
        _keeping.reset(token)


def prepared[**P, T](
    question: str,
) -> Callable[[Callable[Concatenate[Scope, P], T]], Callable[Concatenate[Scope, P], T]]:
    """Decorate a query below `cached_by_generation`, which takes seconds for a large ledger and has a small answer.

    question: names the query; the other arguments are added by their `repr`. Asks the database only for a partner of whom
    something is kept, and only where the cache has no answer.
    """

    def decorate(query: Callable[Concatenate[Scope, P], T]) -> Callable[Concatenate[Scope, P], T]:
        parameters = signature(query)

        @wraps(query)
        def answer(scope: Scope, /, *args: P.args, **kwargs: P.kwargs) -> T:
            call = parameters.bind(scope, *args, **kwargs)
            call.apply_defaults()
            _scope, *arguments = call.arguments.values()
            name = f"{question} {sha256(repr(arguments).encode()).hexdigest()}"
            if getattr(posting(scope), "has_prepared", False):
                row = PreparedFigure.objects.filter(partner=scope.partner, question=name, state=_state(scope)).first()
                if row is not None and constant_time_compare(_seal(bytes(row.answer)), row.seal):
                    return cast("T", pickle.loads(bytes(row.answer)))  # noqa: S301 -- sealed by us
            found = query(scope, *args, **kwargs)
            if _keeping.get():
                stored = pickle.dumps(found)
                PreparedFigure.objects.update_or_create(
                    partner=scope.partner,
                    question=name,
                    defaults={"state": _state(scope), "answer": stored, "seal": _seal(stored)},
                )
            return found

        return answer

    return decorate


def _state(scope: Scope) -> str:
    """Names what answers depend on, as the keys of the cache do."""
    parts = (code_fingerprint(), scope.partner_id, scope.generation, revision(scope), scope.today.isoformat())
    return sha256(repr(parts).encode()).hexdigest()


def _seal(answer: bytes) -> str:
    """Proves that the portal itself wrote these bytes: to unpickle others could run code."""
    return salted_hmac("ledger.prepared", answer, algorithm="sha256").hexdigest()
