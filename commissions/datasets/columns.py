"""What the datasets of commission share: their right, currency, columns of a statement line and link to question one."""

from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from commissions.questions import question_link
from partner_portal.lib.rows.datasets import Column, Kind, Row

MONEY = Permission.VIEW_MONEY


def money_columns(*columns: Column) -> tuple[Column, ...]:
    """The columns, visible only to those who may see money."""
    return tuple(replace(column, permission=MONEY) for column in columns)


def payout_currency(scope: Scope) -> str:
    """The one currency that sums of commission are in."""
    return str(scope.partner.payout_currency)


def line_question(row: Row, scope: Scope) -> tuple[str, str] | None:
    """Label and address of the form that questions the row's line; None for those who may not."""
    return question_link(row["statement"], row["line_no"], scope)


def line_columns(prefix: str = "") -> tuple[Column, ...]:
    """A statement line, checkable by hand: net revenue x rate x exchange rate = commission.

    prefix: of the fields, where the rows are not lines themselves; the commission of such rows is not summed.
    """
    return money_columns(
        Column("statement", _("Statement"), expression=f"{prefix}statement_id"),
        Column("line_no", _("Line"), Kind.COUNT, f"{prefix}line_no"),
        Column("client", _("Client"), expression=f"{prefix}client__name"),
        Column("client_id", _("Client id"), expression=f"{prefix}client__client_id", default=False),
        Column("deal_id", _("Deal"), expression=f"{prefix}deal_id"),
        Column("product_line", _("Product line"), expression=f"{prefix}product_line", default=False),
        Column("invoice_month", _("Invoiced"), Kind.MONTH, f"{prefix}invoice_month"),
        Column("net_revenue", _("Net revenue"), Kind.MONEY, f"{prefix}net_revenue", currency="currency"),
        Column("currency", _("Currency"), expression=f"{prefix}currency", default=False),
        Column("rate", _("× Rate"), Kind.RATIO, f"{prefix}rate"),
        Column("fx_rate", _("× Exchange rate"), Kind.RATE, f"{prefix}fx_rate"),
        Column(
            "commission",
            _("Commission"),
            Kind.MONEY,
            f"{prefix}commission",
            currency="payout_currency",
            total=not prefix,
        ),
        Column("payout_currency", _("Payout currency"), expression=f"{prefix}payout_currency", default=False),
    )
