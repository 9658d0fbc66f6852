"""Pages about the API: tokens and documentation."""

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from api import queries, services
from api.document import document
from api.forms import TokenForm
from api.rows import DEFAULT_PAGE_SIZE, MOST_ROWS
from api.views.endpoints import api
from partner_portal.lib import site
from partner_portal.lib.web.htmx import private


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
@reauthentication_required(allow_get=True)
def tokens(request: ScopedRequest) -> HttpResponse:
    """The user's tokens, and for admins everybody's; POST makes one and shows it once."""
    form = TokenForm(request.POST or None, scope=request.scope)
    text, made = "", None
    if request.method == "POST" and form.is_valid():
        try:
            made, text = services.make_token(scope=request.scope, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            form = TokenForm(scope=request.scope)
    rows = queries.tokens(request.scope)
    context = {
        "form": form,
        "own": [row for row in rows if row.is_own],
        "others": [row for row in rows if not row.is_own],
        "sees_others": request.scope.may(Permission.MEMBERS),
        "made": made,
        "text": text,
        "example": site.link("api:progress"),
    }
    status = 422 if form.errors else 200
    response = TemplateResponse(request, "api/tokens.html", context, status=status)
    private(response)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def revoke(request: ScopedRequest, pk: int) -> HttpResponse:
    """Revoke a token, after a confirmation."""
    if request.method == "POST":
        token = services.revoke_token(scope=request.scope, token_id=pk)
        messages.success(
            request, _("“%(name)s” is revoked. Programs that use it are refused from now on.") % {"name": token.name}
        )
        return redirect("api_tokens")
    return TemplateResponse(request, "api/token_revoke.html", {"token": queries.token(request.scope, pk)})


@require_safe
@requires(Permission.VIEW)
def documentation(request: ScopedRequest) -> HttpResponse:
    """How to use the API, made from its OpenAPI document."""
    prefix = reverse("api:documentation")
    content = document(api, request.scope, prefix)
    operations = [
        {"address": address, **methods["get"], "is_dataset": address.startswith(f"{prefix}datasets/")}
        for address, methods in content["paths"].items()
    ]
    context: dict[str, object] = {
        "operations": [operation for operation in operations if not operation["is_dataset"]],
        "datasets": [operation for operation in operations if operation["is_dataset"]],
        "site": settings.SITE_URL,
        "limit": settings.API_REQUESTS_A_MINUTE,
        "page_size": DEFAULT_PAGE_SIZE,
        "most_rows": MOST_ROWS,
    }
    response = TemplateResponse(request, "api/documentation.html", context)
    private(response)
    return response
