"""Figures of large ledgers that take seconds to work out, kept in the database besides the cache (ADR 186)."""

import pickle
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from hashlib import sha256
from typing import Concatenate, cast

from django.core import signing

from accounts.scope import Scope
from ledger.models import PreparedFigure
from ledger.queries import posting
from partner_portal.lib.caching import arguments_of, state_of
from program.queries import revision

SALT = "ledger.prepared"

_keeping: ContextVar[bool] = ContextVar("keeping", default=False)


class _Pickle:
    """Answers are data classes. What others wrote is not unpickled, since that could run their code: it has no signature."""

    @staticmethod
    def dumps(answer: object) -> bytes:
        return pickle.dumps(answer)

    @staticmethod
    def loads(stored: bytes) -> object:
        return pickle.loads(stored)  # noqa: S301 -- signed by us


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
        @wraps(query)
        def answer(scope: Scope, /, *args: P.args, **kwargs: P.kwargs) -> T:
            name = f"{question} {_digest(arguments_of(query, scope, *args, **kwargs))}"
            if getattr(posting(scope), "has_prepared", False):
                row = PreparedFigure.objects.filter(partner=scope.partner, question=name, state=_state(scope)).first()
                with suppress(signing.BadSignature):
                    if row is not None:
                        return cast("T", signing.loads(row.answer, salt=SALT, serializer=_Pickle))
            found = query(scope, *args, **kwargs)
            if _keeping.get():
                stored = signing.dumps(found, salt=SALT, serializer=_Pickle)
                PreparedFigure.objects.update_or_create(
                    partner=scope.partner,
                    question=name,
                    defaults={"state": _state(scope), "answer": stored},
                )
            return found

        return answer

    return decorate


def _state(scope: Scope) -> str:
    return _digest(state_of(scope, revision(scope)))


def _digest(parts: tuple[Hashable, ...]) -> str:
    return sha256(repr(parts).encode()).hexdigest()
