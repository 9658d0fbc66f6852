"""The scope as the library knows it: who is acting, in which partner, on which day.

Apps use `accounts.scope.Scope`, which satisfies this protocol and knows more: the user, the role, the partner's settings.
"""

from collections.abc import Callable, Hashable
from datetime import date
from typing import Any, Concatenate, Protocol


class Scope(Protocol):
    """Who is acting, in which partner, with which rights. Every query takes one first."""

    @property
    def partner_id(self) -> int:
        """The primary key of the partner whose rows are read."""

    @property
    def generation(self) -> int:
        """Counts the commits of the partner's facts and entries; what was calculated at another number is out of date."""

    @property
    def locale(self) -> str:
        """The language in which texts are written, such as `en-gb`."""

    @property
    def today(self) -> date:
        """The business day that is today for the partner, or the day that is viewed instead."""

    def may(self, permission: str, /) -> bool:
        """Return whether the permission is held."""

    def once[T](self, key: Hashable, make: Callable[[], T], /) -> T:
        """Return `make()`, or its earlier answer for the same key, scope and generation of the partner."""


# A function of an app's own scope: `OfScope[[str], int]` is called as f(scope, "text") and returns an int. The first parameter is
# `Any` since a function that needs all of `accounts.scope.Scope` does not take every scope that the library can name.
type OfScope[**P, T] = Callable[Concatenate[Any, P], T]
