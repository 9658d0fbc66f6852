"""Statements and their lines, as the search finds them."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from commissions.queries import matching_lines, statement_quarters
from partner_portal.formats.days import quarter_text
from partner_portal.lib.search import Hit, SearchSource, SearchText, register


def _statements(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    quarters = {name: quarter_text(period) for name, period in statement_quarters(scope).items()}
    hits = [
        Hit(name, reverse("commission_statement", args=[name]), quarter)
        for name, quarter in quarters.items()
        if wanted.matches(name, quarter)
    ]
    return hits[:most]


def _lines(scope: Scope, wanted: SearchText, most: int) -> list[Hit]:
    return [
        Hit(
            str(line),
            f"{reverse('commission_statement', args=[line.statement_id])}?{urlencode({'client': line.client.client_id})}"
            f"#line-{line.line_no}",
            ", ".join(filter(None, (line.client.name, line.product_line, line.deal_id))),
        )
        for line in matching_lines(scope, wanted, most)
    ]


register(SearchSource("statements", _("Statements"), 4, Permission.VIEW_MONEY, _statements))
register(SearchSource("statement-lines", _("Statement lines"), 5, Permission.VIEW_MONEY, _lines))
