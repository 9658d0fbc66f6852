"""Assembles the commission pages and the dashboard's panel from the queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounts.scope import Scope
from commissions import queries
from commissions.difference_text import difference_sentence, mismatch_sentence, withdrawn_text
from commissions.forms import CAUSE_LABELS, PaidForm
from commissions.offsets import taken_off
from commissions.outlook import CommissionOutlook, Quarter, commission_outlook, quarters
from commissions.quarter_variance import ClientVariance, variance_of
from commissions.questions import open_questions, question_link, questions_of
from commissions.variance import StatementDifference
from partner_portal.formats.days import quarter_text
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import Row
from program.queries import rulebook
from program.rulebook import CommissionTerms
from program.terms import LineStatus, PaymentStanding

PRINTED_LINES = 5_000
CHART_PAST = 4
SHOWN_CLIENTS = 50  # of a variance; the others are a link away
AHEAD_CLIENTS = 20  # of the outlook; the others are a link away


@dataclass(frozen=True, slots=True)
class Bar:
    """One quarter of the chart and its table: what statements say by standing, or what is expected."""

    quarter: Quarter
    ahead: bool  # not over: what is expected stands for it
    left: Decimal = Decimal(0)  # of its negative statements, to be offset

    @property
    def name(self) -> str:
        """`Q3 2026`."""
        return quarter_text(self.quarter.quarter)

    @property
    def paid(self) -> Decimal:
        """Paid; what is withheld or forfeited is not in it."""
        return self.quarter.sums.get(PaymentStanding.PAID, Decimal(0))

    @property
    def scheduled(self) -> Decimal:
        """Issued, the pay day to come."""
        return self.quarter.sums.get(PaymentStanding.SCHEDULED, Decimal(0))

    @property
    def overdue(self) -> Decimal:
        """Issued, the pay day past."""
        return self.quarter.sums.get(PaymentStanding.OVERDUE, Decimal(0))

    @property
    def unpaid(self) -> Decimal:
        """Issued and not yet paid, overdue or not; what is to be offset is not in it."""
        return self.scheduled + self.overdue

    @property
    def held(self) -> Decimal:
        """Withheld and forfeited."""
        return self.quarter.sums.get(PaymentStanding.WITHHELD, Decimal(0)) + self.quarter.sums.get(
            PaymentStanding.FORFEITED, Decimal(0)
        )

    @property
    def expected(self) -> Decimal:
        """What is expected of a quarter that is not over."""
        return self.quarter.expected if self.ahead else Decimal(0)


def bars(quarters: Sequence[Quarter], statements: Iterable[queries.StatementSummary] = ()) -> list[Bar]:
    """The last four quarters that are over, and the four that come. statements: those in payout currency."""
    left: dict[str, Decimal] = {}
    for statement in statements:
        left[statement.period] = left.get(statement.period, Decimal(0)) + statement.left
    past = [quarter for quarter in quarters if quarter.over][-CHART_PAST:]
    ahead = [quarter for quarter in quarters if not quarter.over]
    return [Bar(quarter, not quarter.over, left.get(quarter.quarter, Decimal(0))) for quarter in past + ahead]


def chart(shown: Sequence[Bar]) -> dict[str, object]:
    """The chart's numbers as decimal texts."""
    return {
        "names": [f"{bar.name[:3]}{bar.name[-2:]}" for bar in shown],
        "totals": [str(bar.paid + bar.unpaid + bar.expected) for bar in shown],
        "series": [
            {"fill": "total", "label": _("paid"), "values": [str(bar.paid) for bar in shown]},
            {"fill": "scheduled", "label": _("scheduled"), "values": [str(bar.unpaid) for bar in shown]},
            {"fill": "expected", "label": _("expected"), "values": [str(bar.expected) for bar in shown]},
        ],
        "ahead": _("expected"),
        "from": next((index for index, bar in enumerate(shown) if bar.ahead), None),
    }


@dataclass(frozen=True, slots=True)
class ToOffset:
    """What negative statements leave to be taken off the next payments. on: the earliest of their pay dates.

    taken: what of it `expected`, the next payment expected, makes up for; rest: what is then paid of that. due, overdue:
    what earlier negative statements take off what is issued, before and after its pay day.
    """

    amount: Decimal
    statements: int
    on: date | None
    expected: Decimal
    due: Decimal
    overdue: Decimal

    @property
    def taken(self) -> Decimal:
        """Never more than what is expected."""
        return taken_off(self.expected, self.amount)

    @property
    def rest(self) -> Decimal:
        """What is left of the payment expected."""
        return self.expected - self.taken

    @property
    def partial(self) -> bool:
        """Whether the payment expected is too small for all of it."""
        return self.taken < self.amount


def _to_offset(own: Sequence[queries.StatementSummary], expected: Decimal) -> ToOffset:
    negative = [statement for statement in own if statement.left]
    used = dict.fromkeys((PaymentStanding.SCHEDULED, PaymentStanding.OVERDUE), Decimal(0))
    for statement in own:
        if statement.standing in used:
            used[statement.standing] += statement.used
    return ToOffset(
        sum((statement.left for statement in negative), Decimal(0)),
        len(negative),
        min((statement.pay_on for statement in negative), default=None),
        expected,
        used[PaymentStanding.SCHEDULED],
        used[PaymentStanding.OVERDUE],
    )


@dataclass(frozen=True, slots=True)
class CommissionPage:
    """The page of payments, statements and what is expected."""

    period: Period
    paid: queries.Paid
    paid_query: Mapping[str, str]
    standings: Mapping[PaymentStanding, queries.StandingSum]
    outlook: CommissionOutlook
    bars: Sequence[Bar]
    chart: Mapping[str, object]
    statements: Sequence[queries.StatementSummary]
    past: Sequence[Quarter]
    due: queries.StatementSummary | None
    overdue: queries.StatementSummary | None
    next_expected: Bar | None
    offset: ToOffset
    unsettled: int
    others: Sequence[str]
    terms: CommissionTerms
    currency: str
    today: date

    @property
    def has_overdue(self) -> bool:
        """Whether a quarter of the chart has money whose pay day is past."""
        return any(bar.overdue for bar in self.bars)

    @property
    def has_left(self) -> bool:
        """Whether a quarter of the chart has something to be offset."""
        return any(bar.left for bar in self.bars)

    @property
    def last_statement(self) -> queries.StatementSummary | None:
        """The latest statement that is more than a draft."""
        return next((statement for statement in self.statements if statement.status != LineStatus.DRAFT), None)


def overview_of(scope: Scope, form: PaidForm) -> CommissionPage:
    """Everything the page shows. A constant number of queries."""
    every = quarters(scope)
    statements = queries.statement_summaries(scope)
    own = [statement for statement in statements if statement.currency == scope.partner.payout_currency]
    shown = bars(every, own)
    by_day = sorted(own, key=lambda statement: (statement.pay_on, statement.period, statement.statement_id))
    next_expected = next((bar for bar in shown if bar.ahead), None)
    return CommissionPage(
        period=form.chosen.period,
        paid=queries.paid_in(scope, form.chosen.period),
        paid_query=form.chosen.query,
        standings=queries.standings(scope),
        outlook=commission_outlook(scope),
        bars=shown,
        chart=chart(shown),
        statements=statements,
        past=[quarter for quarter in reversed(every) if quarter.comparable],
        due=next((statement for statement in by_day if statement.standing == PaymentStanding.SCHEDULED), None),
        overdue=next((statement for statement in by_day if statement.standing == PaymentStanding.OVERDUE), None),
        next_expected=next_expected,
        offset=_to_offset(own, next_expected.expected if next_expected else Decimal(0)),
        unsettled=open_questions(scope),
        others=queries.other_payout_currencies(scope),
        terms=rulebook(scope).commission,
        currency=scope.partner.payout_currency,
        today=scope.today,
    )


@dataclass(frozen=True, slots=True)
class ShownCause:
    """One cause of a client's difference, over all its lines."""

    key: str
    label: str
    amount: Decimal
    #: A sentence where there is one line, otherwise "".
    why: str
    #: Label and address of the form that questions that line; None for several lines and for those who may not.
    ask: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ShownClient:
    """A client whose quarter differs."""

    client_id: str
    name: str
    expected: Decimal
    total: Decimal
    difference: Decimal
    causes: Sequence[ShownCause]


@dataclass(frozen=True, slots=True)
class ShownVariance:
    """A past quarter as a page shows it."""

    quarter: str
    expected: Decimal
    total: Decimal
    difference: Decimal
    clients: Sequence[ShownClient]
    others: int
    others_difference: Decimal
    agreeing: int


def variance_shown(scope: Scope, quarter: str, limit: int = SHOWN_CLIENTS) -> ShownVariance:
    """Expected against statements with the causes of every client in sentences; beyond `limit` clients only their sum."""
    variance = variance_of(scope, quarter)
    others = variance.clients[limit:]
    clients = [
        ShownClient(
            client.client_id, client.name, client.expected, client.total, client.difference, _causes(scope, client)
        )
        for client in variance.clients[:limit]
    ]
    rest = sum((client.difference for client in others), Decimal(0))
    return ShownVariance(
        quarter, variance.expected, variance.total, variance.difference, clients, len(others), rest, variance.agreeing
    )


def _causes(scope: Scope, client: ClientVariance) -> list[ShownCause]:
    grouped: dict[str, list[StatementDifference]] = {}
    for difference in client.differences:
        grouped.setdefault(difference.cause, []).append(difference)
    return [
        ShownCause(
            cause,
            str(CAUSE_LABELS[cause]),
            sum((difference.amount for difference in differences), Decimal(0)),
            difference_sentence(differences[0]) if len(differences) == 1 else "",
            _question_link(scope, differences),
        )
        for cause, differences in grouped.items()
    ]


def _question_link(scope: Scope, differences: Sequence[StatementDifference]) -> tuple[str, str] | None:
    line = differences[0].line if len(differences) == 1 else None
    return question_link(line.statement_id, line.line_no, scope) if line else None


@dataclass(frozen=True, slots=True)
class ShownMismatch:
    """Where an adjusting line does not match the line that it adjusts, as a statement shows it."""

    label: str
    amount: Decimal
    why: str


def statement_lines_of(scope: Scope, rows: Sequence[dict[str, Any]]) -> Sequence[Row]:
    """The rows of a page of a statement: to each its question, the line that it reverses, and its mismatches with that line are
    added."""
    asked = questions_of(scope, [row["row"] for row in rows])
    mismatches = queries.clawbacks_by_line(scope)
    for row in rows:
        row["mismatches"] = [
            ShownMismatch(str(CAUSE_LABELS[mismatch.cause]), mismatch.amount, mismatch_sentence(mismatch))
            for mismatch in mismatches.get(f"{row['statement']}/{row['line_no']}", ())
        ]
        row["question"] = asked.get(row["row"])
        other, _slash, number = row["adjusts"].rpartition("/")
        row["reversed_statement"], row["reversed_line"] = other, number
        row["reversed_withdrawn"] = withdrawn_text(scope, row["adjusts"])
    return rows
