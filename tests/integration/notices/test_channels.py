"""Channels: what is sent where, signed how, tried again when, and what is never reached."""

import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import time_machine

from accounts.scope import partner_scope, system_scope
from notices import channels
from notices.events import Event
from notices.kinds import NoticeKind
from notices.models import Channel, ChannelMessage, Notice
from notices.outbound import AddressRefused, check_address, post
from notices.services import notify
from notices.signature import new_secret, signed_headers
from partner_portal.lib.dates import clock
from tests.conftest import PASSWORD

LOST = Event(NoticeKind.TIER_LOST, "2026-10-15", {"on": "2026-10-15", "before": "Elite", "after": "Gold & Co"})


def test_signatures_are_those_of_the_specification():
    # The example that the public libraries of Standard Webhooks test with.
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert new_secret() != new_secret()


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://hooks.example/x", "https"), ("https://user@hooks.example/", "form"), ("https:///x", "form"),
        ("https://hooks.example:22/x", "port"), ("https://hooks.example:x/", "form"), ("file:///etc/passwd", "https"),
        ("https://hooks.example/\r\nHost: other", "form"),
    ],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(address, code):
    with pytest.raises(AddressRefused) as refused:
        check_address(address)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "place",
    [
        "127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "224.0.0.1", "::1", "fe80::1", "fd00::1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
    ],
)  # fmt: skip
def test_names_of_private_addresses_are_not_connected_to(place, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_given: [(0, 0, 0, "", (place, 443))])
    with pytest.raises(AddressRefused, match="private"):
        post("https://hooks.example/x", b"{}", {})


@pytest.fixture
def receiver(settings):
    """A server on this machine: what it received, and the statuses that it answers, 200 at the end."""
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    received, statuses = [], []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, dict(self.headers), body))
            self.send_response(statuses.pop(0) if statuses else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.received, server.statuses, server.address = (
        received,
        statuses,
        f"http://127.0.0.1:{server.server_port}/hook?k=1",
    )
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def added(partner, receiver, kind):
    with partner_scope(partner):
        return channels.add(
            scope=system_scope(partner), kind=kind, label="Sales", address=receiver.address, kinds=["tier_lost"]
        )


def told(partner, event=LOST):
    with partner_scope(partner):
        notify(scope=system_scope(partner), events=[event])


def tick(partner):
    return [channels.send(partner_id=partner.pk, message_id=pk) for pk in channels.claim_messages(partner=partner)]


def test_an_event_goes_to_each_kind_of_channel_once(db, partner, receiver):
    made = {kind: added(partner, receiver, kind) for kind in ("slack", "teams", "webhook")}
    told(partner)
    told(partner)
    assert tick(partner) == ["sent"] * 3
    assert tick(partner) == []
    slack, teams, webhook = (json.loads(body) for _path, _headers, body in receiver.received)
    assert receiver.received[0][0] == "/hook?k=1"
    assert slack["text"].startswith("*Northwind Growth: You fell from Elite to Gold &amp; Co*\n")
    card = teams["attachments"][0]["content"]
    assert card["body"][0]["text"] == "Northwind Growth: You fell from Elite to Gold & Co"
    assert webhook["type"] == "notice.tier_lost"
    assert webhook["data"]["rows"] == [dict(LOST.values)]
    _path, headers, body = receiver.received[2]
    lowered = {name.lower(): value for name, value in headers.items()}
    secret = made["webhook"][1]
    assert (
        signed_headers(secret, lowered["webhook-id"], int(lowered["webhook-timestamp"]), body).items()
        <= lowered.items()
    )
    with partner_scope(partner):
        stored = Channel.objects.get(kind="webhook")
    assert receiver.address not in stored.address
    assert secret not in stored.signing


def test_a_failing_channel_is_tried_again_and_told_dead_once(db, partner, receiver):
    added(partner, receiver, "webhook")
    told(partner)
    receiver.statuses += [500, 302]
    now = clock.now()
    with time_machine.travel(now, tick=False) as clock_hands:
        assert tick(partner) == ["due"]
        assert tick(partner) == []
        clock_hands.shift(timedelta(minutes=1))
        assert tick(partner) == ["due"]  # a redirect is not followed
        clock_hands.shift(timedelta(minutes=5))
        assert tick(partner) == ["sent"]
        assert len({headers["webhook-id"] for _path, headers, _body in receiver.received}) == 1
        assert {path for path, _headers, _body in receiver.received} == {"/hook?k=1"}
        told(partner, Event(NoticeKind.TIER_LOST, "later", LOST.values))
        receiver.statuses += [503, 503]
        assert tick(partner) == ["due"]
        clock_hands.shift(timedelta(days=3))
        assert tick(partner) == ["failed"]
    with partner_scope(partner):
        assert Channel.objects.get().state == "dead"
        [notice] = Notice.objects.filter(kind="channel_dead")
        assert notice.user.email == "admin@northwind.example"


def test_a_channel_that_is_gone_gets_nothing_more(db, partner, receiver):
    added(partner, receiver, "slack")
    told(partner)
    receiver.statuses.append(410)
    assert tick(partner) == ["failed"]
    told(partner, Event(NoticeKind.TIER_LOST, "later", LOST.values))
    assert tick(partner) == []


def test_an_admin_adds_tests_and_removes_a_channel(db, partner, web, receiver):
    browser = web()
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    sent = {"kind": "webhook", "label": "Ours", "address": receiver.address, "kinds": ["tier_lost"]}
    page = browser.post("/notices/channels/", sent).content.decode()
    assert "whsec_" in page
    assert receiver.address not in page
    with partner_scope(partner):
        channel = Channel.objects.get()
    browser.post(f"/notices/channels/{channel.pk}/do/", {"action": "test"})
    assert tick(partner) == ["sent"]
    assert "Answer 200" in browser.get(f"/notices/channels/{channel.pk}/").content.decode()
    browser.post(f"/notices/channels/{channel.pk}/", {"kinds": ["tier_reached"], "csrf": "-"})
    browser.post(f"/notices/channels/{channel.pk}/do/", {"action": "pause"})
    with partner_scope(partner):
        channel.refresh_from_db()
    assert (channel.kinds, channel.state) == (["tier_reached"], "paused")
    browser.post(f"/notices/channels/{channel.pk}/do/", {"action": "remove"})
    with partner_scope(partner):
        assert not ChannelMessage.objects.exists()


def test_the_form_of_a_channel_survives_the_password_that_is_asked_in_between(web):
    browser, address = web(), "/notices/channels/"
    sent = {"kind": "webhook", "label": "Ours", "address": "http://192.0.2.1/hook", "kinds": ["tier_lost"]}
    assert browser.post(address, sent)["Location"].startswith("/accounts/reauthenticate/")
    page = browser.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": address}).content.decode()
    assert 'value="Ours"' in page
    assert f'method="post" action="{address}"' in page, (
        "what is corrected there goes to the channels, not to the password"
    )
