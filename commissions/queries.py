"""Reads statements of commission, what deals are expected to earn, and where the two differ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    DecimalField,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)  # fmt: skip
from django.db.models.functions import Round

from accounts.scope import Scope
from clients.models import Client
from commissions import rules
from commissions.earnings import AHEAD_MONTHS, earnings, numbers_within
from commissions.expected import Earning, Forecast
from commissions.models import LineQuestion, LineStatus, QuestionStatus, StatementLine
from commissions.variance import Difference, ExpectedMonth, differences
from partner_portal.lib.caching import remembered
from partner_portal.lib.months import add_months, month_start, quarter_end, quarter_of
from partner_portal.lib.periods import Period
from partner_portal.lib.rounding import half_up
from program.queries import revision, rulebook

FIELDS = (
    "statement_id", "period", "line_no", "client__client_id", "deal_id", "product_line", "invoice_month",
    "net_revenue", "currency", "fx_rate", "rate", "commission", "payout_currency", "status", "pay_on", "paid_on",
    "adjusts", "reason",
)  # fmt: skip
MONEY = DecimalField(max_digits=20, decimal_places=2)

# PostgreSQL multiplies decimals exactly and rounds half away from zero: the rule of points.md 8, word for word.
RECOMPUTED = Round(F("net_revenue") * F("rate") * F("fx_rate"), precision=2, output_field=MONEY)
OFF_BY = F("commission") - RECOMPUTED

HELD = (LineStatus.WITHHELD, LineStatus.FORFEITED)
STANDINGS = ("paid", "scheduled", "overdue", "draft", "withheld", "forfeited")


def standing_of(today: date) -> Case:
    """What has become of a line's money on the day: its status, issued ones by whether their pay day has passed."""
    return Case(
        When(status=LineStatus.ISSUED, pay_on__gte=today, then=Value("scheduled")),
        When(status=LineStatus.ISSUED, then=Value("overdue")),
        default=F("status"),
        output_field=CharField(),
    )


# Lines and statements


def lines(scope: Scope) -> QuerySet[StatementLine]:
    """Every statement line."""
    return StatementLine.objects.filter(partner=scope.partner)


def payout_lines(scope: Scope) -> QuerySet[StatementLine]:
    """The lines in the partner's payout currency: those that may be summed."""
    return lines(scope).filter(payout_currency=scope.partner.payout_currency)


def statement_lines(scope: Scope, **filters: object) -> list[rules.StatementLine]:
    """Statement lines as the rules want them, by statement and number."""
    rows = lines(scope).filter(**filters).order_by("period", "statement_id", "line_no")
    return [rules.StatementLine(*row) for row in rows.values_list(*FIELDS)]


def statements(scope: Scope) -> tuple[rules.Statement, ...]:
    """Every statement with its lines, by period and id."""
    return rules.statements(statement_lines(scope))


@dataclass(frozen=True, slots=True)
class StatementSummary:
    """A statement without its lines. off_by: what its variances come to, imported minus recomputed."""

    statement_id: str
    period: str
    status: str
    total: Decimal
    currency: str
    pay_on: date
    paid_on: date | None
    lines: int
    clients: int
    reversals: int
    withheld: Decimal
    forfeited: Decimal
    variances: int
    off_by: Decimal


def statement_summaries(scope: Scope, **filters: object) -> list[StatementSummary]:
    """Statements as their lines make them (points.md 12), newest first. One query, whatever their size, or none."""
    key = ("statement-summaries", *sorted(filters.items()))
    return remembered(scope, key, lambda: _statement_summaries(scope, filters), revision=revision(scope))


def _statement_summaries(scope: Scope, filters: Mapping[str, object]) -> list[StatementSummary]:
    rows: Any = (
        lines(scope)
        .filter(**filters)
        .order_by()
        .values("statement_id")
        .annotate(
            period=Min("period"),
            total=Sum("commission"),
            currency=Min("payout_currency"),
            pay_on=Min("pay_on"),
            last_paid_on=Max("paid_on"),
            lines=Count("pk"),
            clients=Count("client", distinct=True),
            reversals=Count("pk", filter=~Q(adjusts="")),
            variances=Count("pk", filter=~Q(commission=RECOMPUTED)),
            off_by=Sum(OFF_BY),
            **{f"has_{status}": Count("pk", filter=Q(status=status)) for status in LineStatus.values},
            **{f"sum_{status}": Sum("commission", filter=Q(status=status), default=Decimal(0)) for status in HELD},
        )
    )
    found = []
    for row in rows:
        status = rules.statement_status(each for each in LineStatus.values if row[f"has_{each}"])
        found.append(
            StatementSummary(
                row["statement_id"],
                row["period"],
                status,
                row["total"],
                row["currency"],
                row["pay_on"],
                row["last_paid_on"] if status == LineStatus.PAID else None,
                row["lines"],
                row["clients"],
                row["reversals"],
                row["sum_withheld"],
                row["sum_forfeited"],
                row["variances"],
                row["off_by"],
            )
        )
    return sorted(found, key=lambda each: (each.period, each.statement_id), reverse=True)


def statement(scope: Scope, statement_id: str) -> StatementSummary | None:
    """One statement; None when there is none of that id."""
    return next(iter(statement_summaries(scope, statement_id=statement_id)), None)


def line(scope: Scope, statement_id: str, line_no: int) -> StatementLine | None:
    """One line with its client; None when there is none."""
    return lines(scope).select_related("client").filter(statement_id=statement_id, line_no=line_no).first()


def other_payout_currencies(scope: Scope) -> list[str]:
    """Payout currencies of lines that are in none of the sums, in order."""
    key = ("other-payout-currencies",)
    return remembered(scope, key, lambda: _other_payout_currencies(scope), revision=revision(scope))


def _other_payout_currencies(scope: Scope) -> list[str]:
    others = lines(scope).exclude(payout_currency=scope.partner.payout_currency)
    return list(others.order_by("payout_currency").values_list("payout_currency", flat=True).distinct())


# Payments


@dataclass(frozen=True, slots=True)
class Paid:
    """What was paid in a range: the sum, how many days money came, and the last of them."""

    amount: Decimal
    payments: int
    last_on: date | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Money that is not paid: the sum, its lines, and the earliest pay day."""

    amount: Decimal
    lines: int
    pay_on: date | None


def paid_lines(scope: Scope, period: Period) -> QuerySet[StatementLine]:
    """Lines paid in the period; one without a day counts on its pay day."""
    when = Q(paid_on__range=(period.first, period.last)) | Q(
        paid_on__isnull=True, pay_on__range=(period.first, period.last)
    )
    return payout_lines(scope).filter(when, status=LineStatus.PAID)


def paid_in(scope: Scope, period: Period) -> Paid:
    """What was paid in the period. One query, or none."""
    key = ("commission-paid", period.first, period.last)
    return remembered(scope, key, lambda: _paid_in(scope, period), revision=revision(scope))


def _paid_in(scope: Scope, period: Period) -> Paid:
    found = paid_lines(scope, period).aggregate(
        amount=Sum("commission", default=Decimal(0)), payments=Count("paid_on", distinct=True), last_on=Max("paid_on")
    )
    return Paid(**found)


def standings(scope: Scope) -> dict[str, Standing]:
    """Sums by what has become of the money (points.md 10), for every standing. One query, or none."""
    return remembered(scope, ("commission-standings",), lambda: _standings(scope), revision=revision(scope))


def _standings(scope: Scope) -> dict[str, Standing]:
    rows = (
        payout_lines(scope)
        .order_by()
        .values(standing=standing_of(scope.today))
        .annotate(amount=Sum("commission"), count=Count("pk"), first=Min("pay_on"))
    )
    found = {name: Standing(Decimal(0), 0, None) for name in STANDINGS}
    return found | {row["standing"]: Standing(row["amount"], row["count"], row["first"]) for row in rows}


# Exchange rates


def fx_rates(scope: Scope) -> rules.FxRates:
    """The imported rates into the partner's payout currency. One query."""
    rows = (
        payout_lines(scope)
        .order_by("currency", "invoice_month", "-statement_id", "-line_no")
        .distinct("currency", "invoice_month")
        .values_list("currency", "invoice_month", "fx_rate")
    )
    return rules.FxRates.of(rows, scope.partner.payout_currency)


# Expected commission


def forecast(scope: Scope) -> Forecast:
    """The arithmetic with the programme's terms and the imported rates."""
    if "commission-forecast" not in scope.memo:
        scope.memo["commission-forecast"] = Forecast(rulebook(scope).commission, fx_rates(scope))
    return scope.memo["commission-forecast"]  # type: ignore[no-any-return]


def next_quarters(today: date) -> tuple[date, date]:
    """First and last month (their first days) of this quarter and the three after it."""
    first = add_months(month_start(quarter_end(today)), -2)
    return first, add_months(first, AHEAD_MONTHS - 1)


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter: what its statements come to, by standing, and what was or is expected. Money in payout currency.

    pay_on: the pay day of its statements, or of the programme where there is none. over: its last day has passed.
    """

    quarter: str
    pay_on: date
    over: bool
    expected: Decimal
    statements: int
    sums: Mapping[str, Decimal]

    @property
    def total(self) -> Decimal:
        """All lines of its statements."""
        return sum(self.sums.values(), Decimal(0))

    @property
    def difference(self) -> Decimal:
        """Statements minus expected."""
        return self.total - self.expected


def quarters(scope: Scope) -> list[Quarter]:
    """Every quarter from the first statement's to the third after this one, in order. Two queries, or none."""
    return remembered(scope, ("statement-quarters",), lambda: _quarters(scope), revision=revision(scope))


def _quarters(scope: Scope) -> list[Quarter]:
    terms = rulebook(scope).commission
    rows = (
        payout_lines(scope)
        .order_by()
        .values("period", standing=standing_of(scope.today))
        .annotate(amount=Sum("commission"), pay=Min("pay_on"), ids=Count("statement_id", distinct=True))
    )
    sums: dict[str, dict[str, Decimal]] = {}
    pay: dict[str, date] = {}
    ids: dict[str, int] = {}
    for row in rows:
        period = row["period"]
        sums.setdefault(period, {})[row["standing"]] = row["amount"]
        pay[period] = min(pay.get(period, row["pay"]), row["pay"])
        ids[period] = max(ids.get(period, 0), row["ids"])
    ahead_first, last = next_quarters(scope.today)
    first = min([quarter_start(period) for period in sums] + [ahead_first])
    expected = expected_by_quarter(scope, first, last)
    return [
        Quarter(
            quarter,
            pay.get(quarter) or rules.pay_day(quarter_start(quarter), terms),
            quarter_end(quarter_start(quarter)) < scope.today,
            amount,
            ids.get(quarter, 0),
            sums.get(quarter, {}),
        )
        for quarter, amount in expected.items()
    ]


def quarter_start(quarter: str) -> date:
    """The first day of `2026-Q3`. Raises ValueError for anything else."""
    year, _, number = quarter.partition("-Q")
    if number not in {"1", "2", "3", "4"}:
        raise ValueError(f"{quarter} is not a quarter")
    return date(int(year), int(number) * 3 - 2, 1)


def expected_by_quarter(scope: Scope, first: date, last: date) -> dict[str, Decimal]:
    """Expected commission of the quarters from `first` to `last`, in order."""
    return remembered(
        scope,
        ("commission-quarters", first, last),
        lambda: forecast(scope).by_quarter(earnings(scope, (first, last)), first, last),
        revision=revision(scope),
    )


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the next four quarters, this one included, are expected to bring from the deals in force today."""

    amount: Decimal
    deals: int
    clients: int
    rates: Mapping[str, rules.FxRate]  # by currency, the payout currency left out
    without_rate: tuple[str, ...]  # currencies that are left out for want of a rate


def outlook(scope: Scope) -> Outlook:
    """Expected commission of the next four quarters."""
    first, last = next_quarters(scope.today)
    return remembered(scope, ("commission-outlook",), lambda: _outlook(scope, first, last), revision=revision(scope))


def _outlook(scope: Scope, first: date, last: date) -> Outlook:
    fx = fx_rates(scope)
    deals, clients, currencies = numbers_within(scope, first, last)
    rates = {currency: fx.on(currency, last) for currency in currencies if currency != scope.partner.payout_currency}
    return Outlook(
        sum((each.expected for each in quarters(scope) if quarter_start(each.quarter) >= first), Decimal(0)),
        deals,
        clients,
        {currency: rate for currency, rate in rates.items() if rate},
        tuple(currency for currency, rate in rates.items() if rate is None),
    )


def expected_rows(scope: Scope, quarter: str = "") -> list[dict[str, Any]]:
    """One row a deal and quarter of what the next four quarters (or one of them) should bring."""
    first, last = next_quarters(scope.today)
    if quarter:
        first = max(first, quarter_start(quarter))
        last = min(last, month_start(quarter_end(first)))
    terms = rulebook(scope).commission
    sums = forecast(scope)
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
                    "fx_on": latest.fx.on if latest.fx else None,
                    "rate": terms.rate,
                    "months_left": each.months_left(scope.today),
                    "ends_on": each.ends_on,
                    "commission": sum((a.commission for a in amounts), Decimal(0)) if latest.fx else None,
                    "payout_currency": scope.partner.payout_currency,
                }
            )
    return rows


def client_names(scope: Scope) -> dict[int, tuple[str, str]]:
    """Client id and name by primary key, read once a scope."""
    if "client-names" not in scope.memo:
        rows = Client.objects.filter(partner=scope.partner).values_list("pk", "client_id", "name")
        scope.memo["client-names"] = {pk: (client_id, name) for pk, client_id, name in rows}
    return scope.memo["client-names"]  # type: ignore[no-any-return]


# Variance


def past_quarters(scope: Scope) -> list[str]:
    """Quarters that are over and have a statement, newest first."""
    rows = payout_lines(scope).order_by("-period").values_list("period", flat=True).distinct()
    return [period for period in rows if quarter_end(quarter_start(period)) < scope.today]


def differences_of(scope: Scope, quarter: str) -> tuple[Difference, ...]:
    """Where the statements of a past quarter differ from what was expected, and why."""
    return remembered(
        scope, ("commission-differences", quarter), lambda: _differences(scope, quarter), revision=revision(scope)
    )


def _differences(scope: Scope, quarter: str) -> tuple[Difference, ...]:
    first = quarter_start(quarter)
    last = month_start(quarter_end(first))
    rows = payout_lines(scope).filter(period=quarter).values_list("client_id", *FIELDS)
    lines = [(client, rules.StatementLine(*values)) for client, *values in rows]
    sums, found = forecast(scope), earnings(scope, (first, last), deal_ids={line.deal_id for _client, line in lines})
    expected = (
        ExpectedMonth(each, amount)
        for each in found
        for amount in sums.amounts(each, first, last)
        if amount.commission is not None
    )
    return differences(
        quarter,
        expected,
        lines,
        {each.deal_id: each for each in found},
        rulebook(scope).commission,
    )


@dataclass(frozen=True, slots=True)
class ClientVariance:
    """A client's quarter: expected, on statements, and the differences that explain it."""

    client: int
    client_id: str
    name: str
    expected: Decimal
    total: Decimal
    differences: tuple[Difference, ...]

    @property
    def difference(self) -> Decimal:
        """Statements minus expected."""
        return self.total - self.expected


@dataclass(frozen=True, slots=True)
class Variance:
    """A past quarter, client by client: those that differ, and how many agree."""

    quarter: str
    expected: Decimal
    total: Decimal
    clients: tuple[ClientVariance, ...]
    agreeing: int

    @property
    def difference(self) -> Decimal:
        """Statements minus expected."""
        return self.total - self.expected


def variance_of(scope: Scope, quarter: str) -> Variance:
    """Expected against the statements of a past quarter, the largest differences first."""
    first = quarter_start(quarter)
    last = month_start(quarter_end(first))
    expected = remembered(
        scope,
        ("commission-by-client", quarter),
        lambda: _expected_by_client(scope, first, last),
        revision=revision(scope),
    )
    rows = payout_lines(scope).filter(period=quarter).order_by().values_list("client_id")
    totals = dict(rows.annotate(total=Sum("commission")))
    why: dict[int, list[Difference]] = {}
    for each in differences_of(scope, quarter):
        why.setdefault(each.client, []).append(each)
    names = client_names(scope)
    zero = Decimal(0)
    found = [ClientVariance(pk, *names[pk], expected.get(pk, zero), totals.get(pk, zero), tuple(why[pk])) for pk in why]
    found.sort(key=lambda each: (-abs(each.difference), each.name, each.client_id))
    everyone = expected.keys() | totals.keys()
    return Variance(
        quarter, sum(expected.values(), zero), sum(totals.values(), zero), tuple(found), len(everyone - why.keys())
    )


def _expected_by_client(scope: Scope, first: date, last: date) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = {}
    for each in earnings(scope, (first, last)):
        for amount in forecast(scope).amounts(each, first, last):
            if amount.commission is not None:
                sums[each.client] = sums.get(each.client, Decimal(0)) + amount.commission
    return sums


# Questions


def questions(scope: Scope) -> QuerySet[LineQuestion]:
    """Every question about a line, with the line, its client and who asked."""
    return LineQuestion.objects.filter(partner=scope.partner).select_related("line__client", "asked_by")


def questions_of(scope: Scope, lines_shown: Iterable[int]) -> dict[int, LineQuestion]:
    """The questions about these lines, by the line's primary key."""
    return {each.line_id: each for each in questions(scope).filter(line__in=lines_shown)}


def open_questions(scope: Scope) -> int:
    """Questions that are not settled."""
    return questions(scope).exclude(status=QuestionStatus.SETTLED).count()


# One client


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
    expected = forecast(scope).by_quarter(deals, first, last)
    quarters_ = tuple(
        ClientQuarter(
            quarter, quarter_end(quarter_start(quarter)) < scope.today, totals.get(quarter, Decimal(0)), amount
        )
        for quarter, amount in expected.items()
        if amount or quarter in totals
    )
    left = ((each, each.months_left(scope.today)) for each in deals)
    return ClientCommission(client_id, name, paid, quarters_, tuple(found for found in left if found[1]))
