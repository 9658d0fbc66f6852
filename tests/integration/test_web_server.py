"""Gunicorn as it is configured: one person's flood leaves it answering, and an endless request line is explained."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client as WebClient

ROOT = Path(__file__).resolve().parents[2]
HEAVY = "/tiers/?time_range=whole-history&step=day&on=2026-11-01"


@pytest.fixture
def live(committed, tmp_path):
    """Port of a running portal and the session of a member."""
    from accounts.models import User
    from partner_portal.local.postgres import ensure_running

    browser = WebClient()
    browser.force_login(User.objects.get(email="member@northwind.example"), backend=settings.AUTHENTICATION_BACKENDS[0])
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    connections.close_all()
    server, name = ensure_running(settings.PORTAL_VAR), connections["default"].settings_dict["NAME"]
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{server.user}@:{server.port}/{name}?host={server.host}",
        "PORTAL_VAR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.browser.live_settings",
        "SECRET_KEY": settings.SECRET_KEY,  # so that the session made here is known there
        "SITE_URL": f"http://localhost:{port}",
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "partner_portal.wsgi"]
    with (tmp_path / "web.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while not is_up(port):
            assert time.monotonic() < deadline, (tmp_path / "web.log").read_text()
            time.sleep(0.2)
        yield port, session
    finally:
        process.terminate()
        process.wait(20)


def is_up(port):
    try:
        return ask(port, "/health/live") == 200
    except OSError:
        return False


def ask(port, path, session=""):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as web:
        cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"} if session else {}
        web.request("GET", path, headers={"Host": f"localhost:{port}"} | cookie)
        answer = web.getresponse()
        answer.read()
        return answer.status


@pytest.mark.slow
@pytest.mark.sweep
def test_health_answers_beside_forty_heavy_pages_of_one_member(live):
    port, session = live
    assert ask(port, HEAVY, session) == 200
    statuses: list[int] = []
    threads = [Thread(target=lambda: statuses.append(ask(port, HEAVY, session))) for _ in range(40)]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads):
        begin = time.monotonic()
        assert ask(port, "/health/live") == 200
        taken.append(time.monotonic() - begin)
        time.sleep(0.05)
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 4
    assert statistics.median(taken) < 1
    assert max(taken) < 2  # a second on a machine that does nothing else

    with closing(socket.create_connection(("127.0.0.1", port), 10)) as web:
        web.sendall(b"GET /api/v1/progress?on=" + b"9" * 8200 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _blank, body = web.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 414 ")
    assert b"Content-Type: application/json" in head
    assert json.loads(body) == {"detail": "The address is too long.", "problems": []}
