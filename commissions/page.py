"""Assembles the commission pages and the dashboard's panel from the queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from accounts.scope import Scope
from commissions import queries
from commissions.difference_text import difference_sentence, mismatch_sentence, withdrawn_text
from commissions.forms import CAUSE_LABELS, PaidForm
from commissions.offsets import taken_off
from commissions.outlook import CommissionOutlook, Quarter, commission_outlook, quarters
from commissions.quarter_variance import ClientVariance, variance_of
from commissions.questions import open_questions, question_link, questions_of
from commissions.variance import StatementDifference
from partner_portal.formats.charts import Fill, Series, bar_chart
from partner_portal.formats.days import quarter_text
from partner_portal.lib.charts.chart import Chart
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import Row
from partner_portal.lib.web.page_table import PageColumn
from program.queries import rulebook
from program.rulebook import CommissionTerms
from program.terms import LineStatus, PaymentStanding

PRINTED_LINES = 5_000
LINE_COLUMNS = (
    PageColumn("line_no"),
    PageColumn("client", below=("product_line", "deal_id"), brief=True, classes="pin"),
    PageColumn("invoice_month", brief=True),
    PageColumn("net_revenue", below=("currency",)),
    PageColumn("rate"),
    PageColumn("fx_rate"),
    PageColumn("commission", below=("payout_currency", "recomputed"), brief=True),
    PageColumn("status", _lazy("Note"), below=("off_by", "adjusts", "mismatch", "reason")),
)
CHART_PAST = 4
SHOWN_CLIENTS = 50  # of a variance; the others are a link away
AHEAD_CLIENTS = 20  # of the outlook; the others are a link away


@dataclass(frozen=True, slots=True)
class Bar:
    """A quarter of the chart and its table: the statements by standing, or the expected commission."""

    quarter: Quarter
    #: Whether it is not over, so that the expected commission is shown.
    ahead: bool
    #: The part of its negative statements that is still to be offset.
    left: Decimal = Decimal(0)

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


def chart(shown: Sequence[Bar], currency: str) -> Chart | None:
    """The bars of the quarters; None when there is no money in any of them."""
    return bar_chart(
        _("Commission by quarter, in %(currency)s") % {"currency": currency},
        [f"{bar.name[:3]}{bar.name[-2:]}" for bar in shown],
        [
            Series(Fill.DONE, _("paid"), [bar.paid for bar in shown]),
            Series(Fill.SCHEDULED, _("scheduled"), [bar.unpaid for bar in shown]),
            Series(Fill.EXPECTED, _("expected"), [bar.expected for bar in shown]),
        ],
        ahead=next((index for index, bar in enumerate(shown) if bar.ahead), None),
    )


@dataclass(frozen=True, slots=True)
class ToOffset:
    """The amount of negative statements that will be deducted from the next payments, in payout currency."""

    amount: Decimal
    #: The number of negative statements.
    statements: int
    #: The earliest of their pay days; None without any.
    on: date | None
    #: The next expected payment.
    expected: Decimal
    #: What earlier negative statements deduct from issued statements whose pay day is to come, or is past.
    due: Decimal
    overdue: Decimal

    @property
    def taken(self) -> Decimal:
        """The part of the amount that the next expected payment offsets."""
        return taken_off(self.expected, self.amount)

    @property
    def rest(self) -> Decimal:
        """What remains of the next expected payment."""
        return self.expected - self.taken

    @property
    def partial(self) -> bool:
        """Whether the next expected payment is too small for the whole amount."""
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
    """The page of payments, statements and expected commission."""

    #: The range of the payments.
    period: Period
    paid: queries.Paid
    #: The parameters that name the same range again.
    paid_query: Mapping[str, str]
    #: Money that is not paid.
    standings: Mapping[PaymentStanding, queries.StandingSum]
    outlook: CommissionOutlook
    bars: Sequence[Bar]
    chart: Chart | None
    #: Newest first.
    statements: Sequence[queries.StatementSummary]
    #: Quarters that can be compared with what was expected.
    past: Sequence[Quarter]
    #: The next statement to be paid, and the one longest overdue; None without one.
    due: queries.StatementSummary | None
    overdue: queries.StatementSummary | None
    #: The next quarter with an expected payment; None without one.
    next_expected: Bar | None
    offset: ToOffset
    #: The number of open questions about lines.
    unsettled: int
    #: Currencies of statements other than the payout currency.
    others: Sequence[str]
    terms: CommissionTerms
    #: The payout currency.
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
        chart=chart(shown, scope.partner.payout_currency),
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
    """A client whose statements differ from what was expected in a quarter."""

    client_id: str
    name: str
    expected: Decimal
    #: The amount on statements.
    total: Decimal
    #: Statements minus expected.
    difference: Decimal
    causes: Sequence[ShownCause]


@dataclass(frozen=True, slots=True)
class ShownVariance:
    """The comparison of a past quarter's statements with what was expected, as a page shows it."""

    quarter: str
    expected: Decimal
    #: The amount on statements.
    total: Decimal
    #: Statements minus expected.
    difference: Decimal
    #: The clients that differ most.
    clients: Sequence[ShownClient]
    #: The number of further clients that differ, and their difference.
    others: int
    others_difference: Decimal
    #: The number of clients that do not differ.
    agreeing: int


def variance_shown(scope: Scope, quarter: str) -> ShownVariance:
    """Expected against statements with the causes of the first clients in sentences; of the others only their sum."""
    variance = variance_of(scope, quarter)
    others = variance.clients[SHOWN_CLIENTS:]
    clients = [
        ShownClient(
            client.client_id, client.name, client.expected, client.total, client.difference, _causes(scope, client)
        )
        for client in variance.clients[:SHOWN_CLIENTS]
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
    """A mismatch of an adjusting line with the line that it adjusts, as a statement shows it."""

    label: str
    amount: Decimal
    #: An explanation, as a sentence.
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
