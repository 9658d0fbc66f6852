"""Commission: paid in the last 12 months, scheduled, and what the next four quarters should bring."""

from commissions.forms import PaidForm
from commissions.page import CommissionPage, overview_of
from dashboard.overview import Overview


def commission(overview: Overview) -> CommissionPage | None:
    """The panel's figures; None for those who may not see money."""
    scope = overview.scope
    if not scope.may_see_money:
        return None
    form = PaidForm({}, scope=scope)
    form.is_valid()
    return overview_of(scope, form)
