"""The rows of any dataset on a page of their own: the target of links in receipts, reports and mails."""

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import ScopedRequest, requires
from accounts.chosen_columns import shown
from accounts.roles import Permission
from partner_portal.lib.web.drilldown import Link, drilldown
from reports.views.pane import dataset_or_404


@require_safe
@requires(Permission.VIEW)
def dataset_rows(request: ScopedRequest, key: str) -> HttpResponse:
    """All rows of a dataset with the filters of the address."""
    selection = shown(request, dataset_or_404(key))
    return drilldown(request, selection, back=Link(_("Reports"), reverse("reports")))
