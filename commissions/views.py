"""Commission pages. All of them need the right to see money."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ScopedRequest, requires
from accounts.chosen_columns import shown
from accounts.last_ranges import remembers_ranges
from accounts.roles import Permission
from commissions import queries, services
from commissions.forms import FollowUpForm, PaidForm, QuestionForm
from commissions.outlook import ahead_by_client, points_table
from commissions.page import (
    AHEAD_CLIENTS,
    LINE_COLUMNS,
    PRINTED_LINES,
    ShownVariance,
    overview_of,
    statement_lines_of,
    variance_shown,
)
from commissions.quarter_variance import past_quarters
from commissions.questions import open_questions, questions_of
from partner_portal.lib.rows.datasets import select
from partner_portal.lib.web.drilldown import Link, drilldown
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from partner_portal.lib.web.page_table import ROWS, SheetTable, names_of
from partner_portal.lib.web.range_control import RangeControl
from partner_portal.lib.web.view_rules import kept_by_browsers

DATASETS = (
    "lines", "paid", "statements", "offsets", "checks", "expected", "deals", "variance", "questions",
)  # fmt: skip


def _home() -> Link:
    return Link(_("Commissions"), reverse("commissions"))


@require_safe
@requires(Permission.VIEW_MONEY)
@remembers_ranges("pay_")
@kept_by_browsers(lambda request: open_questions(request.scope))
def overview(request: ScopedRequest) -> HttpResponse:
    """Payments past and expected, statements, and where they differ; or the payments alone, for another range."""
    form = PaidForm(request.GET, scope=request.scope)
    form.is_valid()
    control = RangeControl(request.path, request.GET.dict(), form.chosen, target="payments")
    context: dict[str, object] = {
        "page": overview_of(request.scope, form),
        "ahead": ahead_by_client(request.scope, AHEAD_CLIENTS),
        "range": control,
        "problems": form.problems,
        "refocus": wanted_part(request) == "payments",
    }
    return page_or_part(request, "commissions/overview.html", context, parts=("payments",))


@require_safe
@requires(Permission.VIEW_MONEY)
def rows(request: ScopedRequest, which: str) -> HttpResponse:
    """The rows behind a figure of commission."""
    if which not in DATASETS:
        raise Http404(which)
    return drilldown(request, shown(request, f"commission-{which}"), back=_home())


@require_safe
@requires(Permission.VIEW_MONEY)
def statement(request: ScopedRequest, statement_id: str) -> HttpResponse:
    """One statement, line by line, and why it differs from what was expected."""
    summary = _statement(request, statement_id)
    selection = shown(
        request,
        "commission-lines",
        request.GET.dict() | {"statement": statement_id},
        usual=names_of(LINE_COLUMNS),
    )
    table = SheetTable(request.path, selection, request.GET.get("page", "1"), _home(), LINE_COLUMNS)
    context = {
        "statement": summary,
        "drill": table,
        "lines": statement_lines_of(request.scope, list(table.page.object_list)),
        "may_question": request.scope.may(Permission.QUESTION),
        "points_table": points_table(request.scope, summary.period),
        "part": wanted_part(request),
    }
    if context["part"] != ROWS:
        context["variance"] = _variance(request, summary)
    return page_or_part(request, "commissions/statement.html", context, parts=(ROWS,))


@require_safe
@requires(Permission.VIEW_MONEY)
def printed(request: ScopedRequest, statement_id: str) -> HttpResponseBase:
    """One statement with all its lines on one page, for paper or PDF; a very long one asks to be exported instead."""
    try:
        summary = _statement(request, statement_id)
    except Http404:
        return statement(request, f"{statement_id}/print")  # typed by hand, an id that ends in /print looks like this
    if summary.lines > PRINTED_LINES:
        messages.info(
            request,
            _("This statement has more than %(count)s lines. Export it as a file instead.") % {"count": PRINTED_LINES},
        )
        return HttpResponseRedirect(reverse("commission_statement", args=[statement_id]))
    selection = select("commission-lines", request.scope, {"statement": statement_id}).usually(names_of(LINE_COLUMNS))
    table = SheetTable(request.path, selection, "1", _home(), LINE_COLUMNS, size=PRINTED_LINES)
    context = {
        "statement": summary,
        "drill": table,
        "lines": statement_lines_of(request.scope, list(table.page.object_list)),
        "variance": _variance(request, summary),
        "points_table": points_table(request.scope, summary.period),
    }
    return private(TemplateResponse(request, "commissions/statement_print.html", context))


def _statement(request: ScopedRequest, statement_id: str) -> queries.StatementSummary:
    summary = queries.statement(request.scope, statement_id)
    if summary is None:
        raise Http404(statement_id)
    return summary


def _variance(request: ScopedRequest, summary: queries.StatementSummary) -> ShownVariance | None:
    """The quarter client by client; None while it runs, and for a statement in another currency."""
    if summary.currency != request.scope.partner.payout_currency or summary.period not in past_quarters(request.scope):
        return None
    return variance_shown(request.scope, summary.period)


@require_safe
@requires(Permission.VIEW_MONEY)
def questions(request: ScopedRequest) -> HttpResponse:
    """Every questioned line."""
    return drilldown(request, shown(request, "commission-questions"), back=_home())


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW_MONEY)
def question(request: ScopedRequest, statement_id: str, line_no: int) -> HttpResponse:
    """Question a line, follow the question up, or take it back."""
    line = queries.line(request.scope, statement_id, line_no)
    if line is None:
        raise Http404(statement_id)
    asked = questions_of(request.scope, [line.pk]).get(line.pk)
    action = request.POST.get("action", "")
    ask = QuestionForm(request.POST if action == "ask" else None, initial={"text": asked.text if asked else ""})
    follow = FollowUpForm(
        request.POST if action == "follow" else None,
        initial={"status": asked.status, "answer": asked.answer} if asked else None,
    )
    back = HttpResponseRedirect(reverse("commission_statement", args=[statement_id]))
    if action == "ask" and ask.is_valid():
        services.ask(scope=request.scope, line=line, text=ask.cleaned_data["text"])
        messages.success(request, _("Your query about line %(line)s is saved.") % {"line": line})
        return back
    if action == "follow" and asked and follow.is_valid():
        services.follow_up(scope=request.scope, question=asked, **follow.cleaned_data)
        messages.success(request, _("The query about line %(line)s is saved.") % {"line": line})
        return back
    if action == "withdraw" and asked:
        services.withdraw(scope=request.scope, question=asked)
        messages.success(request, _("The query about line %(line)s is withdrawn.") % {"line": line})
        return back
    context = {
        "line": line, "asked": asked, "ask": ask, "follow": follow, "may_question": request.scope.may(Permission.QUESTION),
        "statement": queries.statement(request.scope, statement_id),
    }  # fmt: skip
    response = TemplateResponse(request, "commissions/question.html", context, status=422 if action else 200)
    return private(response)
