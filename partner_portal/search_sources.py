"""The portal's own pages, as the search finds them."""

from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal import navigation
from partner_portal.lib.search import Hit, SearchSource, SearchText, register


def _pages(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    pages = [page for page in navigation.pages(scope) if wanted.matches(page.label)]
    return [Hit(str(page.label), page.address) for page in pages[:most]]


register(SearchSource("pages", _("Pages"), 1, Permission.VIEW, _pages))
