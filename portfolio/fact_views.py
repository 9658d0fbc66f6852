"""Views for the facts behind a client and the partner's certifications: list, withdraw, restore (docs/points.md 13)."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from clients import withdrawals
from clients.lines import product_line
from clients.withdrawals import NotRestorableError, Outcome
from partner_portal.lib.web.htmx import page_or_part, private
from partner_portal.lib.web.whole_number import whole_number
from portfolio.fact_effects import FactsBusyError, effect_of
from portfolio.fact_text import counts_text
from portfolio.forms import WithdrawForm
from portfolio.stored_facts import (
    StoredFact,
    certification_facts,
    client_facts,
    client_facts_of_kind,
    line_facts,
    stored_fact,
)


@require_safe
@requires(Permission.IMPORT)
def client(request: ScopedRequest, client_id: str) -> HttpResponse:
    """Everything that was imported about a client, with what can be done about each row."""
    own, tables = client_facts(request.scope, client_id)
    return private(TemplateResponse(request, "portfolio/client_facts.html", {"own": own, "tables": tables}))


@require_safe
@requires(Permission.IMPORT)
def client_kind(request: ScopedRequest, client_id: str, kind: str) -> HttpResponse:
    """Everything of one kind that was imported about a client."""
    of, table = client_facts_of_kind(request.scope, client_id, kind, request.GET.get("page"))
    context = {
        "table": table,
        "page": table.page,
        "heading": f"{of.name}: {table.of_kind.label}",
        "back": reverse("client_facts", args=[client_id]),
        "back_text": of.name,
    }
    return page_or_part(request, "portfolio/facts_of_kind.html", context, parts=("facts",))


@require_safe
@requires(Permission.IMPORT)
def line(request: ScopedRequest, pk: int, kind: str) -> HttpResponse:
    """The facts of one kind that name a product line."""
    of = product_line(request.scope, pk)
    table = line_facts(request.scope, of, kind, request.GET.get("page"))
    context = {
        "table": table,
        "page": table.page,
        "heading": f"{of.name}: {table.of_kind.label}",
        "back": reverse("product_lines"),
        "back_text": _("Product lines"),
        "with_clients": True,
    }
    return page_or_part(request, "portfolio/facts_of_kind.html", context, parts=("facts",))


@require_safe
@requires(Permission.IMPORT)
def certifications(request: ScopedRequest) -> HttpResponse:
    """The certifications of the partner's people, with what can be done about each row."""
    table = certification_facts(request.scope, request.GET.get("page"))
    context = {"table": table, "page": table.page}
    return page_or_part(request, "portfolio/certification_facts.html", context, parts=("facts",))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
def withdraw(request: ScopedRequest, kind: str, pk: int) -> HttpResponse:
    """What withdrawing a fact would do, and the withdrawal, which needs a reason.

    With the number of an import in the address, its page is the way back, and the import is checked again.
    """
    scope = request.scope
    fact = stored_fact(scope, kind, pk)
    batch_id = whole_number(request.GET.get("import"), digits=18)
    back = reverse("imports_batch", args=[batch_id]) if batch_id else _page_of(fact)
    if fact.withdrawal is not None:
        messages.info(request, _("%(fact)s is withdrawn already.") % {"fact": fact.text.title})
        return HttpResponseRedirect(back)
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        withdrawals.withdraw(scope=scope, kind_key=kind, pks=[pk], reason=form.cleaned_data["reason"])
        messages.success(request, _("%(fact)s is withdrawn.") % {"fact": fact.text.title})
        if batch_id:  # the browser posts once more, so that what checks the import is no GET
            return HttpResponseRedirect(reverse("imports_check", args=[batch_id]), preserve_request=True)
        return HttpResponseRedirect(back)

    def change() -> Outcome:
        return withdrawals.withdraw(scope=scope, kind_key=kind, pks=[pk], reason="preview")

    return _asked(request, "portfolio/fact_withdraw.html", fact, change, form, back=back)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
def restore(request: ScopedRequest, kind: str, pk: int) -> HttpResponse:
    """What restoring a withdrawn fact would do, and the restoration."""
    scope = request.scope
    fact = stored_fact(scope, kind, pk)
    if fact.withdrawal is None:
        messages.info(request, _("%(fact)s is not withdrawn.") % {"fact": fact.text.title})
        return HttpResponseRedirect(_page_of(fact))

    def change() -> Outcome:
        return withdrawals.restore(scope=scope, kind_key=kind, pks=[pk])

    if request.method == "POST":
        try:
            change()
        except NotRestorableError:
            return _asked(request, "portfolio/fact_restore.html", fact, change)
        messages.success(request, _("%(fact)s counts again.") % {"fact": fact.text.title})
        return HttpResponseRedirect(_page_of(fact))
    return _asked(request, "portfolio/fact_restore.html", fact, change)


def _asked(
    request: ScopedRequest,
    template: str,
    fact: StoredFact,
    change: Callable[[], Outcome],
    form: WithdrawForm | None = None,
    back: str = "",
) -> HttpResponse:
    """The page that shows the effect of a change and asks for it. back: where "" is the page that lists the fact."""
    context: dict[str, object] = {"fact": fact, "form": form, "back": back or _page_of(fact)}
    try:
        effect = effect_of(request.scope, change)
        along = {kind: count for kind, count in effect.outcome.moved.counts.items() if kind != fact.of_kind.key}
        context |= {"effect": effect, "along": counts_text(along)}
    except FactsBusyError:
        context["busy"] = True
    except NotRestorableError as error:
        context["problem"] = str(error)
    status = 422 if request.method == "POST" else 200
    return private(TemplateResponse(request, template, context, status=status))


def _page_of(fact: StoredFact) -> str:
    """The page that lists the fact."""
    if fact.client is None:
        return reverse("certification_facts")
    return reverse("client_facts", args=[fact.client.client_id])
