"""The pane in which somebody chooses the columns they see of a dataset."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from accounts.access import ScopedRequest, requires
from accounts.chosen_columns import choose as store
from accounts.roles import Permission
from partner_portal.lib.web.addresses import split_address
from reports.forms import ColumnsForm
from reports.views.pane import in_pane, pane, selection_or_404

CHOSEN = "columns-chosen"  # the event for which a table asks for its rows again


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def choose(request: ScopedRequest, key: str) -> HttpResponse:
    """Choose the columns of a dataset, starting from those that the address says are shown.

    A POST stores the choice. In a pane, which stays open, it also has the table beside it show them; a page leads back.
    """
    selection = selection_or_404(request, key)
    if "usual" in request.GET:
        selection = selection.usually(request.GET["usual"].split(",")).with_columns(
            [column.name for column in selection.columns]
        )
    posted = request.method == "POST"
    form = ColumnsForm(request.POST if posted else None, selection=selection)
    values = request.POST if posted else request.GET
    move = next((name for name in ("up", "down") if name in values), "")
    back = values.get("back", "") or _page_before(request)
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("dataset_rows", args=[key])
    if posted:
        store(request, key, [] if "reset" in request.POST else form.chosen)
        if not in_pane(request):
            messages.success(request, _("Your columns are saved."))
            return HttpResponseRedirect(_same_page(request, form, move, back) if move else back)
    context = {"form": form, "back": back, "move": move, "moved": values.get(move, ""), "saved": posted}
    response = pane(request, "reports/columns.html", selection, **context)
    return trigger_client_event(response, CHOSEN) if posted else response


def _page_before(request: ScopedRequest) -> str:
    """The address that the reader came from, where it is a page of the portal; otherwise ""."""
    address = split_address(request.headers.get("Referer", ""))
    if address is None or address.netloc != request.get_host() or address.path == request.path:
        return ""
    return address._replace(scheme="", netloc="", fragment="").geturl()


def _same_page(request: ScopedRequest, form: ColumnsForm, move: str, back: str) -> str:
    """The address of the page after a move, with the focus on the button that was pressed."""
    query = request.GET.copy()
    for name, value in {"columns": ",".join(form.chosen), "back": back, move: request.POST[move]}.items():
        query[name] = value
    return f"{request.path}?{query.urlencode()}"
