"""Reads the commission of one client: by quarter, and the deals that still earn."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from accounts.scope import Scope
from commissions.earnings import earnings
from commissions.expected import Earning
from commissions.outlook import client_names, commission_forecast, next_quarters, quarter_start
from commissions.queries import payout_lines
from partner_portal.lib.dates.months import quarter_end
from program.terms import LineStatus


@dataclass(frozen=True, slots=True)
class ClientQuarter:
    """A client's quarter: on statements, and expected."""

    quarter: str
    over: bool
    total: Decimal
    expected: Decimal

    @property
    def difference(self) -> Decimal:
        """Statements minus expected."""
        return self.total - self.expected


@dataclass(frozen=True, slots=True)
class ClientCommission:
    """Commission of one client: by quarter, and the deals that still earn, each with the months left of its term.

    paid: all lines that were paid.
    """

    client_id: str
    name: str
    paid: Decimal
    quarters: tuple[ClientQuarter, ...]
    earning: tuple[tuple[Earning, int], ...]


def client_commission(scope: Scope, client_id: str) -> ClientCommission | None:
    """What a client brought and should bring; None when there is no such client."""
    found = next(((pk, name) for pk, (key, name) in client_names(scope).items() if key == client_id), None)
    if found is None:
        return None
    pk, name = found
    own = payout_lines(scope).filter(client=pk).order_by()
    totals = dict(own.values_list("period").annotate(total=Sum("commission")))
    paid = own.filter(status=LineStatus.PAID).aggregate(paid=Sum("commission", default=Decimal(0)))["paid"]
    ahead_first, last = next_quarters(scope.today)
    first = min([quarter_start(period) for period in totals] + [ahead_first])
    deals = earnings(scope, client=pk)
    expected = commission_forecast(scope).by_quarter(deals, first, last)
    quarters_ = tuple(
        ClientQuarter(
            quarter, quarter_end(quarter_start(quarter)) < scope.today, totals.get(quarter, Decimal(0)), amount
        )
        for quarter, amount in expected.items()
        if amount or quarter in totals
    )
    left = ((each, each.months_left(scope.today)) for each in deals)
    return ClientCommission(client_id, name, paid, quarters_, tuple(found for found in left if found[1]))
