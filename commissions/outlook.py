"""Reads what deals are expected to earn: by quarter beside the statements, over the next four quarters, and deal by deal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from accounts.scope import Scope
from clients.models import Client
from commissions import rules
from commissions.earnings import AHEAD_MONTHS, earnings, numbers_within
from commissions.expected import CommissionForecast, Earning
from commissions.queries import fx_rates, payout_sums
from partner_portal.lib.dates.months import add_months, month_start, quarter_end, quarter_of
from partner_portal.lib.rounding import half_up
from program.caching import cached_by_generation
from program.queries import rulebook


def commission_forecast(scope: Scope) -> CommissionForecast:
    """The arithmetic with the programme's terms and the imported rates."""
    return scope.once("commission-forecast", lambda: CommissionForecast(rulebook(scope).commission, fx_rates(scope)))


def next_quarters(today: date) -> tuple[date, date]:
    """First and last month (their first days) of this quarter and the three after it."""
    first = add_months(month_start(quarter_end(today)), -2)
    return first, add_months(first, AHEAD_MONTHS - 1)


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter: what its statements come to, by standing, and what was or is expected. Money in payout currency.

    pay_on: the pay day of its statements, or of the programme where there is none. over: its last day has passed. missing:
    there is no statement although something was expected and the pay day has passed.
    """

    quarter: str
    pay_on: date
    over: bool
    missing: bool
    expected: Decimal
    statements: int
    sums: Mapping[str, Decimal]

    @property
    def total(self) -> Decimal:
        """All lines of its statements."""
        return sum(self.sums.values(), Decimal(0))

    @property
    def comparable(self) -> bool:
        """Whether its statements can be held against what was expected: it is over, and they are there or should be."""
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
    ahead_first, last = next_quarters(scope.today)
    first = min([quarter_start(period) for period in sums] + [ahead_first])
    expected = expected_by_quarter(scope, first, last)
    found = []
    for quarter, amount in expected.items():
        start, statements = quarter_start(quarter), ids.get(quarter, 0)
        pay_on = pay.get(quarter) or rules.pay_day(start, terms)
        missing = bool(amount) and not statements and pay_on < scope.today
        over = quarter_end(start) < scope.today
        found.append(Quarter(quarter, pay_on, over, missing, amount, statements, sums.get(quarter, {})))
    return found


def quarter_start(quarter: str) -> date:
    """The first day of `2026-Q3`. Raises ValueError for anything else."""
    year, _, number = quarter.partition("-Q")
    if number not in {"1", "2", "3", "4"}:
        raise ValueError(f"{quarter} is not a quarter")
    return date(int(year), int(number) * 3 - 2, 1)


def points_table(scope: Scope, quarter: str) -> date:
    """From when the currency table is in force that points of the quarter's last day go by; commission never does."""
    return rulebook(scope).currency_table(quarter_end(quarter_start(quarter))).start


@cached_by_generation("commission-quarters")
def expected_by_quarter(scope: Scope, first: date, last: date) -> dict[str, Decimal]:
    """Expected commission of the quarters from `first` to `last`, in order."""
    return commission_forecast(scope).by_quarter(earnings(scope, (first, last)), first, last)


@dataclass(frozen=True, slots=True)
class CommissionOutlook:
    """What the next four quarters, this one included, are expected to bring from the deals in force today."""

    amount: Decimal
    deals: int
    clients: int
    rates: Mapping[str, rules.FxRate]  # by currency, the payout currency left out
    without_rate: tuple[str, ...]  # currencies that are left out for want of a rate


@cached_by_generation("commission-outlook")
def commission_outlook(scope: Scope) -> CommissionOutlook:
    """Expected commission of the next four quarters."""
    first, last = next_quarters(scope.today)
    fx = fx_rates(scope)
    deals, clients, currencies = numbers_within(scope, first, last)
    rates = {currency: fx.on(currency, last) for currency in currencies if currency != scope.partner.payout_currency}
    return CommissionOutlook(
        sum((each.expected for each in quarters(scope) if quarter_start(each.quarter) >= first), Decimal(0)),
        deals,
        clients,
        {currency: rate for currency, rate in rates.items() if rate},
        tuple(currency for currency, rate in rates.items() if rate is None),
    )


@dataclass(frozen=True, slots=True)
class ClientAhead:
    """What one client's deals should bring in each of the next four quarters, in order, and how many deals earn then."""

    client_id: str
    name: str
    deals: int
    quarters: tuple[str, ...]
    amounts: tuple[Decimal, ...]

    @property
    def by_quarter(self) -> tuple[tuple[str, Decimal], ...]:
        """Each quarter with its amount."""
        return tuple(zip(self.quarters, self.amounts, strict=True))

    @property
    def total(self) -> Decimal:
        """Over the four quarters."""
        return sum(self.amounts, Decimal(0))


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next four quarters by client, those that bring most first. others: how many clients more, and others_amounts what
    they bring; amounts: of all clients. They add up to the outlook's."""

    quarters: tuple[str, ...]
    clients: tuple[ClientAhead, ...]
    others: int
    others_amounts: tuple[Decimal, ...]
    amounts: tuple[Decimal, ...]

    @property
    def by_quarter(self) -> tuple[tuple[str, Decimal], ...]:
        """Each quarter with the amount of all clients."""
        return tuple(zip(self.quarters, self.amounts, strict=True))


@cached_by_generation("commission-by-client-ahead")
def ahead_by_client(scope: Scope, limit: int) -> Ahead:
    """Expected commission of the next four quarters by client; beyond `limit` clients only their sums."""
    first, last = next_quarters(scope.today)
    sums = commission_forecast(scope)
    deals: dict[int, list[Earning]] = {}
    for each in earnings(scope, (first, last)):
        deals.setdefault(each.client, []).append(each)
    amounts = {pk: tuple(sums.by_quarter(found, first, last).values()) for pk, found in deals.items()}
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


def expected_rows(scope: Scope, quarter: str = "") -> list[dict[str, Any]]:
    """One row a deal and quarter of what the next four quarters should bring; or one quarter, which may be over."""
    first, last = next_quarters(scope.today)
    if quarter:
        first = quarter_start(quarter)
        last = month_start(quarter_end(first))
    terms = rulebook(scope).commission
    sums = commission_forecast(scope)
    names = client_names(scope)
    rows = []
    for each in earnings(scope, (first, last)):
        found: dict[str, list[Any]] = {}
        for amount in sums.amounts(each, first, last):
            found.setdefault(quarter_of(amount.month), []).append(amount)
        for name, amounts in found.items():
            latest = amounts[-1]
            client_id, client = names[each.client]
            rows.append(
                {
                    "pk": f"{each.deal_id} {name}",
                    "client_pk": each.client,
                    "client_id": client_id,
                    "client": client,
                    "deal_id": each.deal_id,
                    "product_line": each.product_line,
                    "quarter": name,
                    "pay_on": rules.pay_day(latest.month, terms),
                    "months": len(amounts),
                    "mrr": half_up(latest.mrr, rules.CENT_PLACES),
                    "currency": each.currency,
                    "fx_rate": latest.fx.rate if latest.fx else None,
                    # The payout currency is paid as it is: no rate of any day.
                    "fx_on": latest.fx.on if latest.fx and each.currency != scope.partner.payout_currency else None,
                    "rate": terms.rate,
                    "months_left": each.months_left(scope.today),
                    "ends_on": each.ends_on,
                    "commission": sum((a.commission for a in amounts), Decimal(0)) if latest.fx else None,
                    "payout_currency": scope.partner.payout_currency,
                }
            )
    return rows


def earning_rows(scope: Scope) -> list[dict[str, Any]]:
    """One row a deal that earns in the next four quarters, with what it should bring in them."""
    found: dict[str, dict[str, Any]] = {}
    for row in expected_rows(scope):
        deal = found.setdefault(row["deal_id"], row | {"pk": row["deal_id"], "commission": None, "months": 0})
        deal["months"] += row["months"]
        if row["commission"] is not None:
            deal["commission"] = (deal["commission"] or Decimal(0)) + row["commission"]
    return list(found.values())


def client_names(scope: Scope) -> dict[int, tuple[str, str]]:
    """Client id and name by primary key, read once a scope."""
    rows = Client.objects.filter(partner=scope.partner).values_list("pk", "client_id", "name")
    return scope.once("client-names", lambda: {pk: (client_id, name) for pk, client_id, name in rows})
