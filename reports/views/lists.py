"""Lists of clients: the pane that fills one, the page of all, and each list with its members."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from partner_portal.lib.collation import sort_key
from partner_portal.lib.rows.datasets import Selection, all_datasets, select
from partner_portal.lib.web.drilldown import Link, drilldown
from partner_portal.lib.web.htmx import page_or_part
from partner_portal.lib.web.whole_number import whole_number
from partner_portal.templatetags.figures import period as short_period
from reports.definitions import period_of
from reports.forms import NameForm, UseInListForm
from reports.queries import lists as queries
from reports.services import lists as services
from reports.views.pane import pane, selection_or_404


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.KEEP)
def use(request: ScopedRequest, key: str) -> HttpResponse:
    """Put the clients behind the rows into a list: all of them, or those of the ticked rows."""
    selection = selection_or_404(request, key)
    if not selection.dataset.client:
        raise Http404(key)  # rows without clients
    choices = queries.list_choices(request.scope)
    choosing = (
        request.POST.get("then") == "choose"
    )  # rows were ticked on a page without script; nothing is filled in yet
    form = UseInListForm(None if choosing else request.POST or None, lists=choices, name=_suggested(selection))
    context: dict[str, Any] = {"form": form, "lists": choices, "ticked": request.POST.getlist("row")}
    if form.is_valid():
        try:
            added = _used(request, selection, form)
        except services.NameTakenError:
            form.add_error("name", _("Another list has this name. Add to it, or choose another name."))
        else:
            words = _in_words(added)
            if not request.htmx:
                messages.success(request, words)
                return redirect("list", added.kept_list.pk)
            context |= {"added": added, "words": words}
    return pane(request, "reports/list_use.html", selection, **context)


def _suggested(selection: Selection) -> str:
    period = period_of(selection)
    return f"{selection.dataset.title}, {short_period(period)}" if period else str(selection.dataset.title)


def _used(request: ScopedRequest, selection: Selection, form: UseInListForm) -> services.Added:
    given, ticked = form.cleaned_data, request.POST.getlist("row")
    if given["where"] == form.NEW:
        return services.make_list(
            scope=request.scope, name=given["name"], selection=selection, ticked=ticked, request_key=given["key"]
        )
    kept = queries.kept_list(request.scope, int(given["kept_list"]))
    return services.add_to_list(scope=request.scope, kept=kept, selection=selection, ticked=ticked)


def _in_words(added: services.Added) -> str:
    words = ngettext("%(count)d client added", "%(count)d clients added", added.added) % {"count": added.added}
    if added.already:
        words += ", " + ngettext("%(count)d already there", "%(count)d already there", added.already) % {
            "count": added.already
        }
    return words


@require_safe
@requires(Permission.VIEW)
def index(request: ScopedRequest) -> HttpResponse:
    """Every list of the partner."""
    found = queries.deleted_list(request.scope, whole_number(request.GET.get("deleted", "")))
    lists = list(queries.lists(request.scope))
    changeable = {each.pk for each in lists if queries.may_change(request.scope, each)}
    restorable = found if found and queries.may_change(request.scope, found) else None
    return page_or_part(
        request, "reports/lists.html", {"lists": lists, "changeable": changeable, "deleted": restorable}
    )


@require_safe
@requires(Permission.VIEW)
def detail(request: ScopedRequest, pk: int) -> HttpResponse:
    """A list and its members."""
    kept = queries.kept_list(request.scope, pk)
    selection = select("list-members", request.scope, request.GET.dict() | {"of": str(pk)})
    return drilldown(
        request,
        selection,
        back=Link(_("Lists"), reverse("lists")),
        template="reports/list.html",
        kept=kept,
        changeable=queries.may_change(request.scope, kept),
        may_keep=request.scope.may(Permission.KEEP),
        form=NameForm(initial={"name": kept.name}),
        uses=_uses(request, pk),
    )


def _uses(request: ScopedRequest, pk: int) -> list[Link]:
    """Every kind of rows that the list can narrow."""
    return [
        Link(str(dataset.title), f"{reverse('dataset_rows', args=[dataset.key])}?list={pk}")
        for dataset in sorted(all_datasets(), key=lambda each: sort_key(str(each.title)))
        if dataset.client and dataset.key != "list-members" and request.scope.may(dataset.permission)
    ]


@require_POST
@requires(Permission.KEEP)
def rename(request: ScopedRequest, pk: int) -> HttpResponse:
    """Give the list another name."""
    kept = queries.kept_list(request.scope, pk)
    form = NameForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the list a name of up to 120 characters."))
    else:
        try:
            services.rename_list(scope=request.scope, kept=kept, name=form.cleaned_data["name"])
        except services.NameTakenError:
            messages.error(request, _("Another list has this name."))
    return redirect("list", pk)


@require_POST
@requires(Permission.KEEP)
def copy(request: ScopedRequest, pk: int) -> HttpResponse:
    """A copy that belongs to the one who asks."""
    made = services.copy_list(scope=request.scope, kept=queries.kept_list(request.scope, pk))
    messages.success(request, _("Copied as “%(name)s”.") % {"name": made.name})
    return redirect("list", made.pk)


@require_POST
@requires(Permission.KEEP)
def delete(request: ScopedRequest, pk: int) -> HttpResponse:
    """Delete the list; the next page offers to bring it back."""
    services.delete_list(scope=request.scope, kept=queries.kept_list(request.scope, pk))
    return redirect(f"{reverse('lists')}?deleted={pk}")


@require_POST
@requires(Permission.KEEP)
def restore(request: ScopedRequest, pk: int) -> HttpResponse:
    """Bring a deleted list back."""
    kept = queries.deleted_list(request.scope, pk)
    if kept is None:
        return redirect("lists")
    services.restore_list(scope=request.scope, kept=kept)
    messages.success(request, _("“%(name)s” is back.") % {"name": kept.name})
    return redirect("list", pk)


@require_POST
@requires(Permission.KEEP)
def remove(request: ScopedRequest, pk: int) -> HttpResponse:
    """Take the ticked members out."""
    kept = queries.kept_list(request.scope, pk)
    ids = [whole_number(key) for key in request.POST.getlist("row")]
    gone = services.remove_members(scope=request.scope, kept=kept, client_ids=ids)
    words = ngettext("%(count)d client taken out.", "%(count)d clients taken out.", gone)
    messages.success(request, words % {"count": gone})
    return redirect("list", pk)
