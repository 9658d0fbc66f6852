"""The id of a request: in its answer, on the page that reports an error, in every line of the log, and in its tasks."""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from celery import Celery
from celery.signals import task_postrun, task_prerun
from django.test import Client as WebClient

from partner_portal.lib import log_context
from partner_portal.logs import ACCESS, JsonFormatter, MaskingFormatter
from partner_portal.task_context import QUEUED_AT, REQUEST_ID

ROOT = Path(__file__).resolve().parents[2]
GIVEN = "proxy-0123456789"


class Lines(logging.Handler):
    """Formats records when they are made, as a stream would."""

    def __init__(self, formatter):
        super().__init__()
        self.setFormatter(formatter)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def nobody_yet(db):
    """As a thread begins: whatever tenant the fixtures of tests have set."""
    token = log_context.begin()
    yield
    log_context.end(token)


@pytest.fixture
def json_lines():
    handler = Lines(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


def test_every_answer_has_an_id_that_only_a_trusted_proxy_chooses(db, settings):
    client = WebClient()
    first, second = (client.get("/accounts/login/", headers={"X-Request-ID": GIVEN}) for _ in range(2))
    assert len(first.headers["X-Request-ID"]) == 32
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"] != GIVEN
    settings.BEHIND_PROXY = True
    assert client.get("/accounts/login/", headers={"X-Request-ID": GIVEN}).headers["X-Request-ID"] == GIVEN
    for unusable in ("", "short", "a" * 65, "<script>alert(1)</script>", "two words of text"):
        assert client.get("/health/live", headers={"X-Request-ID": unusable}).headers["X-Request-ID"] != unusable


def test_the_page_that_reports_an_error_shows_the_id_of_its_log_line(db, web, json_lines, monkeypatch):
    def fails(*_arguments, **_named):
        raise RuntimeError("of /accounts/password/reset/key/1-secret/")

    monkeypatch.setattr("dashboard.views.Overview", fails)
    client = web("admin")
    client.raise_request_exception = False
    answer = client.get("/dashboard/")
    request_id = answer.headers["X-Request-ID"]
    assert answer.status_code == 500
    assert f"<code>{request_id}</code>" in answer.content.decode()
    [line] = [json.loads(each) for each in json_lines if "Internal Server Error" in each]
    assert (line["request_id"], line["level"], line["logger"]) == (request_id, "ERROR", "django.request")
    assert "RuntimeError: of /accounts/password/reset/key/***" in line["error"]
    assert "secret" not in json.dumps(line)
    assert "\n" not in json_lines[-1]


def test_lines_name_partner_and_person_by_id_alone(db, web, person, partner, settings, json_lines):
    settings.LOG_REQUESTS = True
    admin = person("admin")
    answer = web("admin").get("/clients/?q=Harbour")
    assert answer.status_code == 200
    [line] = [json.loads(each) for each in json_lines if json.loads(each)["logger"] == ACCESS]
    assert (line["partner_id"], line["user_id"]) == (partner.pk, admin.pk)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/clients/", 200)
    assert line["milliseconds"] > 0
    text = json.dumps(line)
    assert not [word for word in (admin.email, "Harbour", "Northwind", "sessionid") if word.lower() in text.lower()]
    assert log_context.current() == log_context.LogContext()  # the next request of this thread starts anew


def test_a_line_of_text_carries_the_id_too():
    formatter = MaskingFormatter("{levelname} [{request_label}] {message}", style="{")
    record = logging.LogRecord("a", logging.INFO, "a.py", 1, "read", None, None)
    assert formatter.format(record) == "INFO [-] read"
    token = log_context.begin("abc")
    assert formatter.format(record) == "INFO [abc] read"
    log_context.end(token)


def test_a_task_carries_the_id_of_the_request_that_enqueued_it():
    app = Celery("of-this-test", broker="memory://", backend="cache+memory://", set_as_current=False)
    seen = []

    @app.task(name="look")
    def look():
        log_context.note_tenant(7, 8)
        seen.append(log_context.current())

    token = log_context.begin("request-1")
    look.apply_async()
    log_context.end(token)
    with app.connection_for_read() as connection:
        message = connection.SimpleQueue("celery").get(timeout=2)
    assert message.headers[REQUEST_ID] == "request-1"
    assert time.time() - message.headers[QUEUED_AT] < 60
    # A worker gives the task its message's headers.
    look.push_request(**message.headers)
    task_prerun.send(sender=look, task_id="t-1", task=look)
    look()
    task_postrun.send(sender=look, task_id="t-1", task=look, state="SUCCESS")
    look.pop_request()
    assert (seen[0].request_id, seen[0].task_id, seen[0].partner_id) == ("request-1", "t-1", 7)
    assert log_context.current() == log_context.LogContext()


def test_the_setting_decides_how_every_process_logs(tmp_path):
    code = (
        "import django; django.setup(); import logging; from partner_portal.lib import log_context;"
        "log_context.begin('abcdefgh'); logging.getLogger('a').warning('at %s', '/notices/stop/SECRET/')"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "partner_portal.settings", "PORTAL_VAR": str(tmp_path)}

    def logged(**changes):
        command = [sys.executable, "-c", code]
        return subprocess.run(command, cwd=ROOT, env=environment | changes, capture_output=True, text=True, check=False)

    line = json.loads(logged(LOG_FORMAT="json").stderr)
    assert (line["message"], line["request_id"], line["logger"]) == ("at /notices/stop/***/", "abcdefgh", "a")
    assert "LOG_FORMAT: 'xml' is none of text, json." in logged(LOG_FORMAT="xml").stderr
