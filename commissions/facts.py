"""Lines of commission statements as a kind of facts that files bring in (docs/points.md 1)."""

from django.utils.translation import gettext_lazy

from clients.facts import usable_currencies
from clients.lines import product_lines, register_lines, remark_on_several
from commissions.models import StatementLine
from partner_portal.lib.rows.column_types import Choice, Currency, Day, Month, Number, Quarter, Text, Whole
from partner_portal.lib.rows.facts import Column, FactKind, Reference, register
from program.labels import values
from program.terms import LineStatus

STATEMENT_LINES = register(
    FactKind(
        key="statement_lines",
        label=gettext_lazy("Statement lines"),
        model=StatementLine,
        key_columns=("statement_id", "line_no"),
        complete_within=("statement_id",),
        columns=(
            Column("statement_id", Text(key=True), required=True),
            Column("period", Quarter(), required=True),
            Column("line_no", Whole(), required=True),
            Column("client_id", Reference("clients"), required=True, field="client"),
            Column("deal_id", Reference("deals")),
            Column("product_line", Text(), spellings=product_lines),
            Column("invoice_month", Month(), required=True),
            Column("net_revenue", Number(), required=True),
            Column("currency", Currency(usable_currencies), required=True),
            Column("fx_rate", Number(places=8, digits=10, above=0), required=True),
            Column("rate", Number(places=6, digits=4, least=0), required=True),
            Column("commission", Number(), required=True),
            # Paid out by bank, never turned into points: any currency will do.
            Column("payout_currency", Currency(), required=True),
            Column("status", Choice(tuple(values(LineStatus))), required=True),
            Column("pay_on", Day(), required=True),
            Column("paid_on", Day()),
            Column("adjusts", Reference("statement_lines")),
            Column("reason", Text()),
        ),
        after_writing=register_lines,
        remarks=(remark_on_several,),
    )
)
