"""Schedules: the pane that makes one, the page of all, one with its runs, and the links in mails."""

import smtplib
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from accounts.scope import Scope, partner_scope
from partner_portal.formats.numbers import whole
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import Selection
from partner_portal.lib.web.htmx import page_or_part
from partner_portal.lib.web.whole_number import whole_number
from reports import tasks
from reports.forms import ScheduleForm, when_empty
from reports.queries import saved as report_queries
from reports.queries import schedules as queries
from reports.queries.saved import AnyReport
from reports.queries.schedules import AnyRecipient, AnySchedule
from reports.services import recipients as recipient_services
from reports.services import saved as report_services
from reports.services import schedules as services
from reports.services.exports import ExportRejectedError
from reports.services.recipients import RecipientError
from reports.services.trials import send_test
from reports.views.pane import in_pane, pane, selection_or_404
from reports.views.saved import suggested


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SCHEDULE)
def new(request: ScopedRequest, key: str) -> HttpResponse:
    """Schedule the rows of the address: saves them as a report, and schedules that."""
    selection = selection_or_404(request, key)
    return _form(request, selection, report=None, schedule=None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SCHEDULE)
def of_report(request: ScopedRequest, pk: int) -> HttpResponse:
    """Schedule a saved report."""
    report = report_queries.report(request.scope, pk)
    return _form(request, report_queries.opened(request.scope, report).selection, report=report, schedule=None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SCHEDULE)
def edit(request: ScopedRequest, pk: int) -> HttpResponse:
    """Change a schedule."""
    schedule = queries.schedule(request.scope, pk)
    selection = report_queries.opened(request.scope, schedule.report).selection
    return _form(request, selection, report=schedule.report, schedule=schedule)


def _form(
    request: ScopedRequest, selection: Selection[Scope], *, report: AnyReport | None, schedule: AnySchedule | None
) -> HttpResponse:
    scope = request.scope
    people, domains = queries.members(scope), queries.allowed_domains(scope)
    initial: dict[str, object] = (
        ScheduleForm.initial_of(schedule)
        if schedule
        else {"name": suggested(selection), "when_empty": when_empty(selection)}
    )
    form = ScheduleForm(request.POST or None, scope=scope, people=people, domains=domains, initial=initial)
    context: dict[str, object] = {"form": form, "report": report, "schedule": schedule}
    is_preview = request.POST.get("then") == "look"
    if request.method == "POST" and not is_preview and form.is_valid():
        try:
            response = _submit(request, selection, form, report, schedule, context)
            if response is not None:
                return response
        except RecipientError as error:
            form.add_error(None, str(error))
    context["next_three"] = form.next_three(clock.now())
    return pane(request, "reports/schedule_new.html", selection, **context)


def _submit(
    request: ScopedRequest,
    selection: Selection[Scope],
    form: ScheduleForm,
    report: AnyReport | None,
    schedule: AnySchedule | None,
    context: dict[str, object],
) -> HttpResponse | None:
    """Carry out a valid form. Returns None when the pane is shown again, with the outcome in `context`."""
    scope, cleaned = request.scope, form.cleaned_data
    people, addresses = cleaned["people"], cleaned["outside"]
    if request.POST.get("then") == "test":
        _send_test(request, selection, form, report, context)
        return None
    if schedule:
        services.change_schedule(
            scope=scope, schedule=schedule, values=form.values, member_ids=people, addresses=addresses
        )
        messages.success(request, _("The schedule is saved."))
        return redirect("schedule", schedule.pk)
    if report:
        made = services.make_schedule(
            scope=scope, report=report, values=form.values, member_ids=people, addresses=addresses,
            request_key=cleaned["key"],
        )  # fmt: skip
    else:
        made = report_services.save_and_schedule(
            scope=scope, selection=selection, name=cleaned["name"] or suggested(selection), values=form.values,
            member_ids=people, addresses=addresses, request_key=cleaned["key"],
        )  # fmt: skip
    if not in_pane(request):
        messages.success(request, _("The schedule is started."))
        return redirect("schedule", made.pk)
    context |= {"made": made, "slots": queries.local_slots(scope, made)}
    return None


def _send_test(
    request: ScopedRequest,
    selection: Selection[Scope],
    form: ScheduleForm,
    report: AnyReport | None,
    context: dict[str, object],
) -> None:
    """Send a test to the person who asks. Only its file is stored."""
    draft = queries.draft(request.scope, selection, form.values, form.cleaned_data["name"], report)
    try:
        export = send_test(scope=request.scope, selection=selection, schedule=draft, notify=tasks.enqueue_notice)
        if export.is_ready:
            text = _("A test is on its way to %(address)s.")
        else:
            tasks.enqueue_export(export)
            text = _(
                "The file has %(rows)s rows, so it is made in the background. The test goes to %(address)s when it is ready."
            )
        context["test_text"] = text % {"address": export.owner.email, "rows": whole(export.rows)}
    except (OSError, smtplib.SMTPException):
        form.add_error(None, _("The mail server did not take the mail. Try again later."))
    except ExportRejectedError as error:
        form.add_error(None, str(error))


@require_safe
@requires(Permission.SCHEDULE)
def index(request: ScopedRequest) -> HttpResponse:
    """The user's schedules; for an admin those of everybody."""
    return page_or_part(request, "reports/schedules.html", {"schedules": queries.schedule_rows(request.scope)})


@require_safe
@requires(Permission.SCHEDULE)
def detail(request: ScopedRequest, pk: int) -> HttpResponse:
    """One schedule: when, to whom, and its last runs."""
    schedule = queries.schedule(request.scope, pk)
    context: dict[str, object] = {
        "schedule": schedule,
        "slots": queries.local_slots(request.scope, schedule),
        "runs": queries.runs(schedule),
        "recipients": queries.recipients(request.scope, schedule),
        "changeable": queries.may_change(request.scope, schedule),
        "owner_left": queries.owner_left(request.scope, schedule),
    }
    return page_or_part(request, "reports/schedule.html", context)


@require_POST
@requires(Permission.SCHEDULE)
def change_state(request: ScopedRequest, pk: int) -> HttpResponse:
    """Pause, resume or delete a schedule (`do`), or resume a suspended `recipient`."""
    schedule = queries.schedule(request.scope, pk)
    action = request.POST.get("do")
    if action == "pause":
        services.pause_schedule(scope=request.scope, schedule=schedule)
    elif action == "resume":
        try:
            services.resume_schedule(scope=request.scope, schedule=schedule)
        except RecipientError as error:
            messages.error(request, str(error))
    elif action == "retry":
        recipient = recipient_services.resume_recipient(
            scope=request.scope, schedule=schedule, recipient_id=whole_number(request.POST.get("recipient", ""))
        )
        if recipient:
            messages.success(request, _("%(person)s gets the next mail again.") % {"person": recipient.name})
    elif action == "delete":
        services.delete_schedule(scope=request.scope, schedule=schedule)
        messages.success(request, _("The schedule is deleted. Its report stays."))
        return redirect("schedules")
    return redirect("schedule", pk)


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe a recipient on POST: from the button, or from a mail program's one click (RFC 8058).

    The token alone authenticates the request, so neither a session nor a CSRF token is needed.
    """
    if request.method == "POST" and request.POST.get("then") == "again":
        return _recipient_page(
            request, token, "again", lambda recipient: recipient_services.rejoin(recipient=recipient)
        )
    return _recipient_page(request, token, "leave", lambda recipient: recipient_services.leave(recipient=recipient))


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm an outside address, from the link in its mail."""
    return _recipient_page(request, token, "confirm", lambda recipient: recipient_services.confirm(recipient=recipient))


def _recipient_page(request: HttpRequest, token: str, what: str, act: Callable[[AnyRecipient], None]) -> HttpResponse:
    partner, key = queries.partner_of_token(token)
    with partner_scope(partner):
        recipient = queries.recipient_of(partner, key)
        if recipient is None and what != "leave":
            raise Http404
        if recipient and request.method == "POST":
            act(recipient)
        context = {
            "what": what,
            "done": request.method == "POST" or recipient is None,
            "name": recipient.schedule.report.name if recipient else _("Scheduled report"),
            "known": recipient is not None,
            "partner_name": partner.name,
        }
        return TemplateResponse(request, "reports/recipient.html", context).render()
