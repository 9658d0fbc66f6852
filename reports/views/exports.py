"""Exported files: the pane that requests one, the page of all, one file, and its download."""

from operator import itemgetter
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.formats.elements import decimals
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import Selection
from partner_portal.lib.web.htmx import page_or_part, part_of
from reports import tasks
from reports.content_types import CONTENT_TYPES
from reports.definitions import reopen, suggested_name
from reports.dialects import PLACES
from reports.forms import ExportForm
from reports.queries import exports as queries
from reports.queries.schedules import ScheduleRow, schedule_rows
from reports.services import exports as services
from reports.views.pane import in_pane, pane, selection_or_404
from reports.writers import XLSX_ROWS

STOP_POLLING = 286  # htmx swaps the answer and stops polling


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.EXPORT)
def new(request: ScopedRequest, key: str) -> HttpResponseBase:
    """Export the rows: a small file is downloaded immediately, a large one is written in the background."""
    selection = selection_or_404(request, key)
    at = clock.now().astimezone(ZoneInfo(request.scope.partner.time_zone))
    form = ExportForm(request.POST or None, selection=selection, name=suggested_name(selection, at))
    context: dict[str, object] = {
        "form": form,
        "immediate": selection.count <= settings.EXPORT_ROWS_AT_ONCE,
        "limit": settings.EXPORT_ROWS_AT_ONCE,
        "keep_days": settings.EXPORT_KEEP_DAYS,
        "fits_excel": selection.count <= XLSX_ROWS,
        "shown": len(selection.columns),
        "permitted": len(selection.dataset.permitted(request.scope)),
    }
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        export_request = services.ExportRequest(
            name=cleaned["name"],
            format=cleaned["format"],
            dialect=cleaned["dialect"],
            columns=form.column_names(),
            stable_names=cleaned["stable_names"],
            mail_when_ready=cleaned["mail_when_ready"],
        )
        try:
            return _start(request, selection, export_request, context)
        except services.ExportRejectedError as error:
            form.add_error(None, str(error))
    return pane(request, "reports/export_new.html", selection, **context)


def _start(
    request: ScopedRequest,
    selection: Selection[Scope],
    export_request: services.ExportRequest,
    context: dict[str, object],
) -> HttpResponseBase:
    export = services.request_export(
        scope=request.scope, selection=selection, export_request=export_request, notify=tasks.enqueue_notice
    )
    if export.rows <= settings.EXPORT_ROWS_AT_ONCE:
        export = services.start_now(scope=request.scope, selection=selection, export=export)
        if export.is_ready:
            return _file(request, export)
        messages.error(request, export.reason)
        return redirect("exports")
    tasks.enqueue_export(export)
    if in_pane(request):
        return pane(request, "reports/export_new.html", selection, **context, started=export)
    return redirect("exports")


@require_safe
@requires(Permission.EXPORT)
def index(request: ScopedRequest) -> HttpResponse:
    """The user's files and schedules. The files poll while one of them is being made."""
    rows = queries.exports(request.scope)
    is_open = any(row.is_open for row in rows)
    part = part_of(request, "reports/exports.html", ("export-files",))
    context = {
        "rows": rows,
        "open_count": sum(row.is_open for row in rows),
        "places": settings.EXPORT_AT_ONCE,
        "keep_days": settings.EXPORT_KEEP_DAYS,
        "poll": is_open,
        "announcement": _announcement(rows) if part else "",
        "schedules": _schedules(request) if not part else [],
        "may_schedule": _may_schedule(request),
    }
    status = STOP_POLLING if part and not is_open else 200
    return page_or_part(request, "reports/exports.html", context, parts=("export-files",), status=status)


def _schedules(request: ScopedRequest) -> list[ScheduleRow]:
    return schedule_rows(request.scope) if _may_schedule(request) else []


def _may_schedule(request: ScopedRequest) -> bool:
    return request.scope.may(Permission.SCHEDULE)


def _announcement(rows: list[queries.ExportRow]) -> str:
    """The text for screen readers: the last file that ended, once none is open."""
    ended = [(row.export.finished_at, row.export) for row in rows if not row.is_open and row.export.finished_at]
    if not ended or any(row.is_open for row in rows):
        return ""
    _at, last = max(ended, key=itemgetter(0))
    return f"{last.file_name}: {last.get_state_display()}"


@require_safe
@requires(Permission.EXPORT)
def detail(request: ScopedRequest, pk: int) -> HttpResponse:
    """One file: content and state, as far as the reader's present role may see them."""
    return _about(request, queries.export(request.scope, pk))


def _about(request: ScopedRequest, export: queries.AnyExport, *, status: int = 200, **context: object) -> HttpResponse:
    totals = [
        (column.label, decimals(value, PLACES.get(column.kind, 0)))
        for column, value in queries.permitted_totals(request.scope, export)
    ]
    context |= {"export": export, "access": queries.access(request.scope, export), "totals": totals}
    return page_or_part(request, "reports/export.html", context, status=status)


@require_safe
@requires(Permission.EXPORT)
def download(request: ScopedRequest, pk: int) -> HttpResponseBase:
    """Download a file, until it expires and while its owner may see its rows."""
    export = queries.export(request.scope, pk)
    access = queries.access(request.scope, export)
    if not access.rows:
        raise Http404
    if not export.is_ready or not default_storage.exists(str(export.file.name)):
        return _about(request, export, status=410, gone=True)
    if not access.columns:
        return _about(request, export, status=403)
    return _file(request, export)


def _file(request: ScopedRequest, export: queries.AnyExport) -> HttpResponseBase:
    services.note_download(scope=request.scope, export=export)
    response = FileResponse(
        default_storage.open(str(export.file.name), "rb"),
        as_attachment=True,
        filename=export.file_name,
        content_type=CONTENT_TYPES[export.format],
    )
    response["Content-Length"] = str(export.size)
    response["X-Content-Type-Options"] = "nosniff"
    patch_cache_control(response, private=True, no_store=True)
    return response


@require_POST
@requires(Permission.EXPORT)
def cancel(request: ScopedRequest, pk: int) -> HttpResponse:
    """Cancel a file that is queued or being written."""
    export = queries.export(request.scope, pk)
    if not services.cancel_export(scope=request.scope, export=export):
        messages.info(request, _("“%(name)s” had already ended.") % {"name": export.file_name})
    return redirect("exports")


@require_POST
@requires(Permission.EXPORT)
def again(request: ScopedRequest, pk: int) -> HttpResponse:
    """Export the same definition again, with its present rows; `format=csv` makes it a CSV."""
    old = queries.export(request.scope, pk)
    file_format = "csv" if request.POST.get("format") == "csv" else old.format
    try:
        opened = reopen(request.scope, old.dataset, old.params, old.columns)
    except KeyError:
        messages.error(request, _("This kind of rows no longer exists."))
        return redirect("exports")
    at = clock.now().astimezone(ZoneInfo(request.scope.partner.time_zone))
    name = suggested_name(opened.selection, at)
    export_request = services.ExportRequest(
        name=name, format=file_format, dialect=old.dialect, stable_names=old.stable_names, title=old.title
    )
    try:
        export = services.request_export(
            scope=request.scope, selection=opened.selection, export_request=export_request, notify=tasks.enqueue_notice
        )
    except services.ExportRejectedError as error:
        messages.error(request, str(error))
        return redirect("exports")
    for notice in opened.notices:
        messages.warning(request, notice)
    if export.rows <= settings.EXPORT_ROWS_AT_ONCE:
        services.start_now(scope=request.scope, selection=opened.selection, export=export)
    else:
        tasks.enqueue_export(export)
    return redirect("exports")
