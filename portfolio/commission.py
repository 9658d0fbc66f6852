"""Reads the commission of one client: by quarter, and the deals that still earn."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from accounts.scope import Scope
from commissions.earnings import earnings
from commissions.expected import Earning
from commissions.outlook import client_names, commission_forecast, next_quarters
from commissions.queries import payout_lines
from partner_portal.lib.dates.months import parse_quarter, quarter_end
from program.terms import LineStatus


@dataclass(frozen=True, slots=True)
class ClientQuarter:
    """The commission of a client in a quarter, in payout currency."""

    #: `2026-Q3`.
    quarter: str
    #: Whether its last day is past.
    over: bool
    #: The amount on statements.
    total: Decimal
    expected: Decimal

    @property
    def difference(self) -> Decimal:
        """Statements minus expected."""
        return self.total - self.expected


@dataclass(frozen=True, slots=True)
class ClientCommission:
    """The commission of one client, in payout currency."""

    client_id: str
    name: str
    #: The amount of all lines that were paid.
    paid: Decimal
    quarters: tuple[ClientQuarter, ...]
    #: The deals that still earn, with the number of months left.
    earning: tuple[tuple[Earning, int], ...]


def client_commission(scope: Scope, client_id: str) -> ClientCommission | None:
    """The commission of the client, on statements and expected; None when there is no such client."""
    client = next(((pk, name) for pk, (key, name) in client_names(scope).items() if key == client_id), None)
    if client is None:
        return None
    pk, name = client
    own = payout_lines(scope).filter(client=pk).order_by()
    totals = dict(own.values_list("period").annotate(total=Sum("commission")))
    paid = own.filter(status=LineStatus.PAID).aggregate(paid=Sum("commission", default=Decimal(0)))["paid"]
    ahead_first, last = next_quarters(scope.today)
    first = min([parse_quarter(period) for period in totals] + [ahead_first])
    deals = earnings(scope, client=pk)
    expected = commission_forecast(scope).by_quarter(deals, first, last)
    quarters_ = tuple(
        ClientQuarter(
            quarter, quarter_end(parse_quarter(quarter)) < scope.today, totals.get(quarter, Decimal(0)), amount
        )
        for quarter, amount in expected.items()
        if amount or quarter in totals
    )
    left = ((deal, deal.months_left(scope.today)) for deal in deals)
    return ClientCommission(client_id, name, paid, quarters_, tuple(pair for pair in left if pair[1]))
