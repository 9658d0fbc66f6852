"""Schedules: the pane that makes one, the page of all, each one with its runs, and the links in mails."""

import smtplib
from typing import Any
from zoneinfo import ZoneInfo

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
from partner_portal.lib.dates import clock
from partner_portal.lib.web.htmx import page_or_part
from partner_portal.lib.web.whole_number import whole_number
from partner_portal.templatetags.figures import whole
from reports import tasks
from reports.forms import ScheduleForm, when_empty
from reports.queries import saved as report_queries
from reports.queries import schedules as queries
from reports.schedule import next_slots
from reports.services import saved as report_services
from reports.services import schedules as services
from reports.services.exports import RefusedError
from reports.views.pane import in_pane, pane, selection_or_404
from reports.views.saved import suggested


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SCHEDULE)
def new(request: ScopedRequest, key: str) -> HttpResponse:
    """Send what is looked at by the clock: saves it as a report, and schedules that."""
    selection = selection_or_404(request, key)
    return _form(request, selection, report=None, schedule=None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SCHEDULE)
def of_report(request: ScopedRequest, pk: int) -> HttpResponse:
    """Send a saved report by the clock."""
    report = report_queries.report(request.scope, pk)
    return _form(request, report_queries.opened(request.scope, report).selection, report=report, schedule=None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SCHEDULE)
def edit(request: ScopedRequest, pk: int) -> HttpResponse:
    """Change a schedule."""
    schedule = queries.schedule(request.scope, pk)
    selection = report_queries.opened(request.scope, schedule.report).selection
    return _form(request, selection, report=schedule.report, schedule=schedule)


def _form(request: ScopedRequest, selection: Any, *, report: Any, schedule: Any) -> HttpResponse:
    scope = request.scope
    people, domains = queries.members(scope), queries.allowed_domains(scope)
    initial = _initial(schedule) if schedule else {"name": suggested(selection), "when_empty": when_empty(selection)}
    form = ScheduleForm(request.POST or None, scope=scope, people=people, domains=domains, initial=initial)
    context: dict[str, Any] = {"form": form, "report": report, "schedule": schedule}
    only_looking = request.POST.get("then") == "look"
    if request.method == "POST" and not only_looking and form.is_valid():
        try:
            answer = _done(request, selection, form, report, schedule, context)
            if answer is not None:
                return answer
        except services.RecipientError as error:
            form.add_error(None, str(error))
    context["next_three"] = form.next_three(clock.now())
    return pane(request, "reports/schedule_new.html", selection, **context)


def _done(
    request: ScopedRequest, selection: Any, form: ScheduleForm, report: Any, schedule: Any, context: dict[str, Any]
) -> HttpResponse | None:
    scope, given = request.scope, form.cleaned_data
    if request.POST.get("then") == "test":
        return _tested(request, selection, form, report, context)
    if schedule:
        services.change_schedule(
            scope=scope, schedule=schedule, values=form.values, member_ids=given["people"], addresses=given["outside"]
        )
        messages.success(request, _("The schedule is saved."))
        return redirect("schedule", schedule.pk)
    what: dict[str, Any] = {
        "values": form.values, "member_ids": given["people"], "addresses": given["outside"], "request_key": given["key"],
    }  # fmt: skip
    if report:
        made = services.make_schedule(scope=scope, report=report, **what)
    else:
        name = given["name"] or suggested(selection)
        made = report_services.save_and_schedule(scope=scope, selection=selection, name=name, **what)
    if not in_pane(request):
        messages.success(request, _("The schedule is started."))
        return redirect("schedule", made.pk)
    context |= {"made": made, "slots": _local(scope, made)}
    return None


def _tested(
    request: ScopedRequest, selection: Any, form: ScheduleForm, report: Any, context: dict[str, Any]
) -> HttpResponse | None:
    """Send a test to the one who asks. Nothing is kept but the file."""
    draft = queries.draft(request.scope, selection, form.values, form.cleaned_data["name"], report)
    try:
        export = services.send_test(
            scope=request.scope, selection=selection, schedule=draft, notify=tasks.enqueue_notice
        )
        if export.state == "queued":
            tasks.enqueue_export(export)
        words = {"address": request.scope.user.email, "rows": whole(export.rows)}  # type: ignore[union-attr]
        context["told"] = (
            _("A test is on its way to %(address)s.") % words
            if export.is_ready
            else _(
                "The file has %(rows)s rows, so it is made in the background. The test goes to %(address)s when it is ready."
            )
            % words
        )
    except (OSError, smtplib.SMTPException):
        form.add_error(None, _("The mail server did not take the mail. Try again later."))
    except RefusedError as refused:
        form.add_error(None, str(refused))
    return None


def _initial(schedule: Any) -> dict[str, Any]:
    names = ("frequency", "at", "zone", "format", "delivery", "when_empty")
    recipients = list(schedule.recipients.filter(left_at=None))
    return (
        {name: getattr(schedule, name) for name in names}
        | {
            "name": schedule.report.name,
            "weekday": schedule.day if schedule.frequency == "weekly" else 0,
            "month_day": schedule.day if schedule.frequency in {"monthly", "quarterly"} else -1,
            "people": [each.user_id for each in recipients if each.user_id],
            "outside": " ".join(each.email for each in recipients if each.email),
        }
        | ({"dialect": schedule.dialect} if schedule.dialect else {})
    )


def _local(scope: Scope, schedule: Any) -> list[Any]:
    if schedule.paused:
        return []
    zone = ZoneInfo(schedule.zone)
    return [slot.astimezone(zone) for slot in next_slots(queries.rule_of(scope, schedule), clock.now())]


@require_safe
@requires(Permission.SCHEDULE)
def index(request: ScopedRequest) -> HttpResponse:
    """The user's schedules; for an admin those of everybody."""
    return page_or_part(
        request, "reports/schedules.html", {"schedules": with_slots(request.scope, queries.schedules(request.scope))}
    )


def with_slots(scope: Scope, found: list[Any]) -> list[Any]:
    """The schedules with their next three local slots as `slots`, whether their owner has gone as `owner_left`, and how many
    recipients the mail server refuses as `suspended`."""
    people = {person.pk for person in queries.members(scope)}
    for schedule in found:
        schedule.owner_left = schedule.owner_id not in people
        schedule.slots = _local(scope, schedule)
        schedule.suspended = sum(recipient.suspended for recipient in schedule.recipients.all())
    return found


@require_safe
@requires(Permission.SCHEDULE)
def detail(request: ScopedRequest, pk: int) -> HttpResponse:
    """One schedule: when, to whom, and its last runs."""
    schedule = queries.schedule(request.scope, pk)
    context = {
        "schedule": schedule,
        "slots": _local(request.scope, schedule),
        "runs": queries.runs(schedule),
        "recipients": queries.recipients(request.scope, schedule),
        "changeable": queries.may_change(request.scope, schedule),
        "owner_left": queries.owner_left(request.scope, schedule),
    }
    return page_or_part(request, "reports/schedule.html", context)


@require_POST
@requires(Permission.SCHEDULE)
def change_state(request: ScopedRequest, pk: int) -> HttpResponse:
    """Pause, resume or delete (`do`), or write to a suspended `recipient` again."""
    schedule = queries.schedule(request.scope, pk)
    wanted = request.POST.get("do")
    if wanted == "pause":
        services.pause_schedule(scope=request.scope, schedule=schedule)
    elif wanted == "resume":
        try:
            services.resume_schedule(scope=request.scope, schedule=schedule)
        except services.RecipientError as error:
            messages.error(request, str(error))
    elif wanted == "retry":
        recipient = services.resume_recipient(
            scope=request.scope, schedule=schedule, recipient_id=whole_number(request.POST.get("recipient", ""))
        )
        if recipient:
            messages.success(request, _("%(person)s gets the next mail again.") % {"person": recipient.name})
    elif wanted == "delete":
        services.delete_schedule(scope=request.scope, schedule=schedule)
        messages.success(request, _("The schedule is deleted. Its report stays."))
        return redirect("schedules")
    return redirect("schedule", pk)


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Stop the mails to one recipient: a POST does, by the button or by a mail program's one click (RFC 8058).

    The token is the whole proof, so that neither a session nor a form's token is asked for.
    """
    if request.method == "POST" and request.POST.get("then") == "again":
        return _answer(request, token, services.rejoin, "again")
    return _answer(request, token, services.leave, "leave")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link with which an outside address says yes."""
    return _answer(request, token, services.confirm, "confirm")


def _answer(request: HttpRequest, token: str, act: Any, what: str) -> HttpResponse:
    partner, key = queries.partner_of_token(token)
    with partner_scope(partner):
        recipient = queries.recipient_of(partner, key)
        if recipient is None and what != "leave":
            raise Http404
        if recipient and request.method == "POST":
            act(recipient=recipient)
        context = {
            "what": what,
            "done": request.method == "POST" or recipient is None,
            "name": recipient.schedule.report.name if recipient else _("Scheduled report"),
            "known": recipient is not None,
            "partner_name": partner.name,
        }
        return TemplateResponse(request, "reports/recipient.html", context).render()
