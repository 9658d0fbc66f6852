"""Lists of clients and saved reports, as the search finds them."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows import datasets
from partner_portal.lib.search import Hit, SearchSource, SearchText, register
from reports.queries.lists import lists
from reports.queries.saved import reports


def _lists(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    rows = wanted.filter(lists(scope), "name")[:most]
    return [Hit(row.name, reverse("list", args=[row.pk]), str(row.owner or "")) for row in rows]


def _reports(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    titles = {dataset.key: str(dataset.title) for dataset in datasets.all_datasets()}
    rows = wanted.filter(reports(scope), "name")[:most]
    return [Hit(row.name, reverse("report", args=[row.pk]), titles.get(row.dataset, "")) for row in rows]


register(SearchSource("lists", _("Lists"), 6, Permission.VIEW, _lists))
register(SearchSource("reports", _("Reports"), 7, Permission.VIEW, _reports))
