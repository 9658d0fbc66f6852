"""Reads statements of commission."""

from accounts.scope import Scope
from commissions import rules
from commissions.models import StatementLine


def statement_lines(scope: Scope, **filters: object) -> list[rules.StatementLine]:
    """Statement lines as the rules want them, by statement and number."""
    rows = StatementLine.objects.filter(partner=scope.partner, **filters).order_by("period", "statement_id", "line_no")
    return [
        rules.StatementLine(*row)
        for row in rows.values_list(
            "statement_id", "period", "line_no", "client__client_id", "deal_id", "product_line", "invoice_month",
            "net_revenue", "currency", "fx_rate", "rate", "commission", "payout_currency", "status", "pay_on", "paid_on",
            "adjusts", "reason",
        )
    ]  # fmt: skip


def statements(scope: Scope) -> tuple[rules.Statement, ...]:
    """Every statement with its lines, by period and id."""
    return rules.statements(statement_lines(scope))
