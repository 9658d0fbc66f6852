"""Pages of further kinds: what each would bring, on and off, and proposals that a person confirms."""

from collections.abc import Callable
from dataclasses import replace

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.facts import kind as kind_of
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from sources import kind_pages, kind_services, queries
from sources.answers import answer_of, fields_of
from sources.forms import KindForm
from sources.models import Connection
from sources.services import WrongChange
from sources.source import TableSpec
from sources.tasks import enqueue_preview

ON, OFF, PREVIEW, SHOW = "on", "off", "preview", "show"


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
@reauthentication_required(allow_get=True)
def kind(request: ScopedRequest, pk: int, kind: str) -> HttpResponse:
    """What a further kind would bring; switch it on or off."""
    connection = queries.get_connection(request.scope, pk)
    if kind not in queries.more_kinds(connection):
        raise Http404(kind)
    do = request.POST.get("do", "") if request.method == "POST" else ""
    state = kind_pages.state(request.scope, connection, kind)
    if wanted_part(request) == "preview" and not state["is_running"]:
        return private(HttpResponseClientRefresh())
    questions = queries.more_questions(connection, kind)
    form = KindForm(
        request.POST if do in (PREVIEW, SHOW) else None,
        kind=kind,
        source=queries.vendor_of(connection),
        questions=[
            replace(question, proposal=answer_of(state["answers"][question.key]))
            if question.key in state["answers"]
            else question
            for question in questions
        ],
        fields=fields_of(connection.schema),
        stored=connection.answers,
    )
    rejected = False
    if do == PREVIEW and form.is_valid():
        rejected = not _changed(request, lambda: _ask(request, pk, kind, form), "")
    elif do == ON and _changed(
        request,
        lambda: kind_services.switch_on(scope=request.scope, connection_id=pk, kind=kind),
        _("It is on. The next sync reads everything, and its proposals wait for you.")
        if state["is_proposed"]
        else _("It is on. The next sync reads everything, and its import waits for you."),
    ):
        return redirect("connection", pk)
    elif do == OFF:
        _changed(
            request,
            lambda: kind_services.switch_off(scope=request.scope, connection_id=pk, kind=kind),
            _("It is off. What it brought stays, and files keep it up to date."),
        )
        return redirect("connection", pk)
    elif form.is_bound:
        rejected = do == PREVIEW
        if not rejected:
            form.errors.clear()  # what is not chosen yet is no error
    if do in (ON, PREVIEW) and not rejected:
        return redirect("connection_kind", pk, kind)
    context = state | {"form": form, "lines": list(form.lines())}
    return page_or_part(request, "sources/kind.html", context, parts=("preview",), status=422 if rejected else 200)


def _ask(request: ScopedRequest, pk: int, kind: str, form: KindForm) -> None:
    preview = kind_services.request_preview(scope=request.scope, connection_id=pk, kind=kind, answers=form.answers)
    enqueue_preview(request.scope.partner.pk, preview.pk)


def _changed(request: ScopedRequest, change: Callable[[], object], text: str) -> bool:
    """Whether a change was made; a message says what came of it."""
    try:
        change()
    except ValidationError as reason:  # WrongChange, WrongAnswers
        messages.warning(request, reason.messages[0])
        return False
    if text:
        messages.success(request, text)
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
def proposals(request: ScopedRequest, pk: int, kind: str) -> HttpResponse:
    """Choose proposals to confirm, which shows first what that does, or reject them."""
    scope = request.scope
    connection, spec = _proposing(scope, pk, kind)
    shown = request.GET.get("state", "waiting")
    shown = shown if shown in kind_pages.STATES else "waiting"
    if request.method == "POST":
        numbers = {int(text) for text in request.POST.getlist("row") if text.isdecimal() and len(text) < 19}
        chosen = kind_pages.chosen(scope, connection, kind, numbers, everything=request.POST.get("all") == "yes")
        if not chosen:
            messages.warning(request, _("Choose at least one."))
        elif request.POST.get("do") == "effect":
            preview = kind_services.request_effect(
                scope=scope, connection_id=pk, kind=kind, numbers={row.pk for row in chosen}
            )
            enqueue_preview(scope.partner.pk, preview.pk)
            return redirect("connection_effect", pk, kind)
        else:
            _decide(request, pk, kind, {row.pk for row in chosen})
        return redirect("connection_proposals", pk, kind)
    page = kind_pages.proposals_page(scope, connection, kind, shown, request.GET.get("page"))
    context = {
        "connection": connection, "kind": kind_of(kind), "state": shown, "page": page,
        "counts": kind_pages.counts(scope, connection, kind),
        "lines": kind_pages.lines(scope, connection, spec, list(page)),
    }  # fmt: skip
    return page_or_part(request, "sources/proposals.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
def effect(request: ScopedRequest, pk: int, kind: str) -> HttpResponse:
    """What confirming the chosen proposals does to points, once a worker knows; confirm them."""
    scope = request.scope
    connection, spec = _proposing(scope, pk, kind)
    state = kind_pages.effect(scope, connection, spec)
    if not state or not state["count"]:
        return redirect("connection_proposals", pk, kind)
    if request.method == "POST":
        count, seen = state["count"], request.POST.get("seen", "")
        confirmed = state["result"] is not None and _changed(
            request,
            lambda: kind_services.confirm(
                scope=scope, connection_id=pk, kind=kind, numbers=state["numbers"], seen=seen
            ),
            ngettext(
                "%(count)s is confirmed. The next sync brings it in.",
                "%(count)s are confirmed. The next sync brings them in.",
                count,
            )
            % {"count": count},
        )
        return redirect("connection_proposals" if confirmed else "connection_effect", pk, kind)
    if wanted_part(request) == "preview" and not state["is_running"]:
        return private(HttpResponseClientRefresh())
    return page_or_part(request, "sources/effect.html", state, parts=("preview",))


def _proposing(scope: Scope, pk: int, kind: str) -> tuple[Connection, TableSpec]:
    """A connection, and its table of a kind that is on and makes proposals. Raises Http404."""
    connection = queries.get_connection(scope, pk)
    try:
        spec = kind_services.spec_of(connection, kind)
    except WrongChange as reason:
        raise Http404(kind) from reason
    if not spec.decided:
        raise Http404(kind)
    return connection, spec


def _decide(request: ScopedRequest, pk: int, kind: str, numbers: set[int]) -> None:
    scope = request.scope
    match request.POST.get("do"):
        case "reject":
            count = kind_services.reject(scope=scope, connection_id=pk, kind=kind, numbers=numbers)
            text = ngettext(
                "%(count)s is rejected, and not proposed again.",
                "%(count)s are rejected, and not proposed again.",
                count,
            )
        case "reconsider":
            count = kind_services.reconsider(scope=scope, connection_id=pk, kind=kind, numbers=numbers)
            text = ngettext("%(count)s waits again.", "%(count)s wait again.", count)
        case _:
            return
    messages.success(request, text % {"count": count})
