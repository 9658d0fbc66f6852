"""Reads what deals are expected to earn: by quarter beside the statements, over the next four quarters, and deal by deal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounts.scope import Scope
from clients.models import Client
from commissions import rules
from commissions.earnings import AHEAD_MONTHS, earnings, paid_within
from commissions.expected import Amount, CommissionForecast, Earning, earns_within
from commissions.queries import fx_rates, payout_sums
from ledger.prepared import prepared
from partner_portal.lib.dates.months import (
    add_months,
    parse_quarter,
    quarter_end,
    quarter_months,
    quarter_of,
    quarter_start,
)
from program.caching import cached_by_generation
from program.queries import rulebook


def commission_forecast(scope: Scope) -> CommissionForecast:
    """The arithmetic with the programme's terms and the imported rates."""
    return scope.once("commission-forecast", lambda: CommissionForecast(rulebook(scope).commission, fx_rates(scope)))


def next_quarters(today: date) -> tuple[date, date]:
    """First and last month (their first days) of this quarter and the three after it."""
    first = quarter_start(today)
    return first, add_months(first, AHEAD_MONTHS - 1)


@dataclass(frozen=True, slots=True)
class Quarter:
    """The statements of a quarter and its expected commission, in payout currency."""

    #: `2026-Q3`.
    quarter: str
    #: The pay day of its statements, or the programme's without any.
    pay_on: date
    #: Whether its last day is past.
    over: bool
    #: Whether something was expected and the pay day is past, but there is no statement.
    missing: bool
    expected: Decimal
    #: The number of its statements.
    statements: int
    #: The amount of its lines, by `PaymentStanding`.
    sums: Mapping[str, Decimal]

    @property
    def total(self) -> Decimal:
        """All lines of its statements."""
        return sum(self.sums.values(), Decimal(0))

    @property
    def comparable(self) -> bool:
        """Whether its statements can be compared with what was expected: it is over, and they exist or are missing."""
        return self.over and bool(self.statements or self.missing)

    @property
    def difference(self) -> Decimal:
        """Statements minus expected."""
        return self.total - self.expected


@cached_by_generation("statement-quarters")
def quarters(scope: Scope) -> list[Quarter]:
    """Every quarter from the first statement's to the third after this one, in order. Two queries, or none."""
    terms = rulebook(scope).commission
    sums: dict[str, dict[str, Decimal]] = {}
    pay: dict[str, date] = {}
    ids: dict[str, int] = {}
    for row in payout_sums(scope):
        sums.setdefault(row.period, {})[row.standing] = row.amount
        pay[row.period] = min(pay.get(row.period, row.pay_on), row.pay_on)
        ids[row.period] = max(ids.get(row.period, 0), row.statements)
    first = min([parse_quarter(period) for period in sums] + [quarter_start(scope.today)])
    rows = []
    for quarter, amount in expected_from(scope, first).by_quarter.items():
        start, statements = parse_quarter(quarter), ids.get(quarter, 0)
        pay_on = pay.get(quarter) or rules.pay_day(start, terms)
        missing = bool(amount) and not statements and pay_on < scope.today
        over = quarter_end(start) < scope.today
        rows.append(Quarter(quarter, pay_on, over, missing, amount, statements, sums.get(quarter, {})))
    return rows


def points_table(scope: Scope, quarter: str) -> date:
    """From when the currency table is in force that points of the quarter's last day go by; commission never does."""
    return rulebook(scope).currency_table(quarter_end(parse_quarter(quarter))).start


@dataclass(frozen=True, slots=True)
class Expected:
    """Expected commission by quarter, and which deals earn in the next four quarters."""

    #: In payout currency, in order.
    by_quarter: Mapping[str, Decimal]
    #: The number of deals that earn in the next four quarters, of their clients, and their currencies, sorted.
    deals: int
    clients: int
    currencies: tuple[str, ...]


@cached_by_generation("commission-quarters")
@prepared("commission-quarters")
def expected_from(scope: Scope, first: date) -> Expected:
    """What is expected of the quarters from the one that starts on `first` to the third after this one."""
    ahead_first, last = next_quarters(scope.today)
    forecast = commission_forecast(scope)
    paid = paid_within(scope, forecast, first, last)
    ahead = [deal for deal in paid.cut if earns_within(deal.stretches, ahead_first, last)]
    others = paid.whole_ahead.values()
    sums = forecast.by_quarter(paid.cut, first, last)
    return Expected(
        {quarter: amount + paid.of_whole.get(quarter, Decimal(0)) for quarter, amount in sums.items()},
        len(ahead) + sum(deals for deals, _clients in others),
        len({deal.client for deal in ahead}.union(*(clients for _deals, clients in others))),
        tuple(sorted({deal.currency for deal in ahead} | paid.whole_ahead.keys())),
    )


@dataclass(frozen=True, slots=True)
class CommissionOutlook:
    """The expected commission of the next four quarters, this one included, from the deals in force today."""

    #: In payout currency.
    amount: Decimal
    #: The number of deals that earn, and of their clients.
    deals: int
    clients: int
    #: The exchange rates, by currency; without the payout currency.
    rates: Mapping[str, rules.FxRate]
    #: Currencies that are left out because there is no rate.
    without_rate: tuple[str, ...]


@cached_by_generation("commission-outlook")
def commission_outlook(scope: Scope) -> CommissionOutlook:
    """Expected commission of the next four quarters."""
    first, last = next_quarters(scope.today)
    rows = quarters(scope)
    expected = expected_from(scope, parse_quarter(rows[0].quarter))
    fx, paid_in = fx_rates(scope), scope.partner.payout_currency
    rates = {currency: fx.on(currency, last) for currency in expected.currencies if currency != paid_in}
    return CommissionOutlook(
        sum((quarter.expected for quarter in rows if parse_quarter(quarter.quarter) >= first), Decimal(0)),
        expected.deals,
        expected.clients,
        {currency: rate for currency, rate in rates.items() if rate},
        tuple(currency for currency, rate in rates.items() if rate is None),
    )


@dataclass(frozen=True, slots=True)
class ClientAhead:
    """The expected commission of one client in the next four quarters."""

    client_id: str
    name: str
    #: The number of deals that earn.
    deals: int
    #: The quarters in order, and their amounts in payout currency.
    quarters: tuple[str, ...]
    amounts: tuple[Decimal, ...]

    @property
    def by_quarter(self) -> tuple[tuple[str, Decimal], ...]:
        """Pairs of quarter and amount."""
        return tuple(zip(self.quarters, self.amounts, strict=True))

    @property
    def total(self) -> Decimal:
        """The amount of the four quarters."""
        return sum(self.amounts, Decimal(0))


@dataclass(frozen=True, slots=True)
class Ahead:
    """The expected commission of the next four quarters by client; it adds up to that of the outlook."""

    #: In order.
    quarters: tuple[str, ...]
    #: Largest amount first.
    clients: tuple[ClientAhead, ...]
    #: The number of further clients, and their amounts by quarter.
    others: int
    others_amounts: tuple[Decimal, ...]
    #: The amounts of all clients by quarter.
    amounts: tuple[Decimal, ...]

    @property
    def by_quarter(self) -> tuple[tuple[str, Decimal], ...]:
        """Pairs of quarter and the amount of all clients."""
        return tuple(zip(self.quarters, self.amounts, strict=True))


@cached_by_generation("commission-by-client-ahead")
@prepared("commission-by-client-ahead")
def ahead_by_client(scope: Scope, limit: int) -> Ahead:
    """Expected commission of the next four quarters by client; beyond `limit` clients only their sums."""
    first, last = next_quarters(scope.today)
    sums = commission_forecast(scope)
    deals: dict[int, list[Earning]] = {}
    for deal in earnings(scope, (first, last)):
        deals.setdefault(deal.client, []).append(deal)
    amounts = {pk: tuple(sums.by_quarter(own, first, last).values()) for pk, own in deals.items()}
    order = sorted(amounts, key=lambda pk: (-sum(amounts[pk]), pk))
    rows = Client.objects.filter(partner=scope.partner, pk__in=order[:limit]).values_list("pk", "client_id", "name")
    names = {pk: (client_id, name) for pk, client_id, name in rows}
    quarters = tuple(sums.by_quarter((), first, last))
    return Ahead(
        quarters,
        tuple(ClientAhead(*names[pk], len(deals[pk]), quarters, amounts[pk]) for pk in order[:limit]),
        len(order[limit:]),
        _added(quarters, [amounts[pk] for pk in order[limit:]]),
        _added(quarters, amounts.values()),
    )


def _added(quarters: Sequence[str], rows: Iterable[Sequence[Decimal]]) -> tuple[Decimal, ...]:
    """The sums by quarter of many rows of amounts."""
    return tuple(sum(column, Decimal(0)) for column in zip(*rows, strict=True)) or (Decimal(0),) * len(quarters)


@dataclass(frozen=True, slots=True)
class DealQuarter:
    """The expected commission of one deal in one quarter."""

    earning: Earning
    #: `2026-Q3`.
    quarter: str
    #: By month, those in which the deal earns; at least one.
    amounts: tuple[Amount, ...]

    @property
    def latest(self) -> Amount:
        """The amount of the last month."""
        return self.amounts[-1]

    @property
    def commission(self) -> Decimal | None:
        """The sum in payout currency; None where no exchange rate of the deal's currency was imported."""
        return (
            sum((amount.commission for amount in self.amounts if amount.commission is not None), Decimal(0))
            if self.latest.fx
            else None
        )


def deal_quarters(scope: Scope, quarter: str = "") -> list[DealQuarter]:
    """What every deal should bring in every one of the next four quarters; or in one quarter, which may be over."""
    first, last = quarter_months(quarter) if quarter else next_quarters(scope.today)
    sums = commission_forecast(scope)
    rows = []
    for deal in earnings(scope, (first, last)):
        by_quarter: dict[str, list[Amount]] = {}
        for amount in sums.amounts(deal, first, last):
            by_quarter.setdefault(quarter_of(amount.month), []).append(amount)
        rows += [DealQuarter(deal, name, tuple(amounts)) for name, amounts in by_quarter.items()]
    return rows


def client_names(scope: Scope) -> dict[int, tuple[str, str]]:
    """Client id and name by primary key, read once per scope."""
    rows = Client.objects.filter(partner=scope.partner).values_list("pk", "client_id", "name")
    return scope.once("client-names", lambda: {pk: (client_id, name) for pk, client_id, name in rows})
