"""What the commission pages and the dashboard's panel show, put together from the queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounts.scope import Scope
from commissions import queries
from commissions.datasets import why_differs
from commissions.forms import CAUSE_LABELS, PaidForm, quarter_text
from commissions.outlook import Outlook, Quarter, outlook, quarters
from commissions.quarter_variance import ClientVariance, variance_of
from commissions.questions import open_questions, questions_of
from partner_portal.lib.periods import Period
from program.queries import rulebook
from program.rulebook import CommissionTerms

PRINTED_LINES = 5_000
CHART_PAST = 4
SHOWN_CLIENTS = 50  # of a variance; the others are a link away
AHEAD_CLIENTS = 20  # of the outlook; the others are a link away


@dataclass(frozen=True, slots=True)
class Bar:
    """One quarter of the chart and its table: what statements say by standing, or what is expected."""

    quarter: Quarter
    ahead: bool  # not over: what is expected stands for it

    @property
    def name(self) -> str:
        """`Q3 2026`."""
        return quarter_text(self.quarter.quarter)

    @property
    def paid(self) -> Decimal:
        """Paid; what is withheld or forfeited is not in it."""
        return self.quarter.sums.get("paid", Decimal(0))

    @property
    def scheduled(self) -> Decimal:
        """Issued and not yet paid, overdue or not."""
        return self.quarter.sums.get("scheduled", Decimal(0)) + self.quarter.sums.get("overdue", Decimal(0))

    @property
    def held(self) -> Decimal:
        """Withheld and forfeited."""
        return self.quarter.sums.get("withheld", Decimal(0)) + self.quarter.sums.get("forfeited", Decimal(0))

    @property
    def expected(self) -> Decimal:
        """What is expected of a quarter that is not over."""
        return self.quarter.expected if self.ahead else Decimal(0)


def bars(quarters: Sequence[Quarter]) -> list[Bar]:
    """The last four quarters that are over, and the four that come."""
    past = [each for each in quarters if each.over][-CHART_PAST:]
    return [Bar(each, False) for each in past] + [Bar(each, True) for each in quarters if not each.over]


def chart(shown: Sequence[Bar]) -> dict[str, Any]:
    """The chart's numbers as decimal texts."""
    return {
        "names": [f"{bar.name[:3]}{bar.name[-2:]}" for bar in shown],
        "totals": [str(bar.paid + bar.scheduled + bar.expected) for bar in shown],
        "series": [
            {"fill": "total", "label": _("paid"), "values": [str(bar.paid) for bar in shown]},
            {"fill": "scheduled", "label": _("scheduled"), "values": [str(bar.scheduled) for bar in shown]},
            {"fill": "expected", "label": _("expected"), "values": [str(bar.expected) for bar in shown]},
        ],
        "ahead": _("expected"),
        "from": next((index for index, bar in enumerate(shown) if bar.ahead), None),
    }


@dataclass(frozen=True, slots=True)
class CommissionPage:
    """The page of payments, statements and what is expected."""

    period: Period
    paid: queries.Paid
    paid_query: Mapping[str, str]
    standings: Mapping[str, queries.Standing]
    outlook: Outlook
    bars: Sequence[Bar]
    chart: Mapping[str, Any]
    statements: Sequence[queries.StatementSummary]
    past: Sequence[Quarter]
    due: queries.StatementSummary | None
    next_expected: Bar | None
    unsettled: int
    others: Sequence[str]
    terms: CommissionTerms
    currency: str
    today: date

    @property
    def last_statement(self) -> queries.StatementSummary | None:
        """The latest statement that is more than a draft."""
        return next((each for each in self.statements if each.status != "draft"), None)


def overview_of(scope: Scope, form: PaidForm) -> CommissionPage:
    """Everything the page shows. A constant number of queries."""
    every = quarters(scope)
    shown = bars(every)
    statements = queries.statement_summaries(scope)
    own = [each for each in statements if each.currency == scope.partner.payout_currency]
    due = sorted((each for each in own if each.status == "issued"), key=lambda each: each.pay_on)
    return CommissionPage(
        period=form.chosen.period,
        paid=queries.paid_in(scope, form.chosen.period),
        paid_query=form.chosen.query,
        standings=queries.standings(scope),
        outlook=outlook(scope),
        bars=shown,
        chart=chart(shown),
        statements=statements,
        past=[each for each in reversed(every) if each.comparable],
        due=due[0] if due else None,
        next_expected=next((bar for bar in shown if bar.ahead), None),
        unsettled=open_questions(scope),
        others=queries.other_payout_currencies(scope),
        terms=rulebook(scope).commission,
        currency=scope.partner.payout_currency,
        today=scope.today,
    )


@dataclass(frozen=True, slots=True)
class ShownCause:
    """One cause of a client's difference, over all its lines. why: in words, where there is one line."""

    label: str
    amount: Decimal
    why: str


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
    """Expected against statements with the causes of each client in words; beyond `limit` clients only their sum."""
    found = variance_of(scope, quarter)
    others = found.clients[limit:]
    clients = [
        ShownClient(each.client_id, each.name, each.expected, each.total, each.difference, _causes(each))
        for each in found.clients[:limit]
    ]
    rest = sum((each.difference for each in others), Decimal(0))
    return ShownVariance(
        quarter, found.expected, found.total, found.difference, clients, len(others), rest, found.agreeing
    )


def _causes(client: ClientVariance) -> list[ShownCause]:
    grouped: dict[str, list[Any]] = {}
    for each in client.differences:
        grouped.setdefault(each.cause, []).append(each)
    return [
        ShownCause(
            str(CAUSE_LABELS[cause]),
            sum((each.amount for each in found), Decimal(0)),
            why_differs(found[0]) if len(found) == 1 else "",
        )
        for cause, found in grouped.items()
    ]


def statement_lines_of(scope: Scope, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """The rows of a page of a statement, each with its question and with where the line it reverses stands."""
    asked = questions_of(scope, [row["row"] for row in rows])
    for row in rows:
        row["question"] = asked.get(row["row"])
        other, _slash, number = row["adjusts"].rpartition("/")
        row["reversed_statement"], row["reversed_line"] = other, number
    return rows
