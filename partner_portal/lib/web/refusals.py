"""Answers to requests that are rejected before a view runs: JSON for programs, a page for people.

They need neither a database nor a signed-in person, so that rejecting costs next to nothing.
"""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.cache import patch_cache_control
from django.utils.log import log_response
from django.utils.translation import gettext as _

RETRY_SECONDS = 2


def json_refusal(status: int, detail: str, problems: list[str]) -> JsonResponse:
    """Return the body that docs/api.md documents for every 4xx and 503."""
    return JsonResponse(
        {"detail": detail, "problems": problems}, status=status, json_dumps_params={"ensure_ascii": False}
    )


def refuse(request: HttpRequest, status: HTTPStatus, detail: str) -> HttpResponse:
    """Return an answer with `status`. `detail` is the sentence for programs; people get the template named after the status."""
    response: HttpResponse
    if request.path_info.startswith(settings.API_PREFIX):
        response = json_refusal(status, detail, [])
    else:
        context = {"changes": request.method not in ("GET", "HEAD"), "detail": detail}
        response = HttpResponse(loader.render_to_string(f"{status.value}.html", context), status=status)
    patch_cache_control(response, private=True, no_store=True)
    log_response(
        "%s: %s", status.phrase, request.path.replace("\0", "\\0"), response=response, request=request, level="warning"
    )
    return response


def refuse_parallel(request: HttpRequest) -> HttpResponse:
    """Return 503 for one request too many of the same person; a page loads itself again."""
    response = refuse(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("Too many of your requests are being answered at the same time. Ask again in a moment."),
    )
    response["Retry-After"] = str(RETRY_SECONDS)
    if request.method == "GET" and "HX-Request" not in request.headers:
        response["Refresh"] = str(RETRY_SECONDS)
    return response
