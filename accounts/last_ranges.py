"""The range of days that somebody chose last for a section, kept with their membership.

An address that names no range for a section is answered by the address that names the last one. So what is shown always
stands in the address: reload, Back, a copied link and every link on the page mean the same (docs/adr/0071).
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect

from accounts import services
from accounts.access import ScopedRequest, View
from accounts.models import Membership
from partner_portal.lib.comparison import BASES, NONE
from partner_portal.lib.htmx import wanted_part
from partner_portal.lib.periods import named_range

ALL = ""  # the prefix of a range that several sections share


def remembers_ranges(*alone: str, together: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Mark a view whose sections have ranges, named by their prefixes; those in `together` can share one.

    A choice is kept when it was made on a page of the portal; an address that came in a mail is shown and not kept. A past
    day (`on=`) has its own ranges: nothing is kept or put back.
    """
    sections = (*((ALL,) if together else ()), *together, *alone)

    def mark(view: View) -> View:
        @wraps(view)
        def remembering(request: ScopedRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            query = request.GET.dict()
            if query.get("on"):
                return view(request, *args, **kwargs)
            membership = next(each for each in request.memberships if each.partner_id == request.scope.partner.pk)
            whole = not wanted_part(request)
            if whole:
                missing = _missing(membership.ranges, query, sections, together)
                if missing:
                    return HttpResponseRedirect(f"{request.path}?{urlencode([*request.GET.items(), *missing.items()])}")
            response = view(request, *args, **kwargs)
            if request.method == "GET" and response.status_code == 200 and _chosen_here(request):
                _keep(request, membership, {section: _named(query, section) for section in sections}, whole=whole)
            return response

        return remembering

    return mark


def _missing(
    kept: Mapping[str, Mapping[str, str]],
    query: Mapping[str, str],
    sections: tuple[str, ...],
    together: tuple[str, ...],
) -> dict[str, str]:
    """The parameters kept for the sections that the address is silent about."""
    silent = [section for section in sections if not _mentions(query, section)]
    if _mentions(query, ALL):
        silent = [section for section in silent if section not in together]
    if not any(section in silent for section in together):
        silent = [section for section in silent if section != ALL]
    return {name: value for section in silent for name, value in kept.get(section, {}).items()}


def _mentions(query: Mapping[str, str], section: str) -> bool:
    return any(query.get(f"{section}{name}") for name in ("range", "from", "to", "cmp"))


def _named(query: Mapping[str, str], section: str) -> dict[str, str]:
    how = query.get(f"{section}cmp", NONE)
    compared = {f"{section}cmp": how} if how in BASES and how != NONE else {}
    return named_range(query, section) | compared


def _chosen_here(request: ScopedRequest) -> bool:
    """Whether the request was made by a page of the portal; a link from elsewhere, or a typed address, is nobody's choice."""
    return bool(request.htmx) or request.headers.get("Sec-Fetch-Site") == "same-origin"


def _keep(request: ScopedRequest, membership: Membership, named: dict[str, dict[str, str]], *, whole: bool) -> None:
    """A whole page names the ranges of all its sections; a part names those of its own, and is silent about the others."""
    query = request.GET.dict()
    changed = {section: values for section, values in named.items() if whole or _mentions(query, section)}
    ranges = {section: values for section, values in (membership.ranges | changed).items() if values}
    if ranges != membership.ranges:
        services.keep_ranges(scope=request.scope, ranges=ranges)
