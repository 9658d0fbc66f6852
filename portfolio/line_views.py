"""Views for the partner's product lines: list, merge two of them, undo that (docs/points.md 13)."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from clients import line_merges
from clients.line_merges import NotMergeableError
from clients.lines import kinds_with_lines, lines_with_counts, product_line
from clients.withdrawals import NotRestorableError, Outcome
from partner_portal.lib.web.htmx import private
from portfolio.fact_effects import FactsBusyError, effect_of
from portfolio.fact_text import counts_text
from portfolio.forms import MergeForm


@require_safe
@requires(Permission.IMPORT)
def lines(request: ScopedRequest) -> HttpResponse:
    """The product lines with the number of facts that name each, and the merges that hold."""
    scope = request.scope
    context = {
        "lines": lines_with_counts(scope),
        "kinds": kinds_with_lines(),
        "merges": line_merges.merges(scope),
    }
    return private(TemplateResponse(request, "portfolio/product_lines.html", context))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
def merge(request: ScopedRequest, pk: int) -> HttpResponse:
    """Choose the line to merge a line into, see what that would do, and merge."""
    scope = request.scope
    source = product_line(scope, pk)
    others = [row.line for row in lines_with_counts(scope) if row.line != source]
    data = request.POST if request.method == "POST" else request.GET if "into" in request.GET else None
    form = MergeForm(data, lines=others)
    context: dict[str, object] = {"source": source, "others": others, "form": form}
    if not form.is_valid():
        return _page(request, "portfolio/line_merge.html", context, rejected=form.is_bound)
    target = product_line(scope, form.into)

    def change() -> Outcome:
        return line_merges.merge_lines(scope=scope, source_id=source.pk, target_id=target.pk)

    if request.method == "POST":
        change()
        names = {"source": source.name, "target": target.name}
        messages.success(request, _("“%(source)s” is now part of “%(target)s”.") % names)
        return HttpResponseRedirect(reverse("product_lines"))
    return _page(request, "portfolio/line_merge.html", context | {"target": target} | _effect(request, change))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
def undo(request: ScopedRequest, pk: int) -> HttpResponse:
    """See what undoing a merge would do, and undo it."""
    scope = request.scope
    row = line_merges.merge_of(scope, pk)

    def change() -> Outcome:
        return line_merges.undo_merge(scope=scope, merge_id=row.pk)

    context: dict[str, object] = {"merge": row}
    if request.method == "POST":
        try:
            change()
        except (NotMergeableError, NotRestorableError) as error:
            return _page(request, "portfolio/line_unmerge.html", context | {"problem": str(error)}, rejected=True)
        names = {"source": row.source.name, "target": row.target.name}
        messages.success(request, _("“%(source)s” and “%(target)s” are two product lines again.") % names)
        return HttpResponseRedirect(reverse("product_lines"))
    return _page(request, "portfolio/line_unmerge.html", context | _effect(request, change))


def _effect(request: ScopedRequest, change: Callable[[], Outcome]) -> dict[str, object]:
    """Context for the effect of a change, or for why it cannot be computed."""
    try:
        effect = effect_of(request.scope, change)
    except FactsBusyError:
        return {"busy": True}
    except (NotMergeableError, NotRestorableError) as error:
        return {"problem": str(error)}
    return {"effect": effect, "rows": counts_text(effect.outcome.moved.counts)}


def _page(request: ScopedRequest, template: str, context: dict[str, object], *, rejected: bool = False) -> HttpResponse:
    return private(TemplateResponse(request, template, context, status=422 if rejected else 200))
