"""What leaves the installation when Sentry or a collector is set up: on a sink of this machine."""

import gzip
import json
import logging
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import brotli
import pytest
from django.test import RequestFactory
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partner_portal import observability
from partner_portal.lib import log_context

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = ("Amber Analytics", "12345.67", "pat-na1-secret")


@contextmanager
def sink():
    """A server that keeps what is posted to it: its port and the list of (path, body)."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            unpack = {"gzip": gzip.decompress, "br": brotli.decompress}.get(self.headers.get("Content-Encoding"), bytes)
            body = unpack(body)
            got.append((self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], got
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def sentry():
    """Sentry with a sink; what was sent to it once it is asked for."""
    import sentry_sdk

    with sink() as (port, got):
        observability.start_sentry(f"http://key@127.0.0.1:{port}/1", "tests")

        def events():
            sentry_sdk.flush(10)
            return [
                json.loads(line)
                for _path, body in got
                for line in body.splitlines()
                if b'"event_id"' in line and b'"level"' in line
            ]

        yield events, got
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)


def fails(client, amount):
    token = PRIVATE[2]
    raise ValueError(f"{client} owes {amount} with {token}")


def test_an_error_is_sent_without_what_it_says(sentry):
    events, got = sentry
    token = log_context.begin("request-0123456789")
    log_context.note_tenant(7, 8)
    try:
        fails(*PRIVATE[:2])
    except ValueError:
        logging.getLogger("portal.tests").exception("The export of %s failed.", PRIVATE[0])
    finally:
        log_context.end(token)
    [event] = events()
    assert event["tags"] == {"request_id": "request-0123456789", "partner_id": "7", "user_id": "8"}
    assert event["logentry"] == {"message": "The export of %s failed."}
    [exception] = event["exception"]["values"]
    assert (exception["type"], exception.get("value")) == ("ValueError", None)
    assert exception["stacktrace"]["frames"][-1]["function"] == "fails"
    sent = b"".join(body for _path, body in got)
    assert not [each for each in PRIVATE if each.encode() in sent]
    assert b"server_name" not in sent


def test_a_failing_page_is_one_event_named_by_its_route(sentry, web, monkeypatch):
    events, got = sentry
    browser = web("admin")
    browser.raise_request_exception = False

    def broken(*_arguments, **_named):
        fails(*PRIVATE[:2])

    monkeypatch.setattr("django.template.response.TemplateResponse.render", broken)
    assert (
        browser.get("/clients/", {"q": PRIVATE[0]}, headers={"Authorization": f"Bearer {PRIVATE[2]}"}).status_code
        == 500
    )
    found = [event for event in events() if "exception" in event]
    assert found
    assert {event["exception"]["values"][-1]["type"] for event in found} == {"ValueError"}
    sent = b"".join(body for _path, body in got)
    assert not [each for each in PRIVATE if each.encode() in sent]
    assert b"northwind.example" not in sent
    assert b"sessionid" not in sent


@pytest.fixture
def traced(settings):
    """Tracing to a sink; the spans that were sent once it is asked for."""
    with sink() as (port, got):
        settings.OTLP_ENDPOINT = f"http://127.0.0.1:{port}"
        observability.start_tracing(settings.OTLP_ENDPOINT, "x-key=1")

        def spans():
            observability.stop_tracing()
            found = []
            for path, body in got:
                assert path == "/v1/traces"
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    found += [span for scope in resource.scope_spans for span in scope.spans]
            return found

        yield spans, got
        observability.stop_tracing()


def test_a_request_and_its_task_are_one_trace_without_names(traced, settings):
    from django.urls import resolve

    from partner_portal.celery import app

    spans, got = traced
    settings.BEHIND_PROXY = True
    headers = {}

    def answer(request):
        from django.http import HttpResponse

        request.resolver_match = resolve("/clients/C1/")
        observability._send_along(headers=headers)
        return HttpResponse(PRIVATE[0], status=500)

    outer = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    request = RequestFactory().get("/clients/C1/", {"q": PRIVATE[0]}, headers={"traceparent": outer})
    observability.TracingMiddleware(answer)(request)
    app.loader.import_default_modules()
    task = app.tasks["reports.tasks.run_export"]

    class Running:
        name = task.name
        request = headers

    observability._begin_task(task_id="t-1", task=Running)
    observability._end_task(task_id="t-1", task=Running, state="FAILURE")
    done, asked = sorted(spans(), key=lambda span: span.name, reverse=True)
    assert (asked.name, done.name) == ("GET /clients/<id:client_id>/", "reports.tasks.run_export")
    assert asked.trace_id == done.trace_id == bytes.fromhex(outer[3:35])
    assert done.parent_span_id == asked.span_id
    attributes = {each.key for span in (asked, done) for each in span.attributes}
    assert attributes <= {
        "http.request.method", "http.route", "http.response.status_code", "messaging.operation.name", "celery.state",
        "portal.request_id", "portal.task_id", "portal.partner_id", "portal.user_id",
    }  # fmt: skip
    assert {span.status.code for span in (asked, done)} == {2}
    assert not [each for each in PRIVATE if each.encode() in b"".join(body for _path, body in got)]


def test_nothing_is_imported_without_the_settings():
    program = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'partner_portal.settings'; import django; django.setup();"
        "import partner_portal.wsgi;"
        "ours = ('sentry_sdk', 'opentelemetry.exporter', 'opentelemetry.sdk.trace');"  # redis looks for the rest itself
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_setting_without_its_packages_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(observability.ImproperlyConfigured, match=r"requirements-observability\.txt"):
        observability.start_sentry("http://key@127.0.0.1:1/1", "tests")
