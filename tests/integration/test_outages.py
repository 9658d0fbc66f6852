"""The portal while its cache or its database is away, or is asked by an address of its own."""

import pytest
from django.core.cache import caches
from django.db import DatabaseError, InternalError, OperationalError, connection
from django.test import Client as WebClient
from psycopg import errors
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


@pytest.mark.parametrize("cut", ["the session", "the page"])
def test_a_database_that_goes_away_is_asked_again_in_a_moment(web, cut):
    client = web("admin")
    client.raise_request_exception = False
    first = "django_session" if cut == "the session" else "clients_client"

    def away(execute, sql, params, many, context):
        if first in sql:
            raise OperationalError("the connection is lost")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(away):
        page = client.get("/clients/")
        part = client.get("/clients/", headers={"HX-Request": "true"})
        program = client.get("/api/v1/breakdown")
        sent = client.post("/clients/")
    assert (page.status_code, page["Retry-After"], page["Refresh"]) == (503, "5", "5")
    assert b"cannot reach its database" in page.content
    assert (part.status_code, part["Retry-After"], part.has_header("Refresh")) == (503, "5", False)
    assert (program.status_code, program.json()["detail"]) == (
        503,
        "The portal cannot reach its database right now. Ask again in a moment.",
    )
    if cut == "the session":
        assert (sent.status_code, sent.has_header("Refresh")) == (503, False)
        assert b"look whether what you sent was saved" in sent.content


def test_a_database_that_takes_no_writes_any_more_is_away_too(web):
    def switched_over(*_arguments, **_named):
        raise InternalError("read-only") from errors.ReadOnlySqlTransaction()

    client = web("admin")
    client.raise_request_exception = False
    with connection.execute_wrapper(lambda *_: switched_over()):
        assert client.get("/clients/").status_code == 503


def test_other_faults_stay_faults(web):
    def broken(*_):
        raise DatabaseError("no such column")

    client = web("admin")
    client.raise_request_exception = False
    with connection.execute_wrapper(broken):
        assert client.get("/clients/").status_code == 500


def request(address):
    from django.test import RequestFactory

    return RequestFactory().get(address)
