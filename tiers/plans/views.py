"""Views of tier plans: the list, the workbench whose URL holds every assumption, and saved plans."""

from dataclasses import replace
from datetime import date
from urllib.parse import quote

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.queries import team_contacts
from accounts.roles import Permission
from partner_portal.lib.web.htmx import page_or_part
from partner_portal.lib.web.whole_number import whole_number
from program.queries import rules_in_force
from tiers.plans import services
from tiers.plans.forms import LINE, PlanForm, plan_query, too_many
from tiers.plans.queries import (
    clients_with_points,
    current_lines,
    open_deals,
    open_renewals,
    outcome,
    plan_of,
    plans,
)
from tiers.plans.rules import MOST_ASSUMPTIONS, Assumptions, from_json

NAME_LENGTH = 120


@require_safe
@requires(Permission.VIEW)
def plan_list(request: ScopedRequest) -> HttpResponse:
    """The user's own plans and the shared ones."""
    return page_or_part(request, "tiers/plans.html", {"plans": plans(request.scope), "tab": "plans"})


@require_safe
@requires(Permission.VIEW)
def plan_new(request: ScopedRequest) -> HttpResponse:
    """The workbench for assumptions and their outcome; the part `plan-result` is the outcome alone."""
    return _workbench(request, request.GET)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def plan(request: ScopedRequest, pk: int) -> HttpResponse:
    """A saved plan with its outcome today; POST saves it again."""
    if request.method == "POST":
        return _save(request, pk)
    scope = request.scope
    saved = plan_of(scope, pk)
    stored = from_json(saved.assumptions)  # earlier versions allowed more assumptions
    assumed = current_lines(scope, stored.first(MOST_ASSUMPTIONS))
    is_owner = saved.owner_id == (scope.user.pk if scope.user else None)
    # The URL holds the amounts of hypothetical deals, which the page does not show to those who may not see money.
    editable = assumed if is_owner or scope.may_see_money else replace(assumed, extra=())
    context: dict[str, object] = {
        "plan": saved,
        "own": is_owner and scope.may(Permission.SAVE),
        "problem": too_many(stored.count) if stored.count > MOST_ASSUMPTIONS else "",
        "assumed": assumed,
        "lines": _lines(assumed),
        "result": outcome(scope, assumed, request.GET.get("target")),
        "rules": rules_in_force(scope, scope.today),
        "edit": f"{reverse('tier_plan_new')}?{plan_query(editable)}&plan={pk}",
        "mails": _mails(request, saved.name, request.build_absolute_uri(request.path)) if saved.shared else [],
    }
    return page_or_part(request, "tiers/plan.html", context)


@require_POST
@requires(Permission.SAVE)
def plan_save(request: ScopedRequest) -> HttpResponse:
    """Save the workbench's assumptions under a name."""
    return _save(request, None)


@require_POST
@requires(Permission.SAVE)
def plan_delete(request: ScopedRequest, pk: int) -> HttpResponse:
    """Delete one of the user's own plans."""
    name = services.delete_plan(scope=request.scope, plan_id=pk)
    messages.success(request, _("The plan “%(name)s” is deleted.") % {"name": name})
    return redirect("tier_plans")


def _save(request: ScopedRequest, pk: int | None) -> HttpResponse:
    if not request.scope.may(Permission.SAVE):
        raise PermissionDenied(Permission.SAVE)
    if pk is not None:
        plan_of(request.scope, pk)  # 404 before the form is checked
    query = QueryDict(request.POST.get("query", ""))
    form = PlanForm(query, request.scope)
    name = request.POST.get("name", "").strip()[:NAME_LENGTH]
    if not name:
        return _workbench(request, query, _("Give the plan a name."), status=422)
    if form.too_many:
        return _workbench(request, query, status=422)
    try:
        saved = services.save_plan(
            scope=request.scope,
            name=name,
            assumed=current_lines(request.scope, form.assumptions),
            shared=request.POST.get("shared") == "yes",
            plan_id=pk,
        )
    except services.PlanNameTakenError:
        return _workbench(request, query, _("You have a plan of this name. Choose another name."), status=422)
    messages.success(request, _("The plan “%(name)s” is saved.") % {"name": saved.name})
    return redirect("tier_plan", saved.pk)


def _workbench(request: ScopedRequest, query: QueryDict, problem: str = "", status: int = 200) -> HttpResponse:
    scope = request.scope
    form = PlanForm(query, scope)
    assumed = current_lines(scope, form.assumptions)
    own = {row.pk: row for row in plans(scope) if scope.user and row.owner_id == scope.user.pk}
    editing = own.get(whole_number(query.get("plan", ""), digits=9))
    context: dict[str, object] = {
        "bench": form,
        "assumed": assumed,
        "lines": _lines(assumed),
        "result": outcome(scope, assumed, query.get("target")),
        "rules": rules_in_force(scope, scope.today),
        "deals": [(row, assumed.deals.get(row.deal.deal_id)) for row in open_deals(scope, form.search, assumed.deals)],
        "renewals": [
            (row, f"{row.client_id}{LINE}{row.product_line}", assumed.lost_lines.get((row.client_id, row.product_line)))
            for row in open_renewals(scope, form.search)
        ],
        "clients": [
            (client, assumed.lost_clients.get(client.client_id))
            for client in clients_with_points(scope, form.search, assumed.lost_clients)
        ],
        "editing": editing,
        "query": plan_query(assumed) + (f"&plan={editing.pk}" if editing else ""),
        "may_save": scope.may(Permission.SAVE),
        "problem": problem,
        "name": request.POST.get("name") or (editing.name if editing else ""),
    }
    return page_or_part(request, "tiers/plan_new.html", context, parts=("plan-result",), status=status)


def _lines(assumed: Assumptions) -> list[tuple[str, str, date]]:
    """The lost renewals as rows: client id, product line, day."""
    return [(client, line, on) for (client, line), on in assumed.lost_lines.items()]


def _mails(request: ScopedRequest, name: str, link: str) -> list[tuple[str, str]]:
    """The team contacts by name, with a `mailto:` address that sends them the link."""
    subject = _("Tier plan: %(name)s (%(partner)s)") % {"name": name, "partner": request.scope.partner.name}
    body = _("Our plan, with its assumptions:\n%(link)s") % {"link": link}
    return [
        (
            contact.name,
            f"mailto:{quote(contact.email, safe='@')}?subject={quote(subject, safe='')}&body={quote(body, safe='')}",
        )
        for contact in team_contacts(request.scope)
    ]
