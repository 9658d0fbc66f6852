"""Reads where the statements of a past quarter differ from what was expected, client by client. The causes: `variance`."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from accounts.scope import Scope
from commissions import rules
from commissions.earnings import earnings
from commissions.outlook import client_names, commission_forecast, quarters
from commissions.queries import FIELDS, clawbacks_by_line, payout_lines
from commissions.variance import ExpectedMonth, StatementDifference, differences
from partner_portal.lib.dates.months import quarter_months
from program.caching import cached_by_generation
from program.queries import rulebook


def past_quarters(scope: Scope) -> list[str]:
    """Quarters that are over and have a statement, or should have one by now, newest first."""
    return [quarter.quarter for quarter in reversed(quarters(scope)) if quarter.comparable]


@cached_by_generation("commission-differences")
def differences_of(scope: Scope, quarter: str) -> tuple[StatementDifference, ...]:
    """Where the statements of a past quarter differ from what was expected, and why."""
    first, last = quarter_months(quarter)
    rows = payout_lines(scope).filter(period=quarter).values_list("client_id", *FIELDS)
    lines = [(client, rules.StatementLine(*values)) for client, *values in rows]
    sums, deals = (
        commission_forecast(scope),
        earnings(scope, (first, last), deal_ids={line.deal_id for _client, line in lines}),
    )
    expected = (
        ExpectedMonth(deal, amount)
        for deal in deals
        for amount in sums.amounts(deal, first, last)
        if amount.commission is not None
    )
    return differences(
        quarter,
        expected,
        lines,
        {deal.deal_id: deal for deal in deals},
        rulebook(scope).commission,
        clawbacks_by_line(scope),
    )


@dataclass(frozen=True, slots=True)
class ClientVariance:
    """The difference between a client's statements and what was expected in a quarter, in payout currency."""

    #: The client's primary key.
    client: int
    client_id: str
    name: str
    expected: Decimal
    #: The amount on statements.
    total: Decimal
    #: They add up to the difference.
    differences: tuple[StatementDifference, ...]

    @property
    def difference(self) -> Decimal:
        """Statements minus expected."""
        return self.total - self.expected


@dataclass(frozen=True, slots=True)
class Variance:
    """The difference between the statements of a past quarter and what was expected, in payout currency."""

    quarter: str
    expected: Decimal
    #: The amount on statements.
    total: Decimal
    #: The clients that differ, the largest difference first.
    clients: tuple[ClientVariance, ...]
    #: The number of clients that do not differ.
    agreeing: int

    @property
    def difference(self) -> Decimal:
        """Statements minus expected."""
        return self.total - self.expected


def variance_of(scope: Scope, quarter: str) -> Variance:
    """Expected against the statements of a past quarter, the largest differences first."""
    expected = _expected_by_client(scope, quarter)
    rows = payout_lines(scope).filter(period=quarter).order_by().values_list("client_id")
    totals = dict(rows.annotate(total=Sum("commission")))
    why: dict[int, list[StatementDifference]] = {}
    for difference in differences_of(scope, quarter):
        why.setdefault(difference.client, []).append(difference)
    names = client_names(scope)
    zero = Decimal(0)
    clients = [
        ClientVariance(pk, *names[pk], expected.get(pk, zero), totals.get(pk, zero), tuple(why[pk])) for pk in why
    ]
    clients.sort(key=lambda client: (-abs(client.difference), client.name, client.client_id))
    everyone = expected.keys() | totals.keys()
    return Variance(
        quarter, sum(expected.values(), zero), sum(totals.values(), zero), tuple(clients), len(everyone - why.keys())
    )


@cached_by_generation("commission-by-client")
def _expected_by_client(scope: Scope, quarter: str) -> dict[int, Decimal]:
    first, last = quarter_months(quarter)
    sums: dict[int, Decimal] = {}
    for deal in earnings(scope, (first, last)):
        for amount in commission_forecast(scope).amounts(deal, first, last):
            if amount.commission is not None:
                sums[deal.client] = sums.get(deal.client, Decimal(0)) + amount.commission
    return sums
