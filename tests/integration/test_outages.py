"""The portal while its cache or its database is away, or is asked by an address of its own."""

import pytest
from django.core.cache import caches
from django.db import OperationalError, connection
from django.test import Client as WebClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from partner_portal import cache as outage
from partner_portal import health

PASSWORD = "partner-portal-demo"
NOWHERE = {
    "default": {
        "BACKEND": "partner_portal.cache.OutageTolerantCache",
        "LOCATION": "redis://127.0.0.1:1/0",
        "OPTIONS": {"socket_connect_timeout": 1, "retry": Retry(NoBackoff(), 1)},
    }
}


@pytest.fixture
def no_cache(settings, monkeypatch):
    """A cache that nobody answers."""
    monkeypatch.setattr(outage.OutageTolerantClient, "unreachable_until", 0.0)
    settings.CACHES = NOWHERE


@pytest.mark.parametrize("address", ["/dashboard/", "/tiers/", "/renewals/", "/commissions/", "/api/v1/progress"])
def test_pages_are_answered_without_the_cache(db, web, no_cache, address):
    assert web("admin").get(address).status_code == 200


def test_one_signs_in_without_the_cache(db, no_cache):
    client = WebClient()
    answer = client.post("/accounts/login/", {"login": "admin@northwind.example", "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get("/dashboard/").status_code == 200


def test_a_cache_that_is_away_stores_nothing_and_is_tried_again_after_a_while(no_cache, monkeypatch, caplog):
    cache = caches["default"]
    tried = []
    real = cache._cache._client.get
    monkeypatch.setattr(cache._cache._client, "get", lambda *arguments: tried.append(1) or real(*arguments))
    assert cache.get("a", "nothing") == "nothing"
    assert cache.set("a", 1) is None
    assert cache.add("a", 1) is True
    assert cache.get_many(["a"]) == {}
    assert cache.delete("a") is False
    with pytest.raises(ValueError, match="not found"):
        cache.incr("a")
    assert (len(tried), len(caplog.records)) == (1, 1)
    monkeypatch.setattr(outage.OutageTolerantClient, "unreachable_until", 0.0)  # some seconds later
    assert cache.get("a") is None
    assert len(tried) == 2


def test_health_is_asked_by_any_host_with_any_cookie_and_without_a_database(monkeypatch):
    def away(*_arguments, **_named):
        raise OperationalError("away")

    monkeypatch.setattr(connection, "cursor", away)
    client = WebClient(SERVER_NAME="10.1.2.3")
    client.cookies["sessionid"] = "x" * 32
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["database"] == "failed"


def test_a_standby_is_not_ready(db, monkeypatch):
    assert health.ready(request("/health/ready")).status_code == 200
    monkeypatch.setattr(health, "STANDBY", "SELECT true")
    answer = health.ready(request("/health/ready"))
    assert answer.status_code == 503
    assert b'"database": "missing"' in answer.content


def request(address):
    from django.test import RequestFactory

    return RequestFactory().get(address)
