"""Pages of imports. What is small is worked on while the reader waits; the rest by a worker, with its progress shown."""

import csv
import tempfile
from functools import partial
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh, HttpResponseStopPolling

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from accounts.scope import Scope
from imports import queries, services, tasks
from imports.forms import CommitForm, KindsForm, ProblemFilter, UploadForm
from imports.mapping import WrongMapping
from imports.mapping_form import MappingForm
from imports.pipeline import phase_text
from imports.progress import progress_of
from imports.sample import preview
from imports.tables import UnreadableFile
from partner_portal.lib.rows.facts import find_kind, kind, kinds
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from partner_portal.lib.web.view_rules import accepts_files

PAGE_SIZE = 50
BATCHES_A_PAGE = 20


@accepts_files(lambda: settings.IMPORT_MAX_BYTES)
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
def imports(request: ScopedRequest) -> HttpResponse:
    """Upload files; what was uploaded before."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        try:
            batch = services.upload(scope=request.scope, files=form.cleaned_data["files"])
        except UnreadableFile as error:
            accepted = _("Accepted: %(what)s.") % {"what": error.problem.accepted}
            form.add_error("files", f"{error.name}: {error.problem.message}. {accepted}")
        else:
            _work(request.scope, batch.pk)
            return redirect("imports_batch", batch.pk)
    at_work = queries.batches_in_progress()
    page = Paginator(queries.history(request.scope), BATCHES_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [
            {"batch": batch, "state": queries.state_of(batch, at_work), "entries": batch.points.get("entries")}
            for batch in page
        ],
        "kinds": kinds(),
    }
    return page_or_part(
        request, "imports/imports.html", context, parts=("history",), status=422 if form.errors else 200
    )


@require_safe
@requires(Permission.IMPORT)
def batch(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """One batch: what it would do and what is wrong with it, how far the work on it is, or what it did."""
    at_work = queries.batches_in_progress()
    found = queries.get_batch(request.scope, batch_id)
    state = queries.state_of(found, at_work)
    if wanted_part(request) == "batch-work" and not state.at_work and not state.stuck:
        # Whoever discarded it is on the way to another page: a refresh would take them back.
        return private(HttpResponseStopPolling() if state.discarded else HttpResponseClientRefresh())
    context: dict[str, Any] = {"batch": found, "state": state}
    if state.at_work or state.stuck:
        progress = progress_of(batch_id)
        context |= {"progress": progress, "phase": phase_text(progress.phase) if progress else ""}
        return page_or_part(request, "imports/batch.html", context, parts=("batch-work",))
    return _batch_page(request, context)


def _batch_page(request: ScopedRequest, context: dict[str, Any], **more: Any) -> HttpResponse:
    """A batch that nobody works on. `more`: a form with errors, and the answer's status."""
    status = more.pop("status", 200)
    found = context["batch"]
    tables = queries.tables_of(request.scope, found.pk)
    undecided = [table for table in tables if not table.kind and not table.left_out]
    columns = queries.problem_columns(request.scope, found.pk) if found.errors else []
    chosen = ProblemFilter(request.GET, tables=tables, columns=columns)
    problems = queries.problems(request.scope, found.pk, **chosen.chosen)
    context |= {
        "tables": tables,
        "totals": queries.totals(tables),
        "files_with_errors": len({table.file_id for table in tables if table.errors}),
        "summary": found.points or found.preview,
        "points": queries.points_lines(found.points or found.preview),
        "filter": chosen,
        "is_filtered": any(chosen.chosen.values()),
        "page": Paginator(problems, PAGE_SIZE).get_page(request.GET.get("page")),
        "good_rows": found.rows - found.bad_rows,
        "commit_form": CommitForm(bad_rows=found.bad_rows),
        "kinds_form": KindsForm(undecided, guesses=services.guesses(request.scope, undecided)) if undecided else None,
        "unmapped": [table for table in tables if table.unmapped and not table.left_out],
    } | more
    return page_or_part(request, "imports/batch.html", context, parts=("errors",), status=status)


@require_POST
@requires(Permission.IMPORT)
def choose_kinds(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Say what files hold whose names do not tell."""
    found = queries.get_batch(request.scope, batch_id)
    form = KindsForm(queries.tables_to_choose(request.scope, batch_id), request.POST)
    if not form.is_valid():
        context = {"batch": found, "state": queries.state_of(found, set())}
        return _batch_page(request, context, kinds_form=form, status=422)
    try:
        services.choose_kinds(scope=request.scope, batch_id=batch_id, kinds=form.kinds)
    except services.NotNow as reason:
        messages.warning(request, str(reason))
    else:
        _work(request.scope, batch_id)
    return _next_question(request.scope, batch_id)


def _next_question(scope: Scope, batch_id: int) -> HttpResponse:
    """On to the next table whose columns have to be said, or to the batch."""
    tables = queries.tables_of(scope, batch_id)
    open_ = [table for table in tables if table.unmapped and not table.left_out]
    if open_ and all(table.kind or table.left_out for table in tables):
        return redirect("imports_mapping", batch_id, open_[0].pk)
    return redirect("imports_batch", batch_id)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
def mapping(request: ScopedRequest, batch_id: int, table_id: int) -> HttpResponse:
    """Say where our columns are in a file with other ones, and see its first rows through that. Later: what was said."""
    scope = request.scope
    table = queries.get_table(scope, batch_id, table_id)
    context: dict[str, Any] = {"table": table, "batch": table.batch}
    if not queries.can_be_mapped(table):
        if not table.mapping:
            return redirect("imports_batch", batch_id)
        context |= {"kind": find_kind(table.kind), "rules": queries.mapping_of(table).columns}
        return page_or_part(request, "imports/mapped.html", context)
    do = request.POST.get("do", "look")
    step = {"leave_out": services.leave_out, "other_kind": services.ask_kind_again}.get(do)
    try:
        if step:
            step(scope=scope, batch_id=batch_id, table_id=table_id)
            return _said(scope, batch_id)
        sample = services.look_at(table)
    except UnreadableFile as error:
        return page_or_part(request, "imports/mapping.html", context | {"unreadable": error.problem})
    except services.NotNow as reason:
        messages.warning(request, str(reason))
        return redirect("imports_batch", batch_id)
    base, origin = queries.proposal(scope, table, sample.header)
    zone = ZoneInfo(scope.partner.time_zone)
    form = MappingForm(kind(table.kind), sample, base, request.POST if request.method == "POST" else None, zone)
    if do == "save" and form.is_valid():
        try:
            services.map_table(scope=scope, batch_id=batch_id, table_id=table_id, mapping=form.mapping)
        except (services.NotNow, WrongMapping) as reason:  # decided by somebody else meanwhile
            messages.warning(request, str(reason))
            return redirect("imports_batch", batch_id)
        return _said(scope, batch_id)
    context |= {
        "kind": form.kind,
        "form": form,
        "origin": origin,
        "open": form.open,
        "preview": preview(form.kind, form.mapping, sample, zone),
        "refused": do == "save",
    }
    if do != "save":
        form.errors.clear()  # what is not said yet is no mistake; it is named beside the preview
    context["lines"] = list(form.lines())
    return page_or_part(
        request, "imports/mapping.html", context, parts=("mapping",), status=422 if do == "save" else 200
    )


def _said(scope: Scope, batch_id: int) -> HttpResponse:
    """Something was said of a table: check the batch when that was the last of it, and go on."""
    _work(scope, batch_id)
    return _next_question(scope, batch_id)


@require_POST
@requires(Permission.IMPORT)
def forget_mapping(request: ScopedRequest, mapping_id: int) -> HttpResponse:
    """Propose a remembered mapping no more."""
    services.forget_mapping(scope=request.scope, mapping_id=mapping_id)
    messages.success(request, _("The mapping is forgotten. Batches that used it keep it."))
    return redirect("imports_columns")


@require_POST
@requires(Permission.IMPORT)
def commit(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Write a checked batch. A second click finds it written, or being written."""
    found = queries.get_batch(request.scope, batch_id)
    form = CommitForm(request.POST, bad_rows=found.bad_rows)
    skip = form.is_valid() and form.cleaned_data["skip_bad_rows"]
    try:
        services.request_commit(scope=request.scope, batch_id=batch_id, skip_bad_rows=skip)
    except services.NotNow as reason:
        messages.warning(request, str(reason))
    else:
        _work(request.scope, batch_id)
    return redirect("imports_batch", batch_id)


@require_POST
@requires(Permission.IMPORT)
def discard(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Discard a batch that is not written."""
    queries.get_batch(request.scope, batch_id)
    try:
        services.cancel(scope=request.scope, batch_id=batch_id)
        messages.success(request, _("Batch #%(number)s is discarded; nothing was written.") % {"number": batch_id})
    except services.NotNow as reason:
        messages.warning(request, str(reason))
    return redirect("imports")


@require_POST
@requires(Permission.IMPORT)
def retry(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Have a batch worked on again that was interrupted, or that no worker took."""
    queries.get_batch(request.scope, batch_id)
    try:
        services.requeue(scope=request.scope, batch_id=batch_id)
    except services.NotNow as reason:
        messages.warning(request, str(reason))
    else:
        _hand_over(request.scope, batch_id)
    return redirect("imports_batch", batch_id)


@require_safe
@requires(Permission.IMPORT)
def errors_file(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Every error that the filter lets through, as CSV."""
    found = queries.get_batch(request.scope, batch_id)
    tables = queries.tables_of(request.scope, batch_id)
    columns = queries.problem_columns(request.scope, batch_id)
    chosen = ProblemFilter(request.GET, tables=tables, columns=columns).chosen
    file = tempfile.TemporaryFile()  # noqa: SIM115 -- the response closes it
    queries.write_problems_csv(queries.problems(request.scope, batch_id, **chosen), file)
    file.seek(0)
    name = f"import-{found.pk}-errors.csv"
    response = FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
    return private(cast("HttpResponse", response))


@require_safe
@requires(Permission.IMPORT)
def columns(request: ScopedRequest) -> HttpResponse:
    """What every kind of file has to look like, and which files with other columns are known."""
    mappings = [
        {"row": row, "kind": find_kind(row.kind), "rules": queries.rules_of(row).columns}
        for row in queries.remembered(request.scope)
    ]
    return page_or_part(request, "imports/columns.html", {"kinds": kinds(), "mappings": mappings})


@require_safe
@requires(Permission.IMPORT)
def template_file(request: ScopedRequest, key: str) -> HttpResponse:
    """An empty file of a kind: the header."""
    wanted = find_kind(key)
    if wanted is None:
        raise Http404
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{wanted.key}.csv"'
    csv.writer(response).writerow([column.name for column in wanted.columns])
    return private(response)


def _work(scope: Scope, batch_id: int) -> None:
    """Do what is due with the batch: now when it is small and no other import is at work, otherwise in a worker."""
    if services.fits_into_a_request(scope=scope, batch_id=batch_id):
        services.process_now(scope=scope, batch_id=batch_id)
    else:
        _hand_over(scope, batch_id)


def _hand_over(scope: Scope, batch_id: int) -> None:
    # Robust: with the broker away the batch waits, and the page says that no worker took it.
    transaction.on_commit(partial(tasks.process_batch.delay, scope.partner.pk, batch_id), robust=True)
