"""The search of the whole portal: a page, and the hits under the box of the top bar."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from partner_portal.lib.search import SearchText, search
from partner_portal.lib.web.htmx import page_or_part, wanted_part

ON_PAGE = 20  # hits of one source
IN_BOX = 5
BOX = "search-hits"


@require_safe
@requires(Permission.VIEW)
def search_page(request: ScopedRequest) -> HttpResponse:
    """Everything that matches `q`, by kind; the hits alone for the box of the top bar."""
    wanted = SearchText.of(request.GET.get("q", ""))
    most = IN_BOX if wanted_part(request) == BOX else ON_PAGE
    groups = search(request.scope, wanted, most)
    context = {"wanted": wanted, "groups": groups, "count": sum(len(group.hits) for group in groups)}
    return page_or_part(request, "search.html", context, parts=(BOX, "page-hits"))
