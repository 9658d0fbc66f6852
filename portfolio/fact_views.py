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
from clients.withdrawals import NotRestorableError, Outcome
from partner_portal.lib.web.htmx import private
from portfolio.fact_effects import FactsBusyError, effect_of
from portfolio.fact_text import counts_text
from portfolio.forms import WithdrawForm
from portfolio.stored_facts import StoredFact, certification_facts, client_facts, stored_fact


@require_safe
@requires(Permission.IMPORT)
def client(request: ScopedRequest, client_id: str) -> HttpResponse:
    """Everything that was imported about a client, with what can be done about each row."""
    own, tables = client_facts(request.scope, client_id)
    return private(TemplateResponse(request, "portfolio/client_facts.html", {"own": own, "tables": tables}))


@require_safe
@requires(Permission.IMPORT)
def certifications(request: ScopedRequest) -> HttpResponse:
    """The certifications of the partner's people, with what can be done about each row."""
    context = {"table": certification_facts(request.scope)}
    return private(TemplateResponse(request, "portfolio/certification_facts.html", context))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.IMPORT)
def withdraw(request: ScopedRequest, kind: str, pk: int) -> HttpResponse:
    """What withdrawing a fact would do, and the withdrawal, which needs a reason."""
    scope = request.scope
    fact = stored_fact(scope, kind, pk)
    if fact.withdrawal is not None:
        messages.info(request, _("%(fact)s is withdrawn already.") % {"fact": fact.text.title})
        return HttpResponseRedirect(_page_of(fact))
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        withdrawals.withdraw(scope=scope, kind_key=kind, pks=[pk], reason=form.cleaned_data["reason"])
        messages.success(request, _("%(fact)s is withdrawn.") % {"fact": fact.text.title})
        return HttpResponseRedirect(_page_of(fact))

    def change() -> Outcome:
        return withdrawals.withdraw(scope=scope, kind_key=kind, pks=[pk], reason="preview")

    return _asked(request, "portfolio/fact_withdraw.html", fact, change, form)


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
) -> HttpResponse:
    """The page that shows the effect of a change and asks for it."""
    context: dict[str, object] = {"fact": fact, "form": form, "back": _page_of(fact)}
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
