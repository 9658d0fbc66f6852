"""Tokens of the demo people, and a program that uses one."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as WebClient


@pytest.fixture(autouse=True)
def forget_requests() -> None:
    """Requests are counted across tests otherwise."""
    cache.clear()


@pytest.fixture
def token_of(scope_of: Callable[[str], Any]) -> Callable[..., str]:
    """The text of a new token of a demo person; without a role, of the person's own."""
    from accounts.scope import set_tenant
    from api.services import make_token

    def make(person: str = "admin", role: str = "", name: str = "Report", days: int = 30) -> str:
        scope = scope_of(person)
        text = make_token(scope=scope, name=name, role=role or scope.role, days=days)[1]
        set_tenant(None)
        return text

    return make


@pytest.fixture
def get() -> Callable[..., Any]:
    """Ask the API with a token (None: without); the query as keywords."""

    def ask(token: str | None, path: str, **query: Any) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return WebClient().get(
            f"/api/v1/{path}", {key.rstrip("_"): value for key, value in query.items()}, headers=headers
        )

    return ask
