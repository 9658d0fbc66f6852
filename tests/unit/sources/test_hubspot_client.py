"""The client of HubSpot's API: its pace, what it repeats, and what it says went wrong."""

import gzip
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ImproperlyConfigured

from sources.hubspot import client as hubspot
from sources.hubspot import endpoints, reading
from sources.hubspot.client import HubSpotClient
from sources.simulator.faults import Fault
from sources.simulator.samples import fill
from sources.source import AnswerInvalid, QuotaUsedUp, Refused, ScopeMissing, TokenRejected, TryLater
from tests.simulated_hubspot import BASE, TOKEN, Hub

DEALS = endpoints.records("deals")


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    fill(hub.world, clients=3, deals=250)
    return hub


def fault(hub: Hub, kind: str, **settings) -> None:
    hub.simulator.faults.append(Fault(kind, **settings))


@pytest.mark.parametrize(
    ("kind", "value", "waits"),
    [
        ("rate_limit", "7", 7),
        ("rate_limit_silent", "", 10),
        ("locked", "", 2),
        ("bad_gateway", "", 1),
        ("cut", "", 1),
        ("slow", "61", 1),  # beyond the time-out of 60 seconds, which passes too
        ("html", "", 1),
        ("form", "", None),  # it is JSON: nothing is wrong with the line
    ],
)
def test_a_passing_fault_is_waited_for(hub, kind, value, waits):
    client = hub.client()
    reading.account(client)
    hub.time.passed = 100.0
    fault(hub, kind, times=1, value=value)
    if waits is None:
        with pytest.raises(AnswerInvalid):
            list(reading.pages(client, "deals", ["dealname"]))
        return
    assert sum(map(len, reading.pages(client, "deals", ["dealname"]))) == 250
    calls = hub.simulator.traffic.calls[1:]
    assert len(calls) == 4  # three pages, and one again
    wasted = 60 if kind == "slow" else 0.005
    assert calls[1].at - calls[0].at == pytest.approx(waits + wasted, abs=0.001)


@pytest.mark.parametrize(
    ("kind", "value", "error", "calls"),
    [
        ("unauthorized", "", TokenRejected(), 1),
        ("no_scope", "crm.objects.deals.read", ScopeMissing("crm.objects.deals.read", "deals"), 1),
        ("redirect", "https://elsewhere.invalid/", AnswerInvalid("redirect"), 1),
        ("huge", "", AnswerInvalid("large"), 1),
        ("html", "", AnswerInvalid("html"), 3),
        ("cut", "", AnswerInvalid("cut"), 8),
        ("bad_gateway", "", TryLater(status=502), 8),
        ("rate_limit_silent", "", TryLater(status=429), 8),
        ("migrating", "", TryLater(10800, 477), 1),
        ("rate_limit", "3600", TryLater(3600, 429), 1),
    ],
)
def test_what_does_not_pass_ends_the_run(hub, kind, value, error, calls):
    fault(hub, kind, value=value)
    client = hub.client()
    with pytest.raises(type(error)) as raised:
        client.get(DEALS)
    assert raised.value.details == error.details
    assert getattr(raised.value, "seconds", None) == getattr(error, "seconds", None)
    assert client.calls == len(hub.simulator.traffic.calls) == calls
    assert {request.url.split("/crm")[0] for request in hub.adapter.requests} == {BASE}
    assert TOKEN not in f"{raised.value!r} {raised.value.__cause__!r} {client._session.auth!r}"


def test_the_days_quota_ends_at_midnight_of_the_accounts_zone(hub):
    client = hub.client()
    reading.account(client)  # Europe/Amsterdam, one hour ahead of UTC in November
    fault(hub, "daily", times=1)
    with pytest.raises(QuotaUsedUp) as raised:
        client.get(DEALS)
    assert raised.value.until == datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    assert raised.value.details["limit"] == 625_000


def test_a_fifth_of_the_day_is_left_to_others(hub):
    hub.world.daily_limit = 10
    client = hub.client()
    for _call in range(9):
        client.get(DEALS)
    with pytest.raises(QuotaUsedUp):
        client.get(DEALS)
    assert client.calls == 9  # after it, less than 2 of 10 were left


def test_the_sentence_of_a_refusal_is_hubspots(hub):
    with pytest.raises(Refused, match="number of at most 100") as raised:
        hub.client().get(DEALS, {"limit": 101})
    assert raised.value.status == 400


@pytest.mark.parametrize(("limit", "most"), [(190, 48), (100, 48), (60, 29), (7, 3)])
def test_at_most_half_of_what_the_account_allows(hub, limit, most):
    hub.world.burst_limit = limit
    client = hub.client()
    for _call in range(70):
        client.get(DEALS)
    assert hub.simulator.traffic.most_within(10) == most
    assert set(hub.simulator.traffic.by_status()) == {200}


def test_searches_have_a_slower_pace(hub):
    client = hub.client()
    for _call in range(9):
        client.post(endpoints.search("deals"), {}, search=True)
        client.get(DEALS)
    traffic = hub.simulator.traffic
    assert (traffic.most_within(1, search=True), traffic.by_status()) == (2, {200: 18})


def test_a_run_among_faults_ends_well():
    """A fifth of all calls is refused, and the line is bad too: nothing is lost or doubled, and the limits are held."""
    hub = Hub()
    fill(hub.world, clients=0, deals=4_000, same_moment=2_000)
    for kind in ("rate_limit", "rate_limit_silent"):
        fault(hub, kind, share=0.1)
    for kind in ("bad_gateway", "cut", "html", "locked"):
        fault(hub, kind, share=0.03)
    fault(hub, "slow", share=0.02, value="61")
    client = hub.client()
    ids = [record.id for page in reading.pages(client, "deals", ["dealname"]) for record in page]
    assert len(ids) == len(set(ids)) == 4_000
    now = hub.world.now()
    start = datetime(2026, 11, 23, 8, 59, 59, tzinfo=UTC)
    changed = [record.id for page in reading.changed(client, "deals", ["dealname"], start, now) for record in page]
    assert len(changed) == len(set(changed)) == 2_000
    traffic = hub.simulator.traffic
    statuses = traffic.by_status()
    assert statuses[429] > 10
    assert set(statuses) <= {200, 423, 429, 502}  # no error of ours
    assert traffic.most_at_once == 1
    assert traffic.most_within(10) <= 50
    assert traffic.most_within(1, search=True) <= 3
    assert client.calls == len(traffic.calls)


@pytest.mark.parametrize("base", ["http://api.hubapi.com", "api.hubapi.com", "ftp://127.0.0.1", ""])
def test_no_token_is_sent_in_clear(base):
    with pytest.raises(ImproperlyConfigured, match="HUBSPOT_API_BASE"):
        HubSpotClient(TOKEN, base=base)
    assert HubSpotClient(TOKEN, base="http://127.0.0.1:8100/").base == "http://127.0.0.1:8100"


def test_what_a_request_says_of_us(hub):
    hub.client().get(DEALS)
    [request] = hub.adapter.requests
    assert request.headers["User-Agent"].startswith("partner-portal/0.")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_bomb_is_measured_as_it_grows(hub, monkeypatch):
    """A small body can be a large answer."""
    answer = hub.simulator.answer

    def packed(request):
        from dataclasses import replace

        true = answer(request)
        content = gzip.compress(b'{"results": []' + b" " * 40 * 1024 * 1024 + b"}", 1)
        return replace(true, body=content, headers={**true.headers, "Content-Encoding": "gzip"})

    monkeypatch.setattr(hub.simulator, "answer", packed)
    with pytest.raises(AnswerInvalid) as raised:
        hub.client().get(DEALS)
    assert raised.value.details == {"what": "large"}
    assert hubspot.MAX_ANSWER == 32 * 1024 * 1024
