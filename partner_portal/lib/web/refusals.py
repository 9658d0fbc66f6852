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
AWAY_SECONDS = 5  # until a server that is away is asked again


def json_refusal(status: int, detail: str, problems: list[str]) -> JsonResponse:
    """Return the body that docs/api.md documents for every 4xx and 503."""
    return JsonResponse(
        {"detail": detail, "problems": problems}, status=status, json_dumps_params={"ensure_ascii": False}
    )


def is_for_a_program(request: HttpRequest) -> bool:
    """Whether the address is the API's, so that the answer is JSON."""
    return request.path_info.startswith(settings.API_PREFIX)


def json_failure() -> JsonResponse:
    """Return 500 for a fault of ours, which the log describes and the answer does not."""
    return json_refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR, _("Something went wrong here. It is not your request; try again later."), []
    )


def refuse(request: HttpRequest, status: HTTPStatus, detail: str, **more: object) -> HttpResponse:
    """Return an answer with `status`. `detail` is the sentence for programs; people get the template named after the status.

    more: what else that template takes.
    """
    response: HttpResponse
    if is_for_a_program(request):
        response = json_refusal(status, detail, [])
    else:
        context = {"changes": request.method not in ("GET", "HEAD"), "detail": detail, **more}
        response = HttpResponse(loader.render_to_string(f"{status.value}.html", context), status=status)
    patch_cache_control(response, private=True, no_store=True)
    log_response(
        "%s: %s", status.phrase, request.path.replace("\0", "\\0"), response=response, request=request, level="warning"
    )
    return response


def refuse_parallel(request: HttpRequest) -> HttpResponse:
    """Return 503 for one request too many of the same person; a page loads itself again."""
    detail = _("Too many of your requests are being answered at the same time. Ask again in a moment.")
    return _again(request, refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, detail), RETRY_SECONDS)


def refuse_away(request: HttpRequest) -> HttpResponse:
    """Return 503 while the database is away; a page loads itself again."""
    detail = _("The portal cannot reach its database right now. Ask again in a moment.")
    return _again(request, refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, detail, away=True), AWAY_SECONDS)


def _again(request: HttpRequest, response: HttpResponse, seconds: int) -> HttpResponse:
    response["Retry-After"] = str(seconds)
    if request.method == "GET" and "HX-Request" not in request.headers:
        response["Refresh"] = str(seconds)
    return response
