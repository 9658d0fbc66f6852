"""Queries over the vendor's statements: lines, statements, the state of the money, exchange rates.

What deals are expected to earn is in `outlook`, where the two differ in `quarter_variance`; questions about lines are in
`questions`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Case, CharField, Count, DecimalField, F, Max, Min, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast, Concat, Round

from accounts.scope import Scope
from clients.queries import matching_clients, matching_deals
from commissions import offsets, rules
from commissions.clawbacks import Clawback, clawbacks
from commissions.models import StatementLine
from partner_portal.lib.collation import search_key
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.search import SearchText
from program.caching import cached_by_generation
from program.terms import LineStatus, PaymentStanding

FIELDS = (
    "statement_id", "period", "line_no", "client__client_id", "deal_id", "product_line", "invoice_month",
    "net_revenue", "currency", "fx_rate", "rate", "commission", "payout_currency", "status", "pay_on", "paid_on",
    "adjusts", "reason",
)  # fmt: skip
MONEY = DecimalField(max_digits=20, decimal_places=2)

# PostgreSQL multiplies decimals exactly and rounds half away from zero: the rule of points.md 8, word for word.
RECOMPUTED = Round(F("net_revenue") * F("rate") * F("fx_rate"), precision=2, output_field=MONEY)
OFF_BY = F("commission") - RECOMPUTED
# What adjusting lines call a line: `S-2026Q3/12`.
NAME = Concat(F("statement_id"), Value("/"), Cast("line_no", CharField()), output_field=CharField())

HELD = (LineStatus.WITHHELD, LineStatus.FORFEITED)
STANDINGS = tuple(standing for standing in PaymentStanding if standing != PaymentStanding.SETTLED)


def standing_of(scope: Scope) -> Case:
    """What has become of a line's money today: its status, issued ones by whether their pay day has passed.

    Nobody pays a statement with a negative total: its draft and issued lines are to be offset. No query, or one.
    """
    negative = [statement.statement_id for statement in statement_summaries(scope) if statement.total < 0]
    return Case(
        When(status__in=offsets.OPEN, statement_id__in=negative, then=Value(PaymentStanding.OFFSET)),
        When(status=LineStatus.ISSUED, pay_on__gte=scope.today, then=Value(PaymentStanding.SCHEDULED)),
        When(status=LineStatus.ISSUED, then=Value(PaymentStanding.OVERDUE)),
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
    """A statement without its lines."""

    statement_id: str
    #: Its quarter.
    period: str
    status: LineStatus
    #: The amount of all lines, withheld and forfeited ones included, in `currency`.
    total: Decimal
    currency: str
    #: The earliest pay day of its lines.
    pay_on: date
    #: The latest payment of its lines; None until the statement is paid.
    paid_on: date | None
    #: The number of lines, of their clients, and of lines that adjust others.
    lines: int
    clients: int
    reversals: int
    withheld: Decimal
    forfeited: Decimal
    #: The number of lines that do not recompute, and the sum of their differences, imported minus recomputed.
    variances: int
    off_by: Decimal
    #: The number of variances of its adjusting lines (points.md 14).
    clawbacks: int = 0
    #: The part of a negative total that is still to be offset, 0 or more.
    left: Decimal = Decimal(0)
    #: The part of a positive total that offsets earlier negative statements.
    used: Decimal = Decimal(0)
    #: `scheduled` or `overdue` when issued, `offset` or `settled` when negative, otherwise its status.
    standing: PaymentStanding = PaymentStanding.DRAFT

    @property
    def failed_checks(self) -> int:
        """Variances of both kinds: lines that do not recompute, and adjusting lines that do not match their lines."""
        return self.variances + self.clawbacks

    @property
    def rest(self) -> Decimal:
        """The part of a positive total that is still paid out."""
        return self.total - self.used


def statement_summaries(
    scope: Scope, *, statement_id: str | None = None, payout_currency: str | None = None
) -> list[StatementSummary]:
    """Statements as their lines make them (points.md 12 and 14), newest first. Three queries, whatever their size, or none."""
    return [
        statement
        for statement in _statement_summaries(scope)
        if statement_id in (None, statement.statement_id) and payout_currency in (None, statement.currency)
    ]


@cached_by_generation("statement-summaries")
def _statement_summaries(scope: Scope) -> list[StatementSummary]:
    rows: Any = (  # its columns by status have no names that the types know
        lines(scope)
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
            **{f"has_{status}": Count("pk", filter=Q(status=status)) for status in LineStatus},
            **{f"sum_{status}": Sum("commission", filter=Q(status=status), default=Decimal(0)) for status in HELD},
        )
    )
    statements = []
    for row in rows:
        status = rules.statement_status(name for name in LineStatus if row[f"has_{name}"])
        statements.append(
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
    offset = offsets.offsets(statements)
    mismatches = Counter(clawback.line.statement_id for clawback in clawbacks_of(scope))
    statements = [
        replace(
            statement,
            clawbacks=mismatches[statement.statement_id],
            left=offset.left.get(statement.statement_id, Decimal(0)),
            used=offset.used_by(statement.statement_id),
            standing=_standing(statement, offset.left.get(statement.statement_id), scope.today),
        )
        for statement in statements
    ]
    return sorted(statements, key=lambda statement: (statement.period, statement.statement_id), reverse=True)


def _standing(statement: StatementSummary, left: Decimal | None, today: date) -> PaymentStanding:
    if left is not None:
        return PaymentStanding.OFFSET if left else PaymentStanding.SETTLED
    if statement.status == LineStatus.ISSUED:
        return PaymentStanding.SCHEDULED if statement.pay_on >= today else PaymentStanding.OVERDUE
    return PaymentStanding(statement.status)


def offset_uses(scope: Scope) -> Mapping[str, list[offsets.Use]]:
    """By which later statements negative statements were made up for, by the negative statement's id."""
    uses: dict[str, list[offsets.Use]] = {}
    for use in offsets.offsets(statement_summaries(scope)).uses:
        uses.setdefault(use.of, []).append(use)
    return uses


def statement(scope: Scope, statement_id: str) -> StatementSummary | None:
    """One statement; None when there is none of that id."""
    return next(iter(statement_summaries(scope, statement_id=statement_id)), None)


@cached_by_generation("commission-clawbacks")
def clawbacks_of(scope: Scope) -> tuple[Clawback, ...]:
    """Variances of adjusting lines against the lines that they adjust (points.md 14). Two queries, or none."""
    adjusting = [rules.StatementLine(*row) for row in lines(scope).exclude(adjusts="").values_list(*FIELDS)]
    if not adjusting:
        return ()
    adjusted = lines(scope).alias(name=NAME).filter(name__in={line.adjusts for line in adjusting})
    originals = (rules.StatementLine(*row) for row in adjusted.values_list(*FIELDS))
    return clawbacks(adjusting, {line.name: line for line in originals})


def clawbacks_by_line(scope: Scope) -> Mapping[str, list[Clawback]]:
    """The same by the name of the adjusting line."""
    by_line: dict[str, list[Clawback]] = {}
    for clawback in clawbacks_of(scope):
        by_line.setdefault(clawback.line.name, []).append(clawback)
    return by_line


def withdrawn_lines(scope: Scope) -> Mapping[str, date]:
    """The days on which lines were withdrawn, by their names (`S-2026Q3/12`). Read once per scope."""
    rows = StatementLine.with_withdrawn.filter(partner=scope.partner, withdrawal__isnull=False)
    named = rows.values_list(NAME, "withdrawal__withdrawn_at__date")
    return scope.once("withdrawn-lines", lambda: dict(named))


def line(scope: Scope, statement_id: str, line_no: int) -> StatementLine | None:
    """One line with its client; None when there is none."""
    return lines(scope).select_related("client").filter(statement_id=statement_id, line_no=line_no).first()


@cached_by_generation("statement-ids")
def statement_quarters(scope: Scope) -> dict[str, str]:
    """The quarter of every statement by its id, newest first. One query, or none."""
    rows = lines(scope).order_by("-period", "statement_id").values_list("statement_id", "period")
    return dict(rows.distinct())


def matching_lines(scope: Scope, wanted: SearchText, most: int) -> list[StatementLine]:
    """The lines of the clients and deals that a search finds, newest statement first, or the one that is named: S-2026Q3/12."""
    statement_id, _slash, number = wanted.text.rpartition("/")
    if statement_id and number.isdecimal() and len(number) < 9:
        key = search_key(statement_id)
        named = [name for name in statement_quarters(scope) if search_key(name) == key]
        match = Q(statement_id__in=named, line_no=int(number))
    else:
        deals = matching_deals(scope, wanted)
        match = Q(client__in=matching_clients(scope, wanted))
        match |= Q(client__in={deal.client_id for deal in deals}, deal_id__in=[deal.deal_id for deal in deals])
    rows = lines(scope).select_related("client").filter(match)
    return list(rows.order_by("-period", "statement_id", "line_no")[:most])


def other_payout_currencies(scope: Scope) -> list[str]:
    """Payout currencies of lines that are in none of the sums, in order."""
    return sorted({row.currency for row in line_sums(scope)} - {scope.partner.payout_currency})


# Payments


@dataclass(frozen=True, slots=True)
class Paid:
    """The payments of a range."""

    amount: Decimal
    #: The number of days with a payment.
    payments: int
    #: The last of them; None without any.
    last_on: date | None


@dataclass(frozen=True, slots=True)
class StandingSum:
    """Money that is not paid."""

    amount: Decimal
    #: The number of lines.
    lines: int
    #: The earliest of their pay days; None without lines.
    pay_on: date | None


def paid_lines(scope: Scope, period: Period) -> QuerySet[StatementLine]:
    """Lines paid in the period; one without a day counts on its pay day."""
    when = Q(paid_on__range=(period.first, period.last)) | Q(
        paid_on__isnull=True, pay_on__range=(period.first, period.last)
    )
    return payout_lines(scope).filter(when, status=LineStatus.PAID)


@cached_by_generation("commission-paid")
def paid_in(scope: Scope, period: Period) -> Paid:
    """What was paid in the period. One query, or none."""
    sums = paid_lines(scope, period).aggregate(
        amount=Sum("commission", default=Decimal(0)), payments=Count("paid_on", distinct=True), last_on=Max("paid_on")
    )
    return Paid(**sums)


@dataclass(frozen=True, slots=True)
class LineSum:
    """The sum of the lines of one quarter, payout currency and standing."""

    #: The quarter.
    period: str
    currency: str
    standing: PaymentStanding
    amount: Decimal
    #: The number of lines, and of their statements.
    lines: int
    statements: int
    #: The earliest of their pay days.
    pay_on: date


@cached_by_generation("commission-line-sums")
def line_sums(scope: Scope) -> list[LineSum]:
    """Every line, summed. One query, or none."""
    rows = (
        lines(scope)
        .order_by()
        .values("period", currency_paid=F("payout_currency"), standing=standing_of(scope))
        .annotate(
            amount=Sum("commission"), count=Count("pk"), ids=Count("statement_id", distinct=True), pay=Min("pay_on")
        )
    )
    return [
        LineSum(
            row["period"],
            row["currency_paid"],
            PaymentStanding(row["standing"]),
            row["amount"],
            row["count"],
            row["ids"],
            row["pay"],
        )
        for row in rows
    ]


def payout_sums(scope: Scope) -> list[LineSum]:
    """Those in the partner's payout currency: the ones that may be added up."""
    return [row for row in line_sums(scope) if row.currency == scope.partner.payout_currency]


def standings(scope: Scope) -> dict[PaymentStanding, StandingSum]:
    """Sums by what has become of the money (points.md 10), for every standing. One query, or none."""
    sums: dict[PaymentStanding, StandingSum] = {name: StandingSum(Decimal(0), 0, None) for name in STANDINGS}
    for row in payout_sums(scope):
        before = sums.get(row.standing, StandingSum(Decimal(0), 0, None))
        pay_on = row.pay_on if before.pay_on is None else min(before.pay_on, row.pay_on)
        sums[row.standing] = StandingSum(before.amount + row.amount, before.lines + row.lines, pay_on)
    return sums


# Exchange rates


def fx_rates(scope: Scope) -> rules.FxRates:
    """The imported rates into the partner's payout currency. Read once a scope."""
    rows = (
        payout_lines(scope)
        .order_by("currency", "invoice_month", "-statement_id", "-line_no")
        .distinct("currency", "invoice_month")
        .values_list("currency", "invoice_month", "fx_rate")
    )
    return scope.once("fx-rates", lambda: rules.FxRates(rows, scope.partner.payout_currency))
