"""Import kind for renewals (docs/points.md 1)."""

from django.utils.translation import gettext_lazy

from clients.facts import fixed_amount, usable_currencies
from clients.lines import product_lines, register_lines, remark_on_line, remark_on_several
from partner_portal.lib.rows.column_types import Choice, Currency, Day, Number, Text
from partner_portal.lib.rows.facts import Column, FactKind, Reference, register
from program.labels import values
from program.terms import RenewalStatus
from renewals.look_alikes import moved_renewals
from renewals.models import Renewal

RENEWALS = register(
    FactKind(
        key="renewals",
        label=gettext_lazy("Renewals"),
        model=Renewal,
        key_columns=("client_id", "product_line", "renews_on"),
        columns=(
            Column("client_id", Reference("clients", key=True), required=True, field="client"),
            Column("product_line", Text(key=True), required=True, spellings=product_lines),
            Column("renews_on", Day(), required=True),
            Column("current_mrr", Number(least=0), required=True),
            Column("renewal_mrr", Number(least=0), required=True),
            Column("currency", Currency(usable_currencies), required=True),
            Column("status", Choice(tuple(values(RenewalStatus))), required=True),
            Column("renewal_manager", Text()),
            Column("renewal_manager_email", Text()),
        ),
        checks=(fixed_amount(lambda rows: rows["renews_on"], "renews_on"),),
        after_writing=register_lines,
        remarks=(remark_on_several, remark_on_line),
        look_alikes=moved_renewals,
    )
)
