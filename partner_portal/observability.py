"""Errors to Sentry and traces to an OpenTelemetry collector, each only when a setting says where to.

Without the settings nothing is imported or sent. What is sent is chosen, not scrubbed: names of types, functions, routes and
tasks, and ids. Texts of exceptions, values of variables, addresses, headers, bodies and SQL may hold names, tokens or amounts,
and stay here.
"""

import atexit
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from partner_portal.lib import log_context

SERVICE = "partner-portal"
INSTALL = (
    "{setting} is set, but {package} is not installed: pip install --require-hashes -r requirements-observability.txt"
)
_KEPT = ("event_id", "timestamp", "level", "platform", "release", "environment", "logger", "sdk")
_KEPT_OF_FRAMES = ("filename", "module", "function", "lineno", "in_app")
_NAMED = {"route", "component", "task"}  # a transaction that is named by code, not by an address


def start() -> None:
    """Start what the settings ask for. Raises ImproperlyConfigured when its packages are missing."""
    if settings.SENTRY_DSN:
        start_sentry(settings.SENTRY_DSN, settings.SENTRY_ENVIRONMENT)
    if settings.OTLP_ENDPOINT:
        start_tracing(settings.OTLP_ENDPOINT, settings.OTLP_HEADERS)


def start_sentry(dsn: str, environment: str) -> None:
    """Send errors of requests, tasks and the log."""
    try:
        import sentry_sdk
        from sentry_sdk.integrations.atexit import AtexitIntegration
        from sentry_sdk.integrations.celery import CeleryIntegration
        from sentry_sdk.integrations.dedupe import DedupeIntegration
        from sentry_sdk.integrations.django import DjangoIntegration
        from sentry_sdk.integrations.logging import LoggingIntegration
    except ImportError as error:
        raise ImproperlyConfigured(INSTALL.format(setting="SENTRY_DSN", package="sentry-sdk")) from error
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda pending, timeout: None),
            DedupeIntegration(),
            DjangoIntegration(middleware_spans=False, signals_spans=False),
            CeleryIntegration(),
            LoggingIntegration(level=None, event_level=logging.ERROR),
        ],
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        before_send=_before_send,
    )


def _before_send(event: Any, _hint: object) -> Any:
    return chosen(event)


def chosen(event: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event of Sentry leaves the installation."""
    kept = {name: event[name] for name in _KEPT if name in event}
    kept["tags"] = {name: str(value) for name, value in _ids().items()}
    if (event.get("transaction_info") or {}).get("source") in _NAMED:
        kept["transaction"] = event.get("transaction")
    if "exception" in event:
        kept["exception"] = {"values": [_chosen_exception(each) for each in event["exception"].get("values") or ()]}
    if template := (event.get("logentry") or {}).get("message"):
        kept["logentry"] = {"message": template}  # without what fills it
    return kept


def _chosen_exception(exception: Mapping[str, Any]) -> dict[str, Any]:
    frames = (exception.get("stacktrace") or {}).get("frames") or ()
    return {
        "type": exception.get("type"),
        "module": exception.get("module"),
        "stacktrace": {
            "frames": [{name: frame[name] for name in _KEPT_OF_FRAMES if name in frame} for frame in frames]
        },
    }


def _ids() -> dict[str, str | int]:
    now = log_context.current()
    ids = {
        "request_id": now.request_id,
        "task_id": now.task_id,
        "partner_id": now.partner_id,
        "user_id": now.user_id,
    }
    return {name: value for name, value in ids.items() if value not in ("", None)}


class _Tracing:
    """The tracer of this process, once there is one."""

    tracer: Any = None
    provider: Any = None


def start_tracing(endpoint: str, headers: str) -> None:
    """Send a span for each request and each task, as OTLP over HTTP. headers: `name=value`, separated by commas."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(INSTALL.format(setting="OTLP_ENDPOINT", package="opentelemetry-sdk")) from error
    from celery.signals import before_task_publish, task_postrun, task_prerun

    pairs = dict(pair.strip().split("=", 1) for pair in headers.split(",") if "=" in pair)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", headers=pairs)
    _Tracing.provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
    _Tracing.provider.add_span_processor(BatchSpanProcessor(exporter))
    _Tracing.tracer = _Tracing.provider.get_tracer(SERVICE)
    atexit.register(stop_tracing)
    before_task_publish.connect(_send_along, weak=False, dispatch_uid="observability")
    task_prerun.connect(_begin_task, weak=False, dispatch_uid="observability")
    task_postrun.connect(_end_task, weak=False, dispatch_uid="observability")


def stop_tracing() -> None:
    """Send what is left, and trace no more."""
    if _Tracing.provider is not None:
        _Tracing.provider.shutdown()
    _Tracing.provider = _Tracing.tracer = None


@contextmanager
def _span(name: str, kind: str, carrier: Mapping[str, Any]) -> Iterator[Any]:
    """A span that continues the trace of `carrier` where that names one."""
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    before = TraceContextTextMapPropagator().extract(dict(carrier))
    with _Tracing.tracer.start_as_current_span(
        name, context=before, kind=SpanKind[kind], record_exception=False, set_status_on_exception=False
    ) as span:
        yield span


def _finish(span: Any, failed: bool, attributes: Mapping[str, str | int]) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attributes({**attributes, **{f"portal.{name}": value for name, value in _ids().items()}})
    if failed:
        span.set_status(StatusCode.ERROR)


class TracingMiddleware:
    """One span a request, named by method and route. There is none without OTLP_ENDPOINT."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.OTLP_ENDPOINT:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        carrier = {"traceparent": request.headers.get("traceparent", "")} if settings.BEHIND_PROXY else {}
        with _span("request", "SERVER", carrier) as span:
            response = self.get_response(request)
            match = request.resolver_match
            route = f"/{match.route}" if match else ""
            span.update_name(f"{request.method} {route}".strip())
            attributes: dict[str, str | int] = {
                "http.request.method": str(request.method),
                "http.route": route,
                "http.response.status_code": response.status_code,
            }
            _finish(span, response.status_code >= 500, attributes)
        return response


_running: dict[str, Any] = {}


def _send_along(headers: dict[str, Any], **_: object) -> None:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if _Tracing.tracer is not None:
        TraceContextTextMapPropagator().inject(headers)


def _begin_task(task_id: str, task: Any, **_: object) -> None:
    if _Tracing.tracer is None:
        return
    opened = _span(task.name, "CONSUMER", {"traceparent": task.request.get("traceparent") or ""})
    _running[task_id] = (opened, opened.__enter__())


def _end_task(task_id: str, task: Any, state: str = "", **_: object) -> None:
    found = _running.pop(task_id, None)
    if found is None:
        return
    opened, span = found
    _finish(span, state == "FAILURE", {"messaging.operation.name": task.name, "celery.state": state})
    opened.__exit__(None, None, None)
