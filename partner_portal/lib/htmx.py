"""One address serves the page and its parts: which part a request asks for, and how an answer says what it depends on."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import patch_cache_control, patch_vary_headers


def wanted_part(request: HttpRequest) -> str:
    """The id of the element that htmx wants replaced, or "" when a whole page is due.

    A history restore also carries the HX-Request header; it needs the page, as do boosted requests.
    """
    htmx = request.htmx  # type: ignore[attr-defined]
    if not htmx or htmx.boosted or htmx.history_restore_request:
        return ""
    return str(htmx.target or "")


def page_or_part(
    request: HttpRequest, template: str, context: dict[str, Any], *, parts: tuple[str, ...] = (), status: int = 200
) -> TemplateResponse:
    """`template`, or its partial of the same name as the wanted element when that is one of `parts`.

    The answer is private and never stored: it shows a partner's figures.
    """
    part = wanted_part(request)
    name = f"{template}#{part}" if part in parts else template
    response = TemplateResponse(request, name, context, status=status)
    private(response)
    return response


def private(response: HttpResponse) -> HttpResponse:
    """Mark an answer as this user's alone, different for htmx and for a page load."""
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    patch_cache_control(response, private=True, no_store=True)
    return response
