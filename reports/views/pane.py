"""Forms about rows: the rows that an address names, and the side pane of their dialog."""

from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.access import ScopedRequest
from accounts.scope import Scope
from partner_portal.lib.rows.datasets import Selection, find, select
from partner_portal.lib.web.htmx import private, wanted_part


def selection_or_404(request: ScopedRequest, key: str) -> Selection[Scope]:
    """The rows that the address names. Raises Http404 for a dataset that does not exist."""
    try:
        return select(find(key), request.scope, request.GET)
    except KeyError as error:
        raise Http404 from error


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
