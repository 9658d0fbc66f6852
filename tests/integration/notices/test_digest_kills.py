"""Digests under kill -9: real processes that die while they send, a real mail server on loopback, one mail each."""

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings
from django.db import connections

from accounts.models import Partner, User
from accounts.scope import owner_scope, partner_scope
from notices.models import DigestRun, DigestState
from notices.services import NoticeChoices, choose
from tests.integration.notices.crashing_sender import MOMENTS
from tests.integration.reports.processes import free_port

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = {"finance@northwind.example", "manager@northwind.example"}
FIRST = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 7:30 in Amsterdam, when their digests are due
UNNOTED = {"accepted", "noting"}
pytestmark = pytest.mark.slow


class Sink:
    """A mail server that keeps what it has answered with 250."""

    def __init__(self):
        self.accepted = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 -- aiosmtpd's name
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.accepted.append((envelope.rcpt_tos[0], mail["Message-ID"], mail.get_body(("plain",)).get_content()))
        return "250 OK"


@pytest.fixture
def sink():
    handler = Sink()
    handler.port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    yield handler
    controller.stop()


@pytest.fixture
def northwind(committed):
    """The demo partner, two of whose people get a digest every day."""
    partner = Partner.objects.get(slug="northwind")
    for email in PEOPLE:
        user = User.objects.get(email=email)
        with partner_scope(partner, user):
            choose(scope=owner_scope(partner, user), choices=NoticeChoices({}, 25, None, "daily", time(7, 30)))
    return partner


def die(partner, sink, moments):
    """Run a worker that dies at each of the moments, on a day of its own; returns the Message-IDs by person and day."""
    from partner_portal.local.postgres import ensure_running

    server, name = ensure_running(settings.PORTAL_VAR), connections["default"].settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{server.user}@/{name}?host={server.host}&port={server.port}",
        "PORTAL_VAR": str(settings.PORTAL_VAR),
        "PORTAL_TODAY": "2026-11-23",
        "DJANGO_SETTINGS_MODULE": "partner_portal.settings",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(sink.port),
        "EMAIL_STARTTLS": "no",
    }
    command = [sys.executable, "-m", "tests.integration.notices.crashing_sender", str(partner.pk), FIRST.isoformat()]
    ended = subprocess.run(
        [*command, ",".join(moments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    with partner_scope(partner):
        runs = {f"digest-{run.pk}@": (run.user.email, run.slot) for run in DigestRun.objects.select_related("user")}
        assert set(DigestRun.objects.values_list("state", flat=True)) == {DigestState.SENT}
    slots = [FIRST + timedelta(days=number) for number in range(len(moments))]
    assert sorted(runs.values()) == sorted((email, slot) for email in PEOPLE for slot in slots)
    return {
        runs[next(name for name in runs if name in message_id)]: [
            (to, text) for to, other, text in sink.accepted if other == message_id
        ]
        for _to, message_id, _text in sink.accepted
    }


@pytest.mark.sweep
def test_killed_at_any_moment_everybody_has_one_digest_a_slot(northwind, sink):
    """Only a mail that was accepted and not noted comes twice, as the same mail: no mail server commits with us (ADR 133)."""
    told = die(northwind, sink, MOMENTS)
    assert set(told) == {(email, FIRST + timedelta(days=day)) for email in PEOPLE for day in range(len(MOMENTS))}
    for (email, _slot), mails in told.items():
        assert {to for to, _text in mails} == {email}
        assert "Total points" in mails[0][1]
    times = Counter()
    for (_email, slot), mails in told.items():
        times[MOMENTS[(slot - FIRST).days]] += len(mails)
    assert times == {moment: 3 if moment in UNNOTED else 2 for moment in MOMENTS}
