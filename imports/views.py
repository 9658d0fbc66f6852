"""Pages of imports. Small batches are processed in the request, others by a worker, with their progress shown."""

import csv
import io
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, wraps
from typing import IO, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.forms.boundfield import BoundWidget
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh, HttpResponseStopPolling

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from accounts.scope import Scope
from imports import mapping_steps, queries, row_history, sample_data, services, stored_tables, tasks
from imports.batch_states import NotNow
from imports.effects import Effects, MissingRows, effects_of
from imports.forms import CommitForm, CompleteForm, KindsForm, ProblemFilter, UploadForm
from imports.mapping import WrongMapping, fingerprint
from imports.mapping_form import MappingForm
from imports.mapping_preview import preview
from imports.missing_rows import missing_rows, named_pairs
from imports.next_steps import next_steps
from imports.pipeline import phase_text
from imports.reading_form import ReadingForm
from imports.tables import UnreadableFile
from partner_portal.lib.progress import JobProgress, Progress
from partner_portal.lib.rows.facts import FactKind, find_kind, kind, kinds
from partner_portal.lib.spreadsheets import COMMA_LANGUAGES
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from partner_portal.lib.web.view_rules import accepts_files

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PAGE_SIZE = 50
BATCHES_A_PAGE = 20


def rejects_steps(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a view of a step: when the batch does not allow it now, redirect to the batch with the reason."""

    @wraps(view)
    def answer(request: ScopedRequest, batch_id: int, **arguments: int) -> HttpResponse:
        try:
            return view(request, batch_id, **arguments)
        except (NotNow, WrongMapping) as reason:
            messages.warning(request, str(reason))
            return redirect("imports_batch", batch_id)

    return answer


@accepts_files(lambda: settings.IMPORT_MAX_BYTES)
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
def imports(request: ScopedRequest) -> HttpResponse:
    """Upload files, and the history of imports."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        try:
            batch = services.upload(scope=request.scope, files=form.cleaned_data["files"])
        except UnreadableFile as error:
            accepted = _("Accepted: %(what)s.") % {"what": error.problem.accepted}
            form.add_error("files", f"{error.name}: {error.problem.message}. {accepted}")
        else:
            _process(request.scope, batch.pk)
            return redirect("imports_batch", batch.pk)
    in_progress = queries.batches_in_progress()
    undone = queries.undone_by(request.scope)
    page = Paginator(queries.history(request.scope).defer("effects"), BATCHES_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [
            {
                "batch": batch,
                "state": queries.state_of(batch, in_progress, undone.get(batch.pk)),
                "entries": batch.points.get("entries"),
            }
            for batch in page
        ],
        "kinds": kinds(),
    }
    return page_or_part(
        request, "imports/imports.html", context, parts=("history",), status=422 if form.errors else 200
    )


@require_POST
@requires(Permission.IMPORT)
def start_with_sample(request: ScopedRequest) -> HttpResponse:
    """Upload the sample data, for a partner without data of its own. The check page shows what it brings."""
    if not sample_data.may_start(request.scope):
        messages.warning(request, _("You have data of your own: sample data would mix with it."))
        return redirect("imports")
    batch = services.upload(scope=request.scope, files=sample_data.uploads())
    _process(request.scope, batch.pk)
    return redirect("imports_batch", batch.pk)


@require_safe
@requires(Permission.IMPORT)
def batch(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """One batch: what it would change and its errors, its progress, or what it changed."""
    return _batch_page(request, batch_id, queries.batches_in_progress())


def _batch_page(
    request: ScopedRequest, batch_id: int, in_progress: set[int], kinds_form: KindsForm | None = None
) -> HttpResponse:
    """kinds_form: one with errors, which makes the answer 422."""
    scope = request.scope
    batch = queries.get_batch(scope, batch_id)
    undo = queries.undo_of(scope, batch)
    state = queries.state_of(batch, in_progress, undo)
    if wanted_part(request) == "batch-progress" and not state.running and not state.stuck:
        # Whoever discarded it is on the way to another page: a refresh would take them back.
        return private(HttpResponseStopPolling() if state.discarded else HttpResponseClientRefresh())
    if state.running or state.stuck:
        progress = JobProgress("import", batch_id).latest
        phase = phase_text(progress.phase) if progress else ""
        context = {
            "batch": batch,
            "state": state,
            "progress": progress,
            "phase": phase,
            "time_left": _time_left(progress),
        }
        return page_or_part(request, "imports/batch.html", context, parts=("batch-progress",))
    status = 422 if kinds_form else 200
    tables = queries.tables_of(scope, batch.pk)
    undecided = [table for table in tables if not table.kind and not table.left_out]
    if undecided and kinds_form is None:
        kinds_form = KindsForm(undecided, guesses=mapping_steps.proposed_kinds(scope, undecided))
    columns = queries.problem_columns(scope, batch.pk) if batch.errors else []
    filter_form = ProblemFilter(request.GET, tables=tables, columns=columns)
    problems = queries.problems(scope, batch.pk, filter_form.chosen)
    effects = effects_of(batch)
    context = {
        "batch": batch,
        "state": state,
        "tables": tables,
        "totals": queries.totals(tables),
        "files_with_errors": len({table.file_id for table in tables if table.errors}),
        "summary": batch.points or batch.preview,
        "points": queries.points_lines(batch.points or batch.preview),
        "filter": filter_form,
        "is_filtered": any(filter_form.chosen),
        "page": Paginator(problems, PAGE_SIZE).get_page(request.GET.get("page")),
        "good_rows": batch.rows - batch.bad_rows,
        "can_write": not batch.blocked and (batch.rows > batch.bad_rows or bool(effects.withdrawals)),
        "commit_form": CommitForm(bad_rows=batch.bad_rows),
        "effects": effects,
        "withdrawals": queries.named_withdrawals(effects),
        "points_of_withdrawals": queries.points_lines(effects.points),
        "missing": [(kind(row.kind), row) for row in effects.missing],
        "pairs": named_pairs(effects),
        "complete_boxes": _complete_boxes(queries.kinds_among(tables), batch.complete, effects),
        "undone_rows": queries.undone_rows(effects),
        "undo": undo,
        "kinds_form": kinds_form,
        "mendable": next((table for table in tables if table.errors and not table.mapping and table.kind), None),
        "unmapped": [table for table in tables if table.unmapped and not table.left_out],
    }
    if batch.committed_at is not None:
        context["next"] = next_steps(scope, {table.kind for table in tables if not table.left_out})
    return page_or_part(request, "imports/batch.html", context, parts=("errors",), status=status)


def _complete_boxes(
    present: Sequence[FactKind], chosen: Sequence[str], effects: Effects
) -> list[tuple[BoundWidget, MissingRows | None]]:
    """A tick for each kind that lacks stored rows or was said to be complete, with these rows."""
    offered = [kind_ for kind_ in present if kind_.key in chosen or effects.missing_of(kind_.key)]
    form = CompleteForm(offered, chosen=chosen)
    return [(box, effects.missing_of(kind_.key)) for kind_, box in zip(offered, form["complete"], strict=True)]


def _time_left(progress: Progress | None) -> str:
    """How long a phase still takes, as text; "" when that is not known."""
    if progress is None or progress.seconds_left is None:
        return ""
    minutes = round(progress.seconds_left / 60)
    if not minutes:
        return _("less than a minute left")
    return ngettext("about %(count)s minute left", "about %(count)s minutes left", minutes) % {"count": minutes}


@require_POST
@requires(Permission.IMPORT)
@rejects_steps
def choose_kinds(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Choose the kinds of files whose names do not give them."""
    queries.get_batch(request.scope, batch_id)
    form = KindsForm(queries.tables_to_choose(request.scope, batch_id), request.POST)
    if not form.is_valid():
        return _batch_page(request, batch_id, set(), form)
    mapping_steps.choose_kinds(scope=request.scope, batch_id=batch_id, kinds=form.kinds)
    return _after_answer(request.scope, batch_id)


def _next_question(scope: Scope, batch_id: int) -> HttpResponse:
    """Redirect to the next table that needs a mapping, or to the batch."""
    tables = queries.tables_of(scope, batch_id)
    open_ = [table for table in tables if table.unmapped and not table.left_out]
    if open_ and all(table.kind or table.left_out for table in tables):
        return redirect("imports_mapping", batch_id, open_[0].pk)
    return redirect("imports_batch", batch_id)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
@rejects_steps
def mapping(request: ScopedRequest, batch_id: int, table_id: int) -> HttpResponse:
    """Match the columns of a file, with a preview of its first rows. Later: its mapping."""
    scope = request.scope
    table = queries.get_table(scope, batch_id, table_id)
    context: dict[str, object] = {"table": table, "batch": table.batch}
    if not queries.can_be_mapped(table):
        if not table.mapping:
            return redirect("imports_batch", batch_id)
        context |= {"kind": find_kind(table.kind), "rules": queries.mapping_of(table).columns}
        return page_or_part(request, "imports/mapped.html", context)
    do = request.POST.get("do", "refresh") if request.method == "POST" else ""
    step = {"leave_out": mapping_steps.leave_out, "other_kind": mapping_steps.reset_kind}.get(do)
    try:
        if step:
            step(scope=scope, batch_id=batch_id, table_id=table_id)
            return _after_answer(scope, batch_id)
        questions, options, sample = stored_tables.read_as_answered(table, request.POST if do else {})
    except UnreadableFile as error:
        return page_or_part(request, "imports/mapping.html", context | {"unreadable": error.problem})
    base, origin = queries.proposal(scope, table, sample.header)
    zone = ZoneInfo(scope.partner.time_zone)
    reading_form = ReadingForm(questions, options)
    seen = fingerprint(sample.header)
    answers = request.POST if do and request.POST.get("seen", seen) == seen else None
    form = MappingForm(kind(table.kind), sample, base, answers, zone, proposed=origin in ("", "shipped"))
    if do == "save" and form.is_valid() and reading_form.is_valid():
        columns = replace(form.mapping, reading=options)
        mapping_steps.map_table(scope=scope, batch_id=batch_id, table_id=table_id, mapping=columns)
        return _after_answer(scope, batch_id)
    context |= {
        "kind": form.kind,
        "form": form,
        "origin": origin,
        "reading_form": reading_form,
        "seen": seen,
        "open": form.open,
        "preview": preview(form.kind, form.mapping, sample, zone),
        "rejected": do == "save",
    }
    if do != "save":
        reading_form.errors.clear()
        form.errors.clear()  # what is not chosen yet is no error; it is named beside the preview
    context["lines"] = list(form.lines())
    return page_or_part(
        request, "imports/mapping.html", context, parts=("mapping",), status=422 if do == "save" else 200
    )


def _after_answer(scope: Scope, batch_id: int) -> HttpResponse:
    """Check the batch when no answer is missing, and redirect to what comes next."""
    _process(scope, batch_id)
    return _next_question(scope, batch_id)


@require_POST
@requires(Permission.IMPORT)
def forget_mapping(request: ScopedRequest, mapping_id: int) -> HttpResponse:
    """Delete a remembered mapping."""
    mapping_steps.forget_mapping(scope=request.scope, mapping_id=mapping_id)
    messages.success(request, _("The mapping is forgotten. Imports that used it stay as they are."))
    return redirect("imports_columns")


@require_POST
@requires(Permission.IMPORT)
@rejects_steps
def commit(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Write a checked batch. After a double click it is written, or being written."""
    batch = queries.get_batch(request.scope, batch_id)
    form = CommitForm(request.POST, bad_rows=batch.bad_rows)
    form.is_valid()
    services.request_commit(
        scope=request.scope,
        batch_id=batch_id,
        skip_bad_rows=form.cleaned_data.get("skip_bad_rows", False),
        allowed_withdrawals=form.cleaned_data.get("allowed_withdrawals"),
        rest=form.cleaned_data.get("rest", False),
    )
    _process(request.scope, batch_id)
    return redirect("imports_batch", batch_id)


@require_POST
@requires(Permission.IMPORT)
@rejects_steps
def discard(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Discard a batch that is not written."""
    queries.get_batch(request.scope, batch_id)
    services.cancel(scope=request.scope, batch_id=batch_id)
    messages.success(request, _("Import no. %(number)s is cancelled; nothing was imported.") % {"number": batch_id})
    return redirect("imports")


@require_POST
@requires(Permission.IMPORT)
@rejects_steps
def retry(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Requeue a batch that was interrupted or that no worker took."""
    queries.get_batch(request.scope, batch_id)
    services.requeue(scope=request.scope, batch_id=batch_id)
    _enqueue(request.scope, batch_id)
    return redirect("imports_batch", batch_id)


@require_POST
@requires(Permission.IMPORT)
@rejects_steps
def choose_complete(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Set the kinds of which the files have every row, and check the batch again."""
    queries.get_batch(request.scope, batch_id)
    form = CompleteForm(queries.kinds_among(queries.tables_of(request.scope, batch_id)), request.POST)
    if form.is_valid():
        services.choose_complete(scope=request.scope, batch_id=batch_id, kinds=form.cleaned_data["complete"])
    _process(request.scope, batch_id)
    return redirect("imports_batch", batch_id)


@require_POST
@requires(Permission.IMPORT)
def check_again(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Check a batch again that waits for a decision; show any other as it is."""
    queries.get_batch(request.scope, batch_id)
    try:
        services.check_again(scope=request.scope, batch_id=batch_id)
    except NotNow:
        return redirect("imports_batch", batch_id)
    _process(request.scope, batch_id)
    return redirect("imports_batch", batch_id)


@require_safe
@requires(Permission.IMPORT)
def missing(request: ScopedRequest, batch_id: int, key: str) -> HttpResponse:
    """The stored rows of a kind that the files of an import do not have, withdrawn or not."""
    batch = queries.get_batch(request.scope, batch_id)
    kind_ = find_kind(key)
    rows = effects_of(batch).missing_of(key)
    if kind_ is None or rows is None:
        raise Http404
    page = Paginator(rows.pks, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"batch": batch, "kind": kind_, "missing": rows, "page": page}
    context["rows"] = missing_rows(kind_, list(page))
    return page_or_part(request, "imports/missing.html", context, parts=("missing",))


@require_POST
@requires(Permission.IMPORT)
@rejects_steps
def undo(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Check what undoing a written import would do: the undo waits for a decision then."""
    queries.get_batch(request.scope, batch_id)
    batch = services.request_undo(scope=request.scope, batch_id=batch_id)
    _process(request.scope, batch.pk)
    return redirect("imports_batch", batch.pk)


@require_safe
@requires(Permission.IMPORT)
def changes(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """What an import did, row by row."""
    batch = queries.get_batch(request.scope, batch_id)
    page = Paginator(row_history.changes_of(request.scope, batch_id), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"batch": batch, "page": page, "rows": row_history.described(list(page))}
    return page_or_part(request, "imports/changes.html", context, parts=("changes",))


@require_safe
@requires(Permission.IMPORT)
def changes_file(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """What an import did, row by row, as CSV."""
    batch = queries.get_batch(request.scope, batch_id)
    changes = row_history.changes_of(request.scope, batch_id)
    return _csv_file(f"import-{batch.pk}-changes.csv", partial(row_history.write_changes_csv, changes))


@require_safe
@requires(Permission.IMPORT)
def fact_changes(request: ScopedRequest, kind: str, pk: int) -> HttpResponse:
    """The imports that a stored row has its values from."""
    of_kind, name, rows = row_history.changes_of_fact(request.scope, kind, pk)
    return page_or_part(request, "imports/row.html", {"kind": of_kind, "name": name, "rows": rows})


def _csv_file(name: str, write: Callable[[IO[bytes]], None]) -> HttpResponse:
    file = tempfile.TemporaryFile()  # noqa: SIM115 -- the response closes it
    write(file)
    file.seek(0)
    response = FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
    return private(cast("HttpResponse", response))


@require_safe
@requires(Permission.IMPORT)
def errors_file(request: ScopedRequest, batch_id: int) -> HttpResponse:
    """Every error that the filter allows, as CSV."""
    batch = queries.get_batch(request.scope, batch_id)
    tables = queries.tables_of(request.scope, batch_id)
    columns = queries.problem_columns(request.scope, batch_id)
    chosen = ProblemFilter(request.GET, tables=tables, columns=columns).chosen
    problems = queries.problems(request.scope, batch_id, chosen)
    return _csv_file(f"import-{batch.pk}-errors.csv", partial(queries.write_problems_csv, problems))


@require_safe
@requires(Permission.IMPORT)
def columns(request: ScopedRequest) -> HttpResponse:
    """The columns of every kind of file, and the remembered mappings."""
    mappings = [
        {"row": row, "kind": find_kind(row.kind), "rules": queries.rules_of(row).columns}
        for row in queries.remembered(request.scope)
    ]
    return page_or_part(request, "imports/columns.html", {"kinds": kinds(), "mappings": mappings})


@require_safe
@requires(Permission.IMPORT)
def template_file(request: ScopedRequest, key: str) -> HttpResponse:
    """An empty file of a kind: the header, as the reader's spreadsheet program opens it in columns."""
    kind_ = find_kind(key)
    if kind_ is None:
        raise Http404
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{kind_.key}.csv")
    comma = request.scope.locale.partition("-")[0] in COMMA_LANGUAGES
    csv.writer(response, delimiter=";" if comma else ",").writerow([column.name for column in kind_.columns])
    return private(response)


@require_safe
@requires(Permission.IMPORT)
def template_book(request: ScopedRequest) -> HttpResponse:
    """A workbook with a sheet for every kind, lists to choose from, examples and notes."""
    from imports.template_workbook import template_workbook  # openpyxl is slow to import

    return _download(template_workbook(request.scope.locale), "partner-portal-template.xlsx", XLSX)


@require_safe
@requires(Permission.IMPORT)
def sample_files(request: ScopedRequest) -> HttpResponse:
    """The files of the demo partner, as one archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sample_data.paths():
            archive.write(path, path.name)
    return _download(file.getvalue(), "sample-data.zip", "application/zip")


def _download(content: bytes, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return private(response)


def _process(scope: Scope, batch_id: int) -> None:
    """Process the batch: now when it is small and no other import is running, otherwise in a worker."""
    if services.fits_into_a_request(scope=scope, batch_id=batch_id):
        services.process_now(scope=scope, batch_id=batch_id)
    else:
        _enqueue(scope, batch_id)


def _enqueue(scope: Scope, batch_id: int) -> None:
    # Robust: with the broker away the batch waits, and the page says that no worker took it.
    transaction.on_commit(partial(tasks.process_batch.delay, scope.partner.pk, batch_id), robust=True)
