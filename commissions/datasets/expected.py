"""What deals are expected to earn: by quarter, and over the next four quarters."""

from decimal import Decimal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from commissions import rules
from commissions.datasets.columns import MONEY, money_columns, payout_currency
from commissions.forms import EarningForm, ExpectedForm
from commissions.outlook import DealQuarter, client_names, deal_quarters
from partner_portal.formats.days import quarter_text
from partner_portal.lib.rounding import half_up
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, Row, register
from program.queries import rulebook


def _deal_cells(scope: Scope, row: DealQuarter) -> dict[str, object]:
    """The cells that both datasets show of a deal."""
    deal = row.earning
    client_id, client = client_names(scope)[deal.client]
    return {
        "client_pk": deal.client,
        "client_id": client_id,
        "client": client,
        "deal_id": deal.deal_id,
        "product_line": deal.product_line,
        "mrr": half_up(row.latest.mrr, rules.CENT_PLACES),
        "currency": deal.currency,
        "months_left": deal.months_left(scope.today),
        "ends_on": deal.ends_on,
        "payout_currency": payout_currency(scope),
    }


def _expected(scope: Scope, params: Params) -> list[Row]:
    terms = rulebook(scope).commission
    rows = [
        _deal_cells(scope, row)
        | {
            "pk": f"{row.earning.deal_id} {row.quarter}",
            "quarter": row.quarter,
            "pay_on": rules.pay_day(row.latest.month, terms),
            "months": len(row.amounts),
            "fx_rate": row.latest.fx.rate if row.latest.fx else None,
            # The payout currency is paid as it is, at no rate of any day.
            "fx_on": row.latest.fx.on if row.latest.fx and row.earning.currency != payout_currency(scope) else None,
            "rate": terms.rate,
            "commission": row.commission,
        }
        for row in deal_quarters(scope, params["quarter"])
    ]
    return [row for row in rows if params["client"] in ("", row["client_id"])]


def _describe_expected(scope: Scope, params: Params) -> list[str]:
    filters = [quarter_text(params["quarter"])] if params["quarter"] else []
    return [*filters, gettext("Client: %s") % params["client"]] if params["client"] else filters


register(
    Dataset(
        key="commission-expected",
        title=_("Expected commission"),
        unit=(_("deal and quarter"), _("deals and quarters")),
        permission=MONEY,
        columns=money_columns(
            Column("client", _("Client"), opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("deal_id", _("Deal")),
            Column("product_line", _("Product line"), under="deal_id"),
            Column("quarter", _("Quarter"), markup=quarter_text),
            Column("pay_on", _("Pay date"), Kind.DATE, under="commission"),
            Column("months", _("Months"), Kind.COUNT),
            Column("mrr", _("MRR left"), Kind.MONEY, currency="currency"),
            Column("currency", _("Currency"), default=False),
            Column("rate", _("× Rate"), Kind.RATIO),
            Column("fx_rate", _("× Exchange rate"), Kind.RATE),
            Column("fx_on", _("Rate of"), Kind.DATE, under="fx_rate"),
            Column("months_left", _("Months of term left"), Kind.COUNT),
            Column("ends_on", _("Term ends"), Kind.DATE, default=False),
            Column("commission", _("Commission"), Kind.MONEY, currency="payout_currency", total=True),
            Column("payout_currency", _("Payout currency"), default=False),
        ),
        rows=_expected,
        form=ExpectedForm,
        order=("quarter",),
        figure="commission",
        search=("client", "client_id", "deal_id"),
        client="client_pk",
        describe=_describe_expected,
        total_currency=payout_currency,
    )
)


def _earning(scope: Scope, params: Params) -> list[Row]:
    deals: dict[str, list[DealQuarter]] = {}
    for row in deal_quarters(scope):
        deals.setdefault(row.earning.deal_id, []).append(row)
    rows = [
        _deal_cells(scope, quarters[0])
        | {
            "pk": deal_id,
            "months": sum(len(row.amounts) for row in quarters),
            "commission": _sum_of_known([row.commission for row in quarters]),
        }
        for deal_id, quarters in deals.items()
    ]
    return [
        row for row in rows if params["client"] in ("", row["client_id"]) and (row["months_left"] or not params["show"])
    ]


def _sum_of_known(amounts: list[Decimal | None]) -> Decimal | None:
    """Their sum, those without an exchange rate left out; None when all are."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def _describe_earning(scope: Scope, params: Params) -> list[str]:
    filters = [gettext("Earning today")] if params["show"] else []
    return [*filters, gettext("Client: %s") % params["client"]] if params["client"] else filters


register(
    Dataset(
        key="commission-deals",
        title=_("Deals that earn commission"),
        unit=(_("deal"), _("deals")),
        permission=MONEY,
        columns=money_columns(
            Column("client", _("Client"), opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("deal_id", _("Deal")),
            Column("product_line", _("Product line"), under="deal_id"),
            Column("mrr", _("MRR left"), Kind.MONEY, currency="currency"),
            Column("currency", _("Currency"), default=False),
            Column("months", _("Months in the four quarters"), Kind.COUNT),
            Column("months_left", _("Months of term left"), Kind.COUNT),
            Column("ends_on", _("Term ends"), Kind.DATE),
            Column(
                "commission",
                _("Expected in the four quarters"),
                Kind.MONEY,
                currency="payout_currency",
                total=True,
            ),
            Column("payout_currency", _("Payout currency"), default=False),
        ),
        rows=_earning,
        form=EarningForm,
        order=("client",),
        search=("client", "client_id", "deal_id"),
        client="client_pk",
        describe=_describe_earning,
        total_currency=payout_currency,
    )
)
