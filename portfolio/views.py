"""Views of the list of clients, of the record of one, and of the record's sections that load after it."""

from collections.abc import Mapping

from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.access import ScopedRequest, requires
from accounts.chosen_columns import shown
from accounts.roles import Permission
from clients.churn import latest_month
from ledger.queries import history_starts
from partner_portal.lib.rows.datasets import Selection, select
from partner_portal.lib.web.drilldown import Link, shown_with_rows
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from partner_portal.lib.web.page_table import ROWS, PageColumn, SheetTable, names_of
from partner_portal.lib.web.view_rules import kept_by_browsers
from portfolio.client_list import REASONS, STATES, health_counts
from portfolio.commission import client_commission
from portfolio.record import client_of, client_record
from portfolio.stored_facts import withdrawn_client
from renewals.datasets import as_row
from renewals.page import OF_CLIENT, credited_tier
from renewals.queries import client_renewals
from tiers.forms import DayForm

CLIENT_COLUMNS = (
    PageColumn("client", below=("client_id", "country", "domain"), brief=True, classes="pin"),
    PageColumn("health", below=("reason", "state"), brief=True),
    PageColumn("points_total", below=("points_sourced", "points_assisted", "points_managed"), brief=True),
    PageColumn("mrr_usd", _("MRR"), below=("mrr", "mrr_currency")),
    PageColumn("tool_usage"),
    PageColumn("last_active_on", _("Last activity"), below=("last_active_employee",)),
    PageColumn("next_renewal", below=("next_line",)),
    PageColumn("next_expiry"),
)
ENTRIES = 25  # the latest, on the record itself


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(shown_with_rows)
def client_list(request: ScopedRequest) -> HttpResponse:
    """All clients with their health; the table alone after a search, a filter, a sort or a page."""
    selection = shown(request, "clients", usual=names_of(CLIENT_COLUMNS))
    back = Link(gettext("Dashboard"), reverse("dashboard"))
    context: dict[str, object] = {
        "drill": SheetTable(request.path, selection, request.GET.get("page", "1"), back, CLIENT_COLUMNS),
        "part": wanted_part(request),
        "reasons": REASONS,
        "states": STATES,
        "month": latest_month(request.scope),
    }
    if context["part"] != ROWS:
        context["health_counts"] = health_counts(request.scope)
    return page_or_part(request, "portfolio/client_list.html", context, parts=(ROWS,))


@require_safe
@requires(Permission.VIEW)
def panel(request: ScopedRequest, client_id: str) -> HttpResponse:
    """One client's points, lots and services: a dialog over another page, or a page."""
    form = _day(request)
    context = {
        "record": client_record(request.scope, client_id, form.day),
        "form": form,
        "starts": history_starts(request.scope),
        "full": False,
    }
    return page_or_part(request, "portfolio/record.html", context, parts=("dialog",))


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(lambda request: None)
def record(request: ScopedRequest, client_id: str) -> HttpResponse:
    """Everything about one client. A withdrawn one answers 404 with a page that says so."""
    scope = request.scope
    form = _day(request)
    try:
        client = client_record(scope, client_id, form.day)
    except Http404:
        fact = withdrawn_client(scope, client_id)
        if fact is None:
            raise
        return private(TemplateResponse(request, "portfolio/withdrawn.html", {"fact": fact}, status=404))
    entries = select("client-entries", scope, {"client": client_id, **form.moved})
    context = {
        "record": client,
        "form": form,
        "full": True,
        "starts": history_starts(scope),
        "deals": client.deals,
        "registered": sum(deal.registered for deal in client.deals),
        "renewals": client.renewals,
        "cancellations": client.cancellations,
        "entries": entries,
        "latest": _first_rows(entries),
    }
    return page_or_part(request, "portfolio/record.html", context)


@require_safe
@requires(Permission.VIEW_MONEY)
def commission(request: ScopedRequest, client_id: str) -> HttpResponse:
    """The commission of one client."""
    of_client = client_commission(request.scope, client_id)
    if of_client is None:
        raise Http404(client_id)
    context: dict[str, object] = {
        "commission": of_client,
        "currency": request.scope.partner.payout_currency,
        "name": of_client.name,
        "title": gettext("Commission"),
        "heading": of_client.name,
    }
    return _section(request, "commission", client_id, context)


@require_safe
@requires(Permission.VIEW)
def stakes(request: ScopedRequest, client_id: str) -> HttpResponse:
    """The points at stake with one client's renewals."""
    client = client_of(request.scope, client_id)
    context = {
        "rows": [as_row(row) for row in client_renewals(request.scope, client_id)],
        "credited": credited_tier(request.scope),
        "layout": OF_CLIENT,
        "name": client.name,
    }
    return _section(
        request, "stakes", client_id, context | {"title": gettext("Renewals"), "heading": gettext("Renewals")}
    )


def _section(request: ScopedRequest, name: str, client_id: str, context: Mapping[str, object]) -> HttpResponse:
    """A section of the record for htmx; without script a page of its own."""
    section = f"portfolio/sections/{name}.html"
    template = section if request.htmx else "portfolio/section_page.html"
    return private(TemplateResponse(request, template, {**context, "client": client_id, "section": section}))


def _day(request: ScopedRequest) -> DayForm:
    form = DayForm(request.GET, scope=request.scope)
    form.is_valid()
    return form


def _first_rows(selection: Selection) -> list[dict[str, object]]:
    """The first rows with the columns of a page and two more, and the label of every cell that is a choice."""
    columns = [*selection.columns, *(selection.dataset.column(name) for name in ("correction", "recorded"))]
    rows = []
    for row in selection.ordered(columns)[:ENTRIES]:
        cells = dict(zip((column.name for column in columns), selection.cells(row, columns), strict=True))
        for column in columns:
            if column.choices:
                cells[f"{column.name}_label"] = column.choices.get(cells[column.name], cells[column.name])
        rows.append(cells)
    return rows
