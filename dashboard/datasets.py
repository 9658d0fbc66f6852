"""Datasets behind the front page's figures of shared selling and retention."""

from collections.abc import Callable

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from clients.churn import lost_mrr
from clients.models import Deal
from clients.pipeline import points_dollars, shared_dollars, stuck_deals, valued_by
from clients.queries import shared_deals
from dashboard.forms import KINDS, STUCK, ChurnForm, SharedForm, StuckForm
from partner_portal.formats.days import month_text
from partner_portal.lib.dates.months import month_end
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, Row, register
from program.labels import labels
from program.queries import rulebook
from program.terms import DealKind, Origin, Stage

MONEY = Permission.VIEW_MONEY
SHARED = {"created": _("Deals created"), "in-flight": _("Sourced in-flight deals"), "won": _("Closed won deals")}


def _deal_columns(*more: Column) -> tuple[Column, ...]:
    return (
        Column("client", _("Client"), expression="client__name", opens_client="client_id"),
        Column("client_id", _("Client id"), expression="client__client_id", default=False),
        Column("deal_id", _("Deal")),
        Column("deal", _("Deal name"), expression="name"),
        Column("product_line", _("Product line"), default=False),
        Column("kind", _("Kind"), choices=labels(DealKind)),
        Column("origin", _("Origin"), choices=labels(Origin)),
        Column("stage", _("Stage"), choices=labels(Stage)),
        Column("created_on", _("Created on"), Kind.DATE),
        *more,
        Column("mrr", _("MRR"), Kind.MONEY, permission=MONEY, currency="currency"),
        Column("currency", _("Currency"), permission=MONEY, default=False),
        Column("mrr_usd", _("MRR, points-dollars"), Kind.MONEY, permission=MONEY, total=True),
    )


def _shared(which: str) -> Callable[[Scope, Params], QuerySet[Deal]]:
    name = which.replace("-", "_")

    def rows(scope: Scope, params: Params) -> QuerySet[Deal]:
        period = params["period"]
        deals = shared_deals(scope, name, period).annotate(mrr_usd=shared_dollars(scope, name, period.last))
        for choice in ("origin", "stage"):
            if params[choice]:
                deals = deals.filter(**{choice: params[choice]})
        return deals

    return rows


def _describe_shared(scope: Scope, params: Params) -> list[str]:
    filters = []
    if params["origin"]:
        filters.append(str(_("Origin: %s")) % labels(Origin)[params["origin"]])
    if params["stage"]:
        filters.append(str(_("Stage: %s")) % labels(Stage)[params["stage"]])
    return filters


for name, title in SHARED.items():
    register(
        Dataset(
            key=f"shared-{name}",
            title=title,
            unit=(_("deal"), _("deals")),
            permission=Permission.VIEW,
            columns=_deal_columns(Column("closed_on", _("Closed on"), Kind.DATE, default=name == "won")),
            rows=_shared(name),
            form=SharedForm,
            order=("-closed_on",) if name == "won" else ("-created_on",),
            search=("client", "client_id", "deal_id", "deal"),
            client="client_id",
            describe=_describe_shared,
            valued=lambda scope, params: valued_by(scope, params["period"].first, params["period"].last),
        )
    )


def _stuck(scope: Scope, params: Params) -> QuerySet[Deal]:
    value = points_dollars(rulebook(scope), "mrr", "currency", on=scope.today)
    return stuck_deals(scope, params["why"]).annotate(mrr_usd=value)


register(
    Dataset(
        key="shared-stuck",
        title=_("Open deals to check"),
        unit=(_("deal"), _("deals")),
        permission=Permission.VIEW,
        columns=_deal_columns(
            Column("days_open", _("Days open"), Kind.COUNT),
            Column("closed_on", _("Expected close"), Kind.DATE),
            Column("days_past", _("Days past it"), Kind.COUNT),
        ),
        rows=_stuck,
        form=StuckForm,
        order=("-days_open",),
        search=("client", "client_id", "deal_id", "deal"),
        client="client_id",
        describe=lambda scope, params: [str(STUCK[params["why"]])] if params["why"] else [],
        valued=lambda scope, params: valued_by(scope, scope.today, scope.today),
    )
)


def _churn(scope: Scope, params: Params) -> list[Row]:
    rows = lost_mrr(scope, params["month"]) if params["month"] else []
    return [row for row in rows if not params["kind"] or row["kind"] == params["kind"]]


def _describe_churn(scope: Scope, params: Params) -> list[str]:
    filters = [month_text(params["month"])] if params["month"] else []
    return filters + ([str(KINDS[params["kind"]])] if params["kind"] else [])


register(
    Dataset(
        key="retention-lost",
        title=_("Clients that left or pay less"),
        unit=(_("client"), _("clients")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("month", _("Month"), Kind.MONTH, default=False),
            Column("kind", _("Kind"), choices=KINDS),
            Column("before", _("MRR before"), Kind.MONEY, permission=MONEY, currency="currency"),
            Column("currency", _("Currency"), permission=MONEY, default=False),
            Column("after", _("MRR after"), Kind.MONEY, permission=MONEY, currency="after_currency"),
            Column("after_currency", _("Currency after"), permission=MONEY, default=False),
            Column("before_usd", _("MRR before, points-dollars"), Kind.MONEY, permission=MONEY, default=False),
            Column("churned_usd", _("Churned, points-dollars"), Kind.MONEY, permission=MONEY, total=True),
            Column("contracted_usd", _("Contracted, points-dollars"), Kind.MONEY, permission=MONEY, total=True),
            Column("lost_usd", _("Lost, points-dollars"), Kind.MONEY, permission=MONEY, total=True, default=False),
        ),
        rows=_churn,
        form=ChurnForm,
        order=("client",),
        search=("client", "client_id"),
        client="client_pk",
        describe=_describe_churn,
        valued=lambda scope, params: (
            valued_by(scope, month_end(params["month"]), month_end(params["month"])) if params["month"] else ""
        ),
    )
)
