"""One address serves the page and its parts: which part a request asks for, and how an answer says what it depends on."""

from collections.abc import Mapping
from typing import cast

from django.http import HttpRequest, HttpResponseBase
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.template.response import TemplateResponse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django_htmx.middleware import HtmxDetails

# What a template is rendered with, by the names it uses.
type Context = Mapping[str, object]


class HtmxRequest(HttpRequest):
    """A request as the htmx middleware leaves it; for annotations only."""

    htmx: HtmxDetails


def htmx_of(request: HttpRequest) -> HtmxDetails:
    """Return what htmx says about a request that is typed as Django's own."""
    return cast("HtmxRequest", request).htmx


def wanted_part(request: HttpRequest) -> str:
    """The id of the element that htmx wants replaced, or "" when a whole page is due.

    A history restore also carries the HX-Request header; it needs the page, as do boosted requests.
    """
    htmx = htmx_of(request)
    if not htmx or htmx.boosted or htmx.history_restore_request:
        return ""
    return str(htmx.target or "")


def part_of(request: HttpRequest, template: str, parts: tuple[str, ...]) -> str:
    """Return the wanted element's id when it is one of `parts` and the template has a partial of that name, else "".

    The target is a header that anybody can set: whatever it names that the template lacks gets the whole page.
    """
    part = wanted_part(request)
    if part not in parts:
        return ""
    try:
        get_template(f"{template}#{part}")
    except TemplateDoesNotExist:
        return ""
    return part


def page_or_part(
    request: HttpRequest, template: str, context: Context, *, parts: tuple[str, ...] = (), status: int = 200
) -> TemplateResponse:
    """Render `template`, or its partial of the same name as the wanted element when that is one of `parts`.

    The answer is private and never stored: it shows a partner's figures.
    """
    part = part_of(request, template, parts)
    name = f"{template}#{part}" if part else template
    response = TemplateResponse(request, name, dict(context), status=status)
    private(response)
    return response


def private[R: HttpResponseBase](response: R) -> R:
    """Mark an answer as this user's alone, different for htmx and for a page load."""
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    patch_cache_control(response, private=True, no_store=True)
    return response
