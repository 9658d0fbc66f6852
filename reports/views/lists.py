"""Lists of clients: the pane that fills one, the page of all, and one list with its members."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.chosen_columns import shown
from accounts.roles import Permission
from partner_portal.formats.days import period_text
from partner_portal.lib.collation import sort_key
from partner_portal.lib.rows.datasets import Selection, all_datasets
from partner_portal.lib.web.drilldown import Link, drilldown
from partner_portal.lib.web.htmx import page_or_part
from partner_portal.lib.web.whole_number import whole_number
from reports.definitions import period_of
from reports.forms import NameForm, UseInListForm
from reports.queries import lists as queries
from reports.services import lists as services
from reports.views.pane import pane, selection_or_404


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SAVE)
def use(request: ScopedRequest, key: str) -> HttpResponse:
    """Add the clients behind the rows to a list: all of them, or those of the ticked rows."""
    selection = selection_or_404(request, key)
    if not selection.dataset.client:
        raise Http404(key)  # rows without clients
    choices = queries.list_choices(request.scope)
    # Rows ticked on a page without script open the form; nothing is filled in yet.
    choosing = request.POST.get("then") == "choose"
    form = UseInListForm(None if choosing else request.POST or None, lists=choices, name=_suggested(selection))
    context: dict[str, object] = {"form": form, "lists": choices, "ticked": request.POST.getlist("row")}
    if form.is_valid():
        try:
            added = _add(request, selection, form)
        except services.NameTakenError:
            form.add_error("name", _("Another list has this name. Add to it, or choose another name."))
        else:
            outcome = _outcome_text(added)
            if not request.htmx:
                messages.success(request, outcome)
                return redirect("list", added.client_list.pk)
            context |= {"added": added, "outcome": outcome}
    return pane(request, "reports/list_use.html", selection, **context)


def _suggested(selection: Selection) -> str:
    period = period_of(selection)
    return f"{selection.dataset.title}, {period_text(period)}" if period else str(selection.dataset.title)


def _add(request: ScopedRequest, selection: Selection, form: UseInListForm) -> services.Added:
    cleaned, ticked = form.cleaned_data, request.POST.getlist("row")
    if cleaned["where"] == form.NEW:
        return services.make_list(
            scope=request.scope, name=cleaned["name"], selection=selection, ticked=ticked, request_key=cleaned["key"]
        )
    client_list = queries.client_list(request.scope, int(cleaned["saved_list"]))
    return services.add_to_list(scope=request.scope, client_list=client_list, selection=selection, ticked=ticked)


def _outcome_text(added: services.Added) -> str:
    text = ngettext("%(count)d client added", "%(count)d clients added", added.added) % {"count": added.added}
    if added.already:
        text += ", " + ngettext("%(count)d already there", "%(count)d already there", added.already) % {
            "count": added.already
        }
    return text


@require_safe
@requires(Permission.VIEW)
def index(request: ScopedRequest) -> HttpResponse:
    """Every list of the partner."""
    deleted = queries.deleted_list(request.scope, whole_number(request.GET.get("deleted", "")))
    rows = list(queries.lists(request.scope))
    changeable = {row.pk for row in rows if queries.may_change(request.scope, row)}
    restorable = deleted if deleted and queries.may_change(request.scope, deleted) else None
    context: dict[str, object] = {"rows": rows, "changeable": changeable, "deleted": restorable}
    if restorable:
        context["restore_address"] = reverse("list_restore", args=[restorable.pk])
    return page_or_part(request, "reports/lists.html", context)


@require_safe
@requires(Permission.VIEW)
def detail(request: ScopedRequest, pk: int) -> HttpResponse:
    """A list and its members."""
    client_list = queries.client_list(request.scope, pk)
    selection = shown(request, "list-members", request.GET.dict() | {"of": str(pk)})
    return drilldown(
        request,
        selection,
        back=Link(_("Lists"), reverse("lists")),
        template="reports/list.html",
        client_list=client_list,
        changeable=queries.may_change(request.scope, client_list),
        may_save=request.scope.may(Permission.SAVE),
        form=NameForm(initial={"name": client_list.name}),
        uses=_uses(request, pk),
    )


def _uses(request: ScopedRequest, pk: int) -> list[Link]:
    """Links to every dataset that the list can narrow."""
    return [
        Link(str(dataset.title), f"{reverse('dataset_rows', args=[dataset.key])}?list={pk}")
        for dataset in sorted(all_datasets(), key=lambda dataset: sort_key(str(dataset.title)))
        if dataset.client and dataset.key != "list-members" and request.scope.may(dataset.permission)
    ]


@require_POST
@requires(Permission.SAVE)
def rename(request: ScopedRequest, pk: int) -> HttpResponse:
    """Rename a list."""
    client_list = queries.client_list(request.scope, pk)
    form = NameForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the list a name of up to 120 characters."))
    else:
        try:
            services.rename_list(scope=request.scope, client_list=client_list, name=form.cleaned_data["name"])
        except services.NameTakenError:
            messages.error(request, _("Another list has this name."))
    return redirect("list", pk)


@require_POST
@requires(Permission.SAVE)
def copy(request: ScopedRequest, pk: int) -> HttpResponse:
    """Copy a list. The copy belongs to the person who makes it."""
    made = services.copy_list(scope=request.scope, client_list=queries.client_list(request.scope, pk))
    messages.success(request, _("Copied as “%(name)s”.") % {"name": made.name})
    return redirect("list", made.pk)


@require_POST
@requires(Permission.SAVE)
def delete(request: ScopedRequest, pk: int) -> HttpResponse:
    """Delete a list. The next page offers to undo it."""
    services.delete_list(scope=request.scope, client_list=queries.client_list(request.scope, pk))
    return redirect(f"{reverse('lists')}?deleted={pk}")


@require_POST
@requires(Permission.SAVE)
def restore(request: ScopedRequest, pk: int) -> HttpResponse:
    """Restore a deleted list."""
    client_list = queries.deleted_list(request.scope, pk)
    if client_list is None:
        return redirect("lists")
    services.restore_list(scope=request.scope, client_list=client_list)
    messages.success(request, _("“%(name)s” is back.") % {"name": client_list.name})
    return redirect("list", pk)


@require_POST
@requires(Permission.SAVE)
def remove(request: ScopedRequest, pk: int) -> HttpResponse:
    """Remove the ticked members."""
    client_list = queries.client_list(request.scope, pk)
    ids = [whole_number(key) for key in request.POST.getlist("row")]
    removed = services.remove_members(scope=request.scope, client_list=client_list, client_ids=ids)
    text = ngettext("%(count)d client taken out.", "%(count)d clients taken out.", removed)
    messages.success(request, text % {"count": removed})
    return redirect("list", pk)
