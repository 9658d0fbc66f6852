"""Pages of live connections, for admins. A worker does the runs; the page shows their progress."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from partner_portal.lib.progress import JobProgress
from partner_portal.lib.rows.providers import client_list
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from sources import pages, queries, rows, sending, services
from sources.answers import fields_of
from sources.credentials import SecretUnreadable
from sources.forms import AnswersForm, AssignForm, ConnectForm
from sources.source import Source, SourceError, source_of
from sources.tasks import enqueue_sync
from sources.texts import phase_text, sent_text, sentence


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
def connect(request: ScopedRequest, vendor: str) -> HttpResponse:
    """Enter a token or a folder; it is tested before anything is stored."""
    source = _source(vendor)
    form = ConnectForm(request.POST or None, source=source)
    if request.method == "POST" and form.is_valid():
        try:
            made = _connect(request, source, form)
        except SourceError as error:
            form.add_error(None, _sentence(request, source, error))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("%(name)s is connected.") % {"name": made.label})
            return redirect("connection_questions", made.pk)
    context = {"form": form, "source": source}
    return page_or_part(request, "sources/connect.html", context, status=422 if form.errors else 200)


def _connect(request: ScopedRequest, source: Source, form: ConnectForm) -> Any:
    """Test the access and store the connection. Raises SourceError, WrongAnswers, WrongChange."""
    token, place = form.cleaned_data.get("token", ""), form.cleaned_data.get("place", "").strip()
    account, schema = services.try_access(request.scope.partner, source.key, token=token, place=place)
    return services.make(
        scope=request.scope, vendor=source.key, account=account, schema=schema, token=token, place=place
    )


@require_POST
@requires(Permission.EXPORT)
def send_list(request: ScopedRequest, pk: int) -> HttpResponse:
    """Send a list of clients to the vendor, and report the clients that it does not know."""
    connection, chosen = sending.receiver(request.scope), client_list(request.scope, str(pk))
    if connection is None or chosen is None:
        raise Http404(pk)
    vendor = str(queries.vendor_of(connection).label)
    try:
        done = sending.send_list(scope=request.scope, connection=connection, name=chosen.name, chosen=chosen)
    except SourceError as error:
        messages.error(request, _sentence(request, queries.vendor_of(connection), error))
    except SecretUnreadable:
        messages.error(request, sentence("key_missing", {}, vendor=vendor, zone=request.scope.partner.time_zone))
    else:
        messages.success(request, sent_text(vendor, chosen.name, done.sent.added, done.sent.removed, done.missing))
    return redirect("list", pk)


def _source(vendor: str) -> Source:
    try:
        return source_of(vendor)
    except KeyError as error:
        raise Http404(vendor) from error


def _sentence(request: ScopedRequest, source: Source, error: SourceError) -> str:
    zone = request.scope.partner.time_zone
    return sentence(error.code, error.details, vendor=str(source.label), zone=zone)


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
        **pages.state(scope, connection),
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
def token(request: ScopedRequest, pk: int) -> HttpResponse:
    """Enter a new token of the same account."""
    connection = queries.get_connection(request.scope, pk)
    source = queries.vendor_of(connection)
    if not source.needs_token:
        raise Http404
    form = ConnectForm(request.POST or None, source=source, token_only=True)
    if request.method == "POST" and form.is_valid():
        text, known = form.cleaned_data["token"], str(connection.account.get("id", ""))
        try:
            account, schema = services.try_access(
                request.scope.partner, source.key, token=text, place=connection.place, account_id=known
            )
            services.replace_token(scope=request.scope, connection_id=pk, token=text, account=account, schema=schema)
        except SourceError as error:
            form.add_error(None, _sentence(request, source, error))
        else:
            messages.success(request, _("The new token works and is stored."))
            return redirect("connection", pk)
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
            services.disconnect(scope=request.scope, connection_id=pk, as_files=request.POST.get("as_files") == "yes")
        except services.WrongChange as reason:
            messages.warning(request, reason.messages[0])
            return redirect("connection", pk)
        messages.success(request, _("%(name)s is disconnected. Your data stays.") % {"name": connection.label})
        return redirect("connections")
    return page_or_part(request, "sources/disconnect.html", {"connection": connection})
