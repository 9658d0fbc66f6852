"""The list of clients as rows."""

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from clients.pipeline import valued_by
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, register
from portfolio.client_list import HEALTH, REASONS, STATES, portfolio
from portfolio.forms import HOLDS, PortfolioForm
from program.caching import cached_answer
from program.labels import labels
from program.terms import RenewalStatus

MONEY = Permission.VIEW_MONEY


def _portfolio(scope: Scope, params: Params) -> QuerySet[Any]:
    rows = portfolio(scope)
    for name in ("health", "state"):
        if params[name]:
            rows = rows.filter(**{name: params[name]})
    holds = {
        "managed": Q(points_managed__gt=0),
        "sold": Q(points_sourced__gt=0) | Q(points_assisted__gt=0),
        "renewing": Q(next_renewal__lte=scope.today + timedelta(days=89)),
        "none": Q(points_total=0),
    }
    return rows.filter(holds[params["holds"]]) if params["holds"] else rows


def _describe_portfolio(scope: Scope, params: Params) -> list[str]:
    filters = [str(HEALTH[params["health"]])] if params["health"] else []
    filters += [str(_("State: %s")) % STATES[params["state"]]] if params["state"] else []
    return filters + ([str(HOLDS[params["holds"]])] if params["holds"] else [])


register(
    Dataset(
        key="clients",
        title=_("Clients"),
        unit=(_("client"), _("clients")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), expression="name", opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("domain", _("Domain"), default=False),
            Column("country", _("Country")),
            Column("points_total", _("Points"), Kind.POINTS, total=True),
            Column("points_sourced", _("Sourced"), Kind.POINTS, total=True, default=False),
            Column("points_assisted", _("Assisted"), Kind.POINTS, total=True, default=False),
            Column("points_managed", _("Managed"), Kind.POINTS, total=True, default=False),
            Column("next_expiry", _("Next expiry"), Kind.DATE),
            Column("mrr", _("MRR"), Kind.MONEY, permission=MONEY, currency="mrr_currency"),
            Column("mrr_currency", _("Currency"), permission=MONEY, default=False),
            Column("mrr_usd", _("MRR, points-dollars"), Kind.MONEY, permission=MONEY, total=True),
            Column("tool_usage", _("Tools used"), Kind.COUNT),
            Column("last_active_employee", _("Last active employee"), default=False),
            Column("last_active_on", _("Last active on"), Kind.DATE),
            Column("next_renewal", _("Next renewal"), Kind.DATE),
            Column("next_line", _("Renewing product"), default=False),
            Column("next_status", _("Renewal status"), choices=labels(RenewalStatus), default=False),
            Column("state", _("State"), choices=STATES),
            Column("health", _("Health"), choices=HEALTH),
            Column("reason", _("Reason"), choices=REASONS),
        ),
        rows=_portfolio,
        form=PortfolioForm,
        order=("client",),
        search=("client", "client_id", "domain"),
        client="pk",
        describe=_describe_portfolio,
        valued=lambda scope, params: valued_by(scope, scope.today, scope.today),
        cached=cached_answer,
    )
)
