"""Saved reports: the pane that saves one, the page of all, one report, and the cards on the dashboard."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.panel_layout import remember_cards
from accounts.roles import Permission
from partner_portal.formats import days
from partner_portal.lib.rows.datasets import Selection
from partner_portal.lib.rows.sorting_text import sorting_text
from partner_portal.lib.web.drilldown import Link, drilldown
from partner_portal.lib.web.htmx import page_or_part, private
from partner_portal.lib.web.whole_number import whole_number
from reports.comparison import compared, grouped
from reports.definitions import ReportAppearance, period_of, period_text
from reports.forms import ReportForm
from reports.queries import saved as queries
from reports.services import saved as services
from reports.views.pane import in_pane, pane, selection_or_404

PREVIEW = "look"  # in the address of a report: the other parameters replace the stored ones


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SAVE)
def new(request: ScopedRequest, key: str) -> HttpResponse:
    """Save the rows of the address as a report."""
    selection = selection_or_404(request, key)
    form = ReportForm(request.POST or None, selection=selection, initial={"name": suggested(selection)})
    context = _about(selection) | {"form": form}
    if request.method == "POST" and form.is_valid():
        saved = services.save_report(
            scope=request.scope,
            selection=selection.with_columns(form.chosen_columns()),
            fixed=form.cleaned_data["days"] == form.FIXED,
            appearance=_appearance(request, form),
            request_key=form.cleaned_data["key"],
        )
        if not in_pane(request):
            messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
            return redirect("report", saved.pk)
        context["saved"] = saved
    return pane(request, "reports/report_new.html", selection, **context)


def suggested(selection: Selection) -> str:
    """A name for a report: the title of the rows, and their range."""
    chosen = selection.form.chosen
    if chosen is None:
        return str(selection.dataset.title)
    range_text = str(chosen.label) if chosen.preset else days.period_text(chosen.period)
    return f"{selection.dataset.title}, {range_text[:1].lower() + range_text[1:]}"


def _about(selection: Selection) -> dict[str, object]:
    """Range and sorting of the selection, for the form."""
    chosen = selection.form.chosen
    return {
        "chosen": chosen,
        "moving": bool(chosen and chosen.preset),
        "sorted_by": sorting_text(selection),
    }


def _appearance(request: ScopedRequest, form: ReportForm) -> ReportAppearance:
    appearance = form.appearance
    if request.POST.get("then") in {"mine", "partner"}:
        appearance["pinned"] = request.POST["then"]
    return appearance


@require_safe
@requires(Permission.VIEW)
def index(request: ScopedRequest) -> HttpResponse:
    """The reports that this reader may open."""
    rows = list(queries.reports(request.scope))
    deleted = queries.deleted_report(request.scope, whole_number(request.GET.get("deleted", "")))
    changeable = {row.pk for row in rows if queries.may_change(request.scope, row)}
    context: dict[str, object] = {"rows": rows, "changeable": changeable, "deleted": deleted}
    if deleted:
        context["restore_address"] = reverse("report_restore", args=[deleted.pk])
    return page_or_part(request, "reports/reports.html", context)


@require_safe
@requires(Permission.VIEW)
def detail(request: ScopedRequest, pk: int) -> HttpResponse:
    """A report as it opens today, or with other parameters, which it offers to save."""
    saved = queries.report(request.scope, pk)
    changes = request.GET.dict() if PREVIEW in request.GET else None
    opened = queries.opened(request.scope, saved, changes)
    selection = opened.selection
    changed = changes is not None and queries.differs(saved, selection)
    shown = replace(selection, query={**selection.query, PREVIEW: "1"})
    other = compared(selection, saved.comparison)
    return drilldown(
        request,
        shown,
        back=Link(_("Reports"), reverse("reports")),
        template="reports/report.html",
        own_columns=True,
        saved=saved,
        notices=opened.notices,
        changed=changed,
        changeable=queries.may_change(request.scope, saved),
        may_save=request.scope.may(Permission.SAVE),
        other=other,
        other_days=period_text(period_of(other)) if other else "",
        chart=grouped(selection, saved.chart),
        edit_address=_with_query(reverse("report_edit", args=[pk]), selection),
        copy_address=_with_query(reverse("report_new", args=[saved.dataset]), selection),
        schedule_address=reverse("schedule_of_report", args=[pk]),
        may_schedule=request.scope.may(Permission.SCHEDULE),
    )


@require_POST
@requires(Permission.VIEW)
def opened(request: ScopedRequest, pk: int) -> HttpResponse:
    """Store that somebody opened a report. Its page posts this; a GET of the page writes nothing."""
    services.note_opened(saved=queries.report(request.scope, pk))
    return HttpResponse(status=204)


def _with_query(path: str, selection: Selection) -> str:
    query = selection.address()
    return f"{path}?{PREVIEW}=1&{query}" if query else f"{path}?{PREVIEW}=1"


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SAVE)
def edit(request: ScopedRequest, pk: int) -> HttpResponse:
    """Change everything that a report stores, starting from the parameters of the address."""
    saved = queries.report(request.scope, pk)
    if not queries.may_change(request.scope, saved):
        messages.info(request, _("Its owner and admins may change it; make a copy of your own."))
        return redirect("report", pk)
    changes = request.GET.dict() if PREVIEW in request.GET else None
    selection = queries.opened(request.scope, saved, changes).selection
    chosen = selection.form.chosen
    initial = {name: getattr(saved, name) for name in ("name", "description", "comparison", "chart", "shared")}
    initial["days"] = ReportForm.MOVING if chosen and chosen.preset else ReportForm.FIXED
    form = ReportForm(request.POST or None, selection=selection, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.change_report(
            scope=request.scope,
            saved=saved,
            selection=selection.with_columns(form.chosen_columns()),
            fixed=form.cleaned_data["days"] == form.FIXED,
            appearance=_appearance(request, form),
        )
        messages.success(request, _("“%(name)s” is saved.") % {"name": form.cleaned_data["name"]})
        return redirect("report", pk)
    return pane(request, "reports/report_new.html", selection, **_about(selection), form=form, editing=saved)


@require_POST
@requires(Permission.SAVE)
def copy(request: ScopedRequest, pk: int) -> HttpResponse:
    """Copy a report. The copy is private."""
    made = services.copy_report(scope=request.scope, saved=queries.report(request.scope, pk))
    messages.success(request, _("Copied as “%(name)s”.") % {"name": made.name})
    return redirect("report", made.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SAVE)
def delete(request: ScopedRequest, pk: int) -> HttpResponse:
    """Delete a report. One that schedules use is confirmed first, with their names."""
    saved = queries.report(request.scope, pk)
    schedules = services.schedules_of(saved)
    if request.method != "POST" or (schedules and "sure" not in request.POST):
        return page_or_part(request, "reports/report_delete.html", {"saved": saved, "schedules": schedules})
    services.delete_report(scope=request.scope, saved=saved)
    return redirect(f"{reverse('reports')}?deleted={pk}")


@require_POST
@requires(Permission.SAVE)
def restore(request: ScopedRequest, pk: int) -> HttpResponse:
    """Restore a deleted report."""
    saved = queries.deleted_report(request.scope, pk)
    if saved is None:
        return redirect("reports")
    services.restore_report(scope=request.scope, saved=saved)
    messages.success(request, _("“%(name)s” is back.") % {"name": saved.name})
    return redirect("report", pk)


@require_POST
@requires(Permission.SAVE)
def pin(request: ScopedRequest, pk: int) -> HttpResponse:
    """Pin a report to a dashboard or unpin it (`pinned`), or move its card (`move`)."""
    saved = queries.report(request.scope, pk)
    if request.POST.get("move") in {"earlier", "later"}:
        services.move_report(scope=request.scope, saved=saved, earlier=request.POST["move"] == "earlier")
    else:
        pinned = request.POST.get("pinned", "")
        services.pin_report(scope=request.scope, saved=saved, pinned=pinned if pinned in {"mine", "partner"} else "")
    back = request.POST.get("back")
    return redirect("/dashboard/" if back == "dashboard" else reverse("report", args=[pk]))


@require_safe
@requires(Permission.VIEW)
def cards(request: ScopedRequest) -> HttpResponse:
    """The cards of the pinned reports on the dashboard."""
    opened_cards = queries.cards(request.scope)
    remember_cards(request, len(opened_cards))
    changeable = {card.report.pk for card in opened_cards if queries.may_change(request.scope, card.report)}
    return private(TemplateResponse(request, "reports/cards.html", {"cards": opened_cards, "changeable": changeable}))
