"""The portal's own pages, as the search finds them."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal import navigation
from partner_portal.lib.search import Hit, SearchSource, SearchText, register
from program.glossary import TERMS


def _pages(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    pages = [page for page in navigation.pages(scope) if wanted.matches(page.label)]
    return [Hit(str(page.label), page.address) for page in pages[:most]]


def _terms(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    terms = [term for term in TERMS.values() if wanted.matches(term.name)]
    return [Hit(str(term.name), f"{reverse('help')}#term-{term.key}", str(term.meaning)) for term in terms[:most]]


register(SearchSource("pages", _("Pages"), 1, Permission.VIEW, _pages))
register(SearchSource("terms", _("Terms"), 9, Permission.VIEW, _terms))
