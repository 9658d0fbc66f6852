"""The view of the calculator: a page, and the contents of the drawer beside the tier page."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from calculator.forms import CalculatorForm
from calculator.results import results
from partner_portal.lib.web.htmx import page_or_part, wanted_part

PARTS = ("calculator-drawer", "calculator-points-result")


@require_safe
@requires(Permission.VIEW)
def calculator(request: ScopedRequest) -> HttpResponse:
    """Both tabs, with the inputs of the query string and their results; `calculator-points-result` is the results alone."""
    form = CalculatorForm(request.GET, scope=request.scope)
    part = wanted_part(request)
    context: dict[str, object] = {
        "calc": form,
        "results": results(form),
        "numbers": {
            "amount": form.shown("amount", places=2),
            "c_sold": form.shown("c_sold"),
            "c_managed": form.shown("c_managed"),
        },
        "in_drawer": part == "calculator-drawer" or "drawer" in request.GET,
        "address": f"{request.path}?{urlencode(_inputs(form))}",
    }
    return page_or_part(request, "calculator/calculator.html", context, parts=PARTS)


def _inputs(form: CalculatorForm) -> dict[str, str]:
    """Every input as typed, and the language it was typed in."""
    given = {name: str(form.data[name]) for name in form.fields if form.data.get(name)}
    return {"tab": form.tab, **given, "written": form.written or form.reader}
