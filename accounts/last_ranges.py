"""Remembers the range that a person chose last for a section, with their membership.

An address that names no range for a section redirects to the one that names the last choice. So what is shown always stands
in the address: reload, Back, a copied link and every link on the page mean the same (docs/adr/0071).
"""

from collections.abc import Callable, Mapping
from functools import wraps
from urllib.parse import urlencode, urlsplit

from django.http import HttpResponseBase, HttpResponseRedirect, QueryDict

from accounts import services
from accounts.access import ScopedRequest, membership_of
from accounts.models import Membership
from accounts.scope import Scope
from partner_portal.lib.dates.ranges import names_section, valid_parameters
from partner_portal.lib.web.addresses import split_address
from partner_portal.lib.web.htmx import wanted_part
from partner_portal.lib.web.view_rules import View

ALL = ""  # the prefix of a range that several sections share


def remembers_ranges(*alone: str, together: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Mark a view whose sections have ranges, named by their prefixes; those in `together` can share one.

    A choice is stored when it was made on the page itself, and the page's address named what it replaced (ranges.js sees to
    that): so Back always leads to what was seen, and an address that came in a mail is shown and not stored. A past day
    (`on=`) has its own ranges: nothing is stored or restored.
    """
    sections = (*((ALL,) if together else ()), *together, *alone)

    def mark(view: View) -> View:
        @wraps(view)
        def remembering(request: ScopedRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            query = request.GET.dict()
            if query.get("on"):
                return view(request, *args, **kwargs)
            membership = membership_of(request)
            whole = not wanted_part(request)
            if whole:
                missing = _missing(membership.ranges, query, sections, together)
                if missing:
                    return HttpResponseRedirect(f"{request.path}?{urlencode([*request.GET.items(), *missing.items()])}")
            response = view(request, *args, **kwargs)
            before = _chosen_at(request)
            if request.method == "GET" and response.status_code == 200 and before:
                if pushed := response.headers.get("HX-Push-Url"):  # where the reader is now, for a part too
                    query, whole = QueryDict(urlsplit(pushed).query).dict(), True
                named = tuple(section for section in sections if _covers(before, section, together))
                _store(request.scope, membership, query, named, whole=whole)
            return response

        return remembering

    return mark


def _missing(
    stored: Mapping[str, Mapping[str, str]],
    query: Mapping[str, str],
    sections: tuple[str, ...],
    together: tuple[str, ...],
) -> dict[str, str]:
    """Return the parameters stored for the sections that the address does not mention."""
    silent = [section for section in sections if not names_section(query, section)]
    if names_section(query, ALL):
        silent = [section for section in silent if section not in together]
    if not any(section in silent for section in together):
        silent = [section for section in silent if section != ALL]
    return {name: value for section in silent for name, value in stored.get(section, {}).items()}


def _chosen_at(request: ScopedRequest) -> dict[str, str]:
    """The parameters of the page's own address at which the choice was made; none for a request from anywhere else."""
    if request.htmx:
        address = request.htmx.current_url_abs_path or ""
    elif request.headers.get("Sec-Fetch-Site") == "same-origin":
        address = request.headers.get("Referer", "")
    else:
        return {}
    parts = split_address(address)
    return QueryDict(parts.query).dict() if parts and parts.path == request.path else {}


def _covers(query: Mapping[str, str], section: str, together: tuple[str, ...]) -> bool:
    """Whether an address names the range of the section."""
    if section == ALL:
        return any(names_section(query, prefix) for prefix in (ALL, *together))
    return names_section(query, section) or (section in together and names_section(query, ALL))


def _store(
    scope: Scope, membership: Membership, query: Mapping[str, str], sections: tuple[str, ...], *, whole: bool
) -> None:
    """The address of a whole page names the ranges of all its sections; that of a part is silent about the others."""
    changed = {
        section: valid_parameters(query, section) for section in sections if whole or names_section(query, section)
    }
    ranges = {section: values for section, values in (membership.ranges | changed).items() if values}
    if ranges != membership.ranges:
        services.save_ranges(scope=scope, ranges=ranges)
