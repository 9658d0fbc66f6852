"""Tier plans: the list, the workbench whose address holds every assumption, and saved plans."""

from dataclasses import replace
from typing import Any
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
from tiers import services
from tiers.plan_form import EXTRA_ROWS, LINE, PlanForm, address, too_many
from tiers.plan_rules import MOST_ASSUMPTIONS
from tiers.plans import clients_with_points, open_deals, outcome, plan_of, plans, read, renewals
from tiers.portfolio import rules_in_force

NAME_LENGTH = 120


@require_safe
@requires(Permission.VIEW)
def plan_list(request: ScopedRequest) -> HttpResponse:
    """One's own plans and the shared ones."""
    return page_or_part(request, "tiers/plans.html", {"plans": plans(request.scope)})


@require_safe
@requires(Permission.VIEW)
def plan_new(request: ScopedRequest) -> HttpResponse:
    """The workbench: what to assume, and what it would do. `plan-result` is the answer alone."""
    return _workbench(request, request.GET)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def plan(request: ScopedRequest, pk: int) -> HttpResponse:
    """A saved plan with what it does today; POST saves it anew."""
    if request.method == "POST":
        return _save(request, pk)
    scope = request.scope
    kept = plan_of(scope, pk)
    stored = read(kept.assumptions)  # those of former versions may hold more
    assumed = stored.first(MOST_ASSUMPTIONS)
    here = request.build_absolute_uri(reverse("tier_plan", args=[pk]))
    theirs = kept.owner_id != (scope.user.pk if scope.user else None)
    # An address shows the amounts of hypothetical deals, which the page does not show to those who may not see money.
    passed_on = replace(assumed, extra=()) if theirs and not scope.may_see_money else assumed
    context = {
        "plan": kept,
        "own": not theirs and scope.may(Permission.KEEP),
        "problem": too_many(stored.count) if stored.count > MOST_ASSUMPTIONS else "",
        "assumed": assumed,
        "lines": _lines(assumed),
        "result": outcome(scope, assumed, request.GET.get("target")),
        "rules": rules_in_force(scope, scope.today),
        "edit": f"{reverse('tier_plan_new')}?{address(passed_on)}&plan={pk}",
        "mails": _mails(request, kept.name, here) if kept.shared else [],
    }
    return page_or_part(request, "tiers/plan.html", context)


@require_POST
@requires(Permission.KEEP)
def plan_save(request: ScopedRequest) -> HttpResponse:
    """Save the workbench's assumptions under a name."""
    return _save(request, None)


@require_POST
@requires(Permission.KEEP)
def plan_delete(request: ScopedRequest, pk: int) -> HttpResponse:
    """Remove one's own plan."""
    name = services.delete_plan(scope=request.scope, plan_id=pk)
    messages.success(request, _("The plan “%(name)s” is deleted.") % {"name": name})
    return redirect("tier_plans")


def _save(request: ScopedRequest, pk: int | None) -> HttpResponse:
    if not request.scope.may(Permission.KEEP):
        raise PermissionDenied(Permission.KEEP)
    if pk is not None:
        plan_of(request.scope, pk)  # 404 before anything else is said about the form
    query = QueryDict(request.POST.get("query", ""))
    form = PlanForm(query, request.scope)
    name = request.POST.get("name", "").strip()[:NAME_LENGTH]
    if not name:
        return _workbench(request, query, _("Give the plan a name."), status=422)
    if form.too_many:
        return _workbench(request, query, status=422)
    try:
        kept = services.save_plan(
            scope=request.scope,
            name=name,
            assumed=form.assumptions,
            shared=request.POST.get("shared") == "yes",
            plan_id=pk,
        )
    except services.PlanNameTakenError:
        return _workbench(request, query, _("You have a plan of this name. Choose another name."), status=422)
    messages.success(request, _("The plan “%(name)s” is saved.") % {"name": kept.name})
    return redirect("tier_plan", kept.pk)


def _workbench(request: ScopedRequest, query: QueryDict, problem: str = "", status: int = 200) -> HttpResponse:
    scope = request.scope
    form = PlanForm(query, scope)
    assumed = form.assumptions
    editing = _edited(request, query.get("plan", ""))
    context: dict[str, Any] = {
        "bench": form,
        "assumed": assumed,
        "lines": _lines(assumed),
        "result": outcome(scope, assumed, query.get("target")),
        "rules": rules_in_force(scope, scope.today),
        "deals": [
            (each, assumed.deals.get(each.deal.deal_id)) for each in open_deals(scope, form.search, list(assumed.deals))
        ],
        "renewals": [
            {
                **row,
                "value": f"{row['client_id']}{LINE}{row['product_line']}",
                "lost": assumed.lost_lines.get((row["client_id"], row["product_line"])),
            }
            for row in renewals(scope, form.search)
        ],
        "clients": [
            (client, assumed.lost_clients.get(client.client_id))
            for client in clients_with_points(scope, form.search, list(assumed.lost_clients))
        ],
        "extra_rows": form.rows,
        "extra_open": any(row["amount"] for row in form.rows),
        "extra_count": EXTRA_ROWS,
        "editing": editing,
        "query": address(assumed) + (f"&plan={editing.pk}" if editing else ""),
        "may_keep": scope.may(Permission.KEEP),
        "problem": problem,
        "name": request.POST.get("name") or (editing.name if editing else ""),
    }
    return page_or_part(request, "tiers/plan_new.html", context, parts=("plan-result",), status=status)


def _edited(request: ScopedRequest, text: str) -> Any:
    """The plan of one's own that the workbench changes, if any."""
    number = whole_number(text, digits=9)
    owner = request.scope.user.pk if request.scope.user else None
    return next((each for each in plans(request.scope) if each.pk == number and each.owner_id == owner), None)


def _lines(assumed: Any) -> list[tuple[str, str, Any]]:
    return [(client, line, on) for (client, line), on in assumed.lost_lines.items()]


def _mails(request: ScopedRequest, name: str, link: str) -> list[tuple[str, str]]:
    subject = _("Tier plan: %(name)s (%(partner)s)") % {"name": name, "partner": request.scope.partner.name}
    body = _("Our plan, with its assumptions:\n%(link)s") % {"link": link}
    return [
        (
            contact.name,
            f"mailto:{quote(contact.email, safe='@')}?subject={quote(subject, safe='')}&body={quote(body, safe='')}",
        )
        for contact in team_contacts(request.scope)
    ]
