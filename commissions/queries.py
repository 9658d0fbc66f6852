"""Reads what the vendor's statements say: lines, statements, what has become of the money, exchange rates.

What deals are expected to earn is in `outlook`, where the two differ in `quarter_variance`, and both of one client in
`client_commission`; questions about lines are in `questions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Case, CharField, Count, DecimalField, F, Max, Min, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Round

from accounts.scope import Scope
from commissions import rules
from commissions.models import LineStatus, StatementLine
from partner_portal.lib.caching import remembered
from partner_portal.lib.periods import Period
from program.queries import revision

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
