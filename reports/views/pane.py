"""Forms about rows: the rows that an address names, and the side pane of their dialog."""

from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.access import ScopedRequest
from accounts.scope import Scope
from partner_portal.lib.rows.datasets import Dataset, Selection, find, select
from partner_portal.lib.web.htmx import private, wanted_part


def dataset_or_404(key: str) -> Dataset:
    """The dataset of that key. Raises Http404 where there is none."""
    try:
        return find(key)
    except KeyError as error:
        raise Http404 from error


def selection_or_404(request: ScopedRequest, key: str) -> Selection[Scope]:
    """The rows that the address names, with the columns that were shown there. Raises Http404 for an unknown dataset."""
    selection = select(dataset_or_404(key), request.scope, request.GET)
    return selection.with_columns(request.GET.get("columns", "").split(","))


def pane(request: ScopedRequest, template: str, selection: Selection, **context: object) -> TemplateResponse:
    """Render a form about a selection: the side pane of its dialog, or a page of its own."""
    query = selection.address()
    context |= {
        "selection": selection,
        "rows_address": reverse("dataset_rows", args=[selection.dataset.key]) + (f"?{query}" if query else ""),
        "pane_address": request.get_full_path(),
        "in_pane": in_pane(request),
        "side": wanted_part(request) if in_pane(request) else "page-side",
    }
    name = f"{template}#pane" if in_pane(request) else template
    response = TemplateResponse(request, name, context)
    private(response)
    return response


def in_pane(request: ScopedRequest) -> bool:
    """Whether the form is shown in the side pane of a dialog or of a page with rows."""
    return wanted_part(request) in {"dialog-side", "page-side"}
