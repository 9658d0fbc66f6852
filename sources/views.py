"""Pages of live connections, for admins. A worker does the runs; the page shows their progress."""

import json
import secrets
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from partner_portal.lib import site
from partner_portal.lib.progress import JobProgress
from partner_portal.lib.rows.providers import client_list
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from sources import calls, pages, queries, rows, sending, services
from sources.answers import fields_of
from sources.call_states import CallKind, CallState
from sources.forms import AnswersForm, AssignForm, ConnectForm
from sources.source import AsksForConsent, JsonObject, source_of, sources
from sources.tasks import enqueue_call, enqueue_sync
from sources.texts import phase_text


@require_safe
@requires(Permission.SETTINGS)
def connections(request: ScopedRequest) -> HttpResponse:
    """List the partner's connections, and what can be connected."""
    context = {"rows": queries.summaries(request.scope), "choices": pages.choices(request.scope)}
    return page_or_part(request, "sources/connections.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
@reauthentication_required(allow_get=True)
@sensitive_post_parameters("token")
@sensitive_variables()
def connect(request: ScopedRequest, vendor: str) -> HttpResponse:
    """Enter a token or a folder; a worker tests it before a connection is made."""
    try:
        source = source_of(vendor)
    except KeyError as error:
        raise Http404(vendor) from error
    form = ConnectForm(request.POST or None, source=source)
    if request.method == "POST" and form.is_valid():
        token, place = form.cleaned_data.get("token", ""), form.cleaned_data.get("place", "").strip()
        return _called(request, kind=CallKind.CONNECT, vendor=vendor, token=token, place=place)
    context = {"form": form, "source": source}
    return page_or_part(request, "sources/connect.html", context, status=422 if form.errors else 200)


@require_safe
@requires(Permission.SETTINGS)
@reauthentication_required
def consent(request: ScopedRequest, vendor: str) -> HttpResponse:
    """Send an admin to the vendor's consent page; `connection` is the one that needs a new token, if any."""
    number = request.GET.get("connection", "")
    connection = queries.get_connection(request.scope, int(number)) if number.isascii() and number.isdigit() else None
    asked: JsonObject = {
        "vendor": vendor, "state": secrets.token_urlsafe(32), "verifier": secrets.token_urlsafe(64),
        "partner": request.scope.partner.pk, "connection": connection.pk if connection else None,
    }  # fmt: skip
    request.session["consent"] = asked
    return redirect(_consenting(vendor).consent_url(asked["state"], asked["verifier"], _back(vendor)))


@require_safe
@requires(Permission.SETTINGS)
@sensitive_variables()
def consented(request: ScopedRequest, vendor: str) -> HttpResponse:
    """Return from the vendor's consent page: have a worker redeem the code, if this session asked for it."""
    _consenting(vendor)
    asked: JsonObject = request.session.pop("consent", {})
    code = request.GET.get("code", "")
    if not code or not _asked_here(request, vendor, asked):
        messages.error(request, _("Nothing was allowed, or the page was open for too long. Begin again."))
        return redirect("connections_new", vendor)
    connection = queries.get_connection(request.scope, asked["connection"]) if asked["connection"] else None
    token = json.dumps({"code": code, "verifier": asked["verifier"], "back": _back(vendor)})
    return _called(request, kind=CallKind.AUTHORIZE, vendor=vendor, token=token, connection=connection)


def _asked_here(request: ScopedRequest, vendor: str, asked: JsonObject) -> bool:
    """Whether this session asked the vendor for the consent that came back, for this partner."""
    state = str(asked.get("state", ""))
    known = bool(state) and secrets.compare_digest(state.encode(), request.GET.get("state", "").encode())
    return known and bool(asked["vendor"] == vendor) and bool(asked["partner"] == request.scope.partner.pk)


def _consenting(vendor: str) -> AsksForConsent:
    """The source, if it can be connected by consent. Raises Http404."""
    for source in sources():
        if source.key == vendor and isinstance(source, AsksForConsent) and source.asks_for_consent:
            return source
    raise Http404(vendor)


def _back(vendor: str) -> str:
    return site.link("connections_consented", vendor)


@require_POST
@requires(Permission.EXPORT)
def send_list(request: ScopedRequest, pk: int) -> HttpResponse:
    """Have a list of clients sent to the vendor."""
    receiver, chosen = sending.receiver(request.scope), client_list(request.scope, str(pk))
    if receiver is None or chosen is None:
        raise Http404(pk)
    return _called(request, kind=CallKind.SEND, vendor=receiver.vendor, connection=receiver, list=pk, name=chosen.name)


@sensitive_variables("asked")
def _called(request: ScopedRequest, **asked: Any) -> HttpResponse:
    """Have a worker ask the vendor, and show how far it is."""
    made = calls.request_call(scope=request.scope, **asked)
    enqueue_call(request.scope.partner.pk, made.pk)
    return redirect("vendor_call", made.pk)


@require_safe
@requires(Permission.EXPORT)
def call(request: ScopedRequest, pk: int) -> HttpResponse:
    """What somebody asked of a vendor: its progress, then its result where they asked for it."""
    made = calls.get_call(request.scope, pk)
    if made.state == CallState.WAITING:
        context = {"call": made, "source": source_of(made.vendor), "is_late": calls.is_late(made)}
        return page_or_part(request, "sources/call.html", context, parts=("call-progress",))
    if wanted_part(request) == "call-progress":
        return private(HttpResponseClientRefresh())
    if made.state == CallState.FAILED:
        messages.error(request, pages.call_failure(request.scope, made))
    else:
        messages.success(request, pages.call_result(made))
    return redirect(*pages.place_of_call(made))


@require_safe
@requires(Permission.SETTINGS)
def connection(request: ScopedRequest, pk: int) -> HttpResponse:
    """Show the status of a connection, its runs, and what can be done about it."""
    scope = request.scope
    connection = queries.get_connection(scope, pk)
    progress = JobProgress("sync", pk).latest
    is_running = bool(queries.running([connection]))
    if wanted_part(request) == "sync-progress" and not (progress or is_running):
        return private(HttpResponseClientRefresh())
    context = {
        "connection": connection,
        "is_running": is_running or bool(progress),
        "progress": progress,
        "phase": phase_text(progress.phase) if progress else "",
        **pages.state(scope, connection, is_running=is_running),
    }
    return page_or_part(request, "sources/connection.html", context, parts=("sync-progress",))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
@reauthentication_required(allow_get=True)
def questions(request: ScopedRequest, pk: int) -> HttpResponse:
    """Answer the connection's questions, and set how often it runs and what it may change without approval."""
    connection = queries.get_connection(request.scope, pk)
    source = queries.vendor_of(connection)
    do = request.POST.get("do", "") if request.method == "POST" else ""
    form = AnswersForm(
        request.POST or None,
        source=source,
        questions=queries.questions_of(connection),
        fields=fields_of(connection.schema),
        stored=connection.answers,
        fixed=connection.good_at is not None,
        counts=connection.account.get("details", {}),
    )
    rejected = False
    if do == "save":
        rejected = not form.is_valid()
        if not rejected:
            try:
                services.answer(scope=request.scope, connection_id=pk, answers=form.document)
            except ValidationError as error:
                form.add_error(None, error)
                rejected = True
            else:
                messages.success(request, _("The answers are saved. The next sync reads everything with them."))
                return redirect("connection", pk)
    elif form.is_bound:
        form.errors.clear()  # what is not chosen yet is no error
    context = {"connection": connection, "form": form, "lines": list(form.lines())}
    return page_or_part(request, "sources/questions.html", context, status=422 if rejected else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
@reauthentication_required(allow_get=True)
@sensitive_post_parameters("token")
@sensitive_variables()
def token(request: ScopedRequest, pk: int) -> HttpResponse:
    """Enter a new token of the same account; a worker tests it before it is stored."""
    connection = queries.get_connection(request.scope, pk)
    source = queries.vendor_of(connection)
    if not source.needs_token:
        raise Http404
    form = ConnectForm(request.POST or None, source=source, token_only=True)
    if request.method == "POST" and form.is_valid():
        text = form.cleaned_data["token"]
        return _called(request, kind=CallKind.TOKEN, vendor=connection.vendor, token=text, connection=connection)
    context = {"connection": connection, "form": form, "source": source}
    return page_or_part(request, "sources/token.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
def unmatched(request: ScopedRequest, pk: int) -> HttpResponse:
    """Assign clients to rows that the vendor relates to none."""
    connection = queries.get_connection(request.scope, pk)
    page = pages.unmatched_page(request.scope, connection, request.GET.get("page"))
    form = AssignForm(request.POST or None, rows=list(page), clients=pages.client_choices(request.scope))
    if request.method == "POST" and form.is_valid():
        changed = services.assign(scope=request.scope, connection_id=pk, clients=form.chosen)
        messages.success(
            request,
            ngettext(
                "%(count)s assignment is saved. The next sync brings it in.",
                "%(count)s assignments are saved. The next sync brings them in.",
                changed,
            )
            % {"count": changed},
        )
        return redirect("connection", pk)
    context = {"connection": connection, "form": form, "lines": list(form.lines()), "page": page}
    return page_or_part(request, "sources/clients.html", context, status=422 if form.errors else 200)


@require_POST
@requires(Permission.SETTINGS)
def sync(request: ScopedRequest, pk: int) -> HttpResponse:
    """Read from the connection now: what changed, or with `full` everything."""
    queries.get_connection(request.scope, pk)
    full = request.POST.get("full") == "yes"
    try:
        services.request_sync(scope=request.scope, connection_id=pk, full=full)
    except services.WrongChange as reason:
        messages.warning(request, reason.messages[0])
    else:
        JobProgress("sync", pk)("waiting", 0, 0)
        enqueue_sync(request.scope.partner.pk, pk, request.user.pk, full)
    return redirect("connection", pk)


@require_POST
@requires(Permission.SETTINGS)
def pause(request: ScopedRequest, pk: int) -> HttpResponse:
    """Stop runs until somebody resumes them."""
    return _changed(request, pk, services.pause, _("Paused. Your data stays as it is."))


@require_POST
@requires(Permission.SETTINGS)
def resume(request: ScopedRequest, pk: int) -> HttpResponse:
    """Resume a paused connection."""
    return _changed(request, pk, services.resume, _("Resumed. The next sync comes within a minute."))


def _changed(request: ScopedRequest, pk: int, change: Any, text: str) -> HttpResponse:
    queries.get_connection(request.scope, pk)
    try:
        change(scope=request.scope, connection_id=pk)
        messages.success(request, text)
    except services.WrongChange as reason:
        messages.warning(request, reason.messages[0])
    return redirect("connection", pk)


@require_POST
@requires(Permission.SETTINGS)
def gone(request: ScopedRequest, pk: int) -> HttpResponse:
    """Confirm that missing rows are gone."""
    connection = queries.get_connection(request.scope, pk)
    count = len(rows.given_up(request.scope, connection))
    services.confirm_gone(scope=request.scope, connection_id=pk)
    messages.success(
        request,
        ngettext(
            "The next sync withdraws %(count)s row.", "The next sync withdraws %(count)s rows.", count
        ) % {"count": count},
    )  # fmt: skip
    return redirect("connection", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
@reauthentication_required(allow_get=True)
def disconnect(request: ScopedRequest, pk: int) -> HttpResponse:
    """End a connection, after a confirmation."""
    connection = queries.get_connection(request.scope, pk)
    if request.method == "POST":
        try:
            revoking = calls.disconnect(
                scope=request.scope, connection=connection, as_files=request.POST.get("as_files") == "yes"
            )
        except services.WrongChange as reason:
            messages.warning(request, reason.messages[0])
            return redirect("connection", pk)
        if revoking:
            enqueue_call(request.scope.partner.pk, revoking.pk)
        messages.success(request, _("%(name)s is disconnected. Your data stays.") % {"name": connection.label})
        return redirect("connections")
    return page_or_part(request, "sources/disconnect.html", {"connection": connection})
