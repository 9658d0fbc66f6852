"""Signing in for real, proving who one is, and reading a partner's log."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as WebClient

PASSWORD = "partner-portal-demo"


@pytest.fixture(autouse=True)
def forget_tries() -> None:
    """Rate limits count across tests otherwise."""
    cache.clear()


@pytest.fixture(autouse=True)
def no_worker_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page hands to a worker is done at once."""
    monkeypatch.setattr("accounts.tasks.later", lambda task, *arguments: task.apply(args=arguments))


@pytest.fixture
def confirmed(web: Callable[..., WebClient]) -> Callable[..., WebClient]:
    """Signed in, and the password was asked again just now."""

    def sign_in(name: str = "admin") -> WebClient:
        client = web(name)
        response = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        assert response.status_code == 302, "the password was not accepted"
        return client

    return sign_in


@pytest.fixture
def log(partner: Any) -> Callable[..., list[tuple[str, str]]]:
    """(action, subject) of Northwind's events with this beginning, oldest first; or of another partner."""
    from accounts.models import AuditEvent
    from accounts.scope import partner_scope

    def read(beginning: str = "", of: Any = None) -> list[tuple[str, str]]:
        with partner_scope(of or partner):
            events = AuditEvent.objects.filter(action__startswith=beginning).order_by("pk")
            return list(events.values_list("action", "subject"))

    return read
