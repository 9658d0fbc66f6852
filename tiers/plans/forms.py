"""The form of a tier plan: every assumption is a URL parameter, so that a plan can be reloaded, shared and saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.scope import Scope
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.web.whole_number import whole_number
from program.queries import rulebook
from program.terms import Market, Origin
from tiers.plans.rules import MOST_ASSUMPTIONS, Assumptions, ExtraDeal

EXTRA_ROWS = 4
LINE = "\x1f"  # between a client's id and a product line, which may hold any other character
DEFAULT_DAYS = 30
LIMIT = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class ExtraRow:
    """A row of the form for a hypothetical deal, as typed; "" where nothing was typed."""

    #: The suffix of the parameters, from 1.
    number: int
    #: MRR in `currency`.
    amount: str
    currency: str
    #: An `Origin`.
    origin: str
    #: A `Market`.
    market: str
    #: The day on which the deal is won, ISO 8601.
    closes: str
    #: "yes": we also manage it.
    manage: str


class PlanForm:
    """Reads assumptions from a query string. Always valid: `problems` has a sentence for everything that was left out.

    Parameters: `deal` and `won.<deal id>`; `line` and `lost.<client><LINE><line>`; `client` and `gone.<client id>`;
    `amount.<n>`, `currency.<n>`, `origin.<n>`, `market.<n>`, `closes.<n>`, `manage.<n>`, `others.<n>` of hypothetical deals.
    """

    def __init__(self, data: QueryDict, scope: Scope) -> None:
        self.data = data
        self.scope = scope
        self.problems: list[str] = []
        self.default_day = scope.today + timedelta(days=DEFAULT_DAYS)
        requested = Assumptions(
            {deal: self._day(f"won.{deal}") for deal in self._texts("deal")},
            {(client, line): self._day(f"lost.{client}{LINE}{line}") for client, line in self._lines()},
            {client: self._day(f"gone.{client}") for client in self._texts("client")},
            tuple(extra for number in range(1, EXTRA_ROWS + 1) if (extra := self._extra(number)) is not None),
        )
        self.assumptions = requested.first(MOST_ASSUMPTIONS)
        self.too_many = requested.count > MOST_ASSUMPTIONS
        if self.too_many:
            self.problems = [too_many(requested.count)]  # there may be thousands of other problems

    @property
    def search(self) -> str:
        """The search text that filters the deals, renewals and clients to choose from."""
        return str(self.data.get("q", "")).strip()[:200]

    @property
    def extra_rows(self) -> list[ExtraRow]:
        """The form's rows for hypothetical deals."""
        names = ("amount", "currency", "origin", "market", "closes", "manage")
        return [
            ExtraRow(number, *(self.data.get(f"{name}.{number}", "") for name in names))
            for number in range(1, EXTRA_ROWS + 1)
        ]

    @property
    def currencies(self) -> list[str]:
        """The currencies that amounts may be in."""
        return sorted(rulebook(self.scope).currency_table(self.scope.today).amounts)

    def _texts(self, name: str) -> list[str]:
        """The values of a parameter, without those that no stored text can equal because of a NUL."""
        return [value for value in self.data.getlist(name) if "\0" not in value]

    def _lines(self) -> list[tuple[str, str]]:
        pairs = (value.partition(LINE) for value in self._texts("line"))
        return [(client, line) for client, mark, line in pairs if mark]

    def _day(self, name: str) -> date:
        text = self.data.get(name, "")
        if not text:
            return self.default_day
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = date.min
        if not self.scope.today < day <= add_months(self.scope.today, 24):
            self.problems.append(
                _("“%(value)s” is not a day of the next two years; %(day)s is used.")
                % {"value": text[:40], "day": self.default_day.isoformat()}
            )
            return self.default_day
        return day

    def _extra(self, number: int) -> ExtraDeal | None:
        text = self.data.get(f"amount.{number}", "").strip()
        if not text:
            return None
        try:
            amount = Decimal(text) if text.replace(".", "", 1).isascii() and len(text) < 20 else Decimal("NaN")
        except ArithmeticError:
            amount = Decimal("NaN")
        currency = self.data.get(f"currency.{number}", "") or self.scope.partner.payout_currency
        closes = self._day(f"closes.{number}")
        known = rulebook(self.scope).currency_table(closes).amounts
        if not amount.is_finite() or not 0 < amount < LIMIT or amount != round(amount, 2) or currency not in known:
            text = _(
                "Extra deal %(number)s is left out: its MRR must be above 0, with 2 decimals, in a known currency."
            )
            self.problems.append(text % {"number": number})
            return None
        return ExtraDeal(
            amount,
            currency,
            Origin.ASSISTED if self.data.get(f"origin.{number}") == Origin.ASSISTED else Origin.SOURCED,
            self.data.get(f"market.{number}") == Market.GROWTH,
            closes,
            self.data.get(f"manage.{number}") == "yes",
            whole_number(self.data.get(f"others.{number}"), digits=3),
        )


def too_many(count: int) -> str:
    """The sentence for a plan with `count` assumptions, which is more than it may hold."""
    return _("A plan holds at most %(most)d assumptions. This one has %(count)d; only the first %(most)d count.") % {
        "most": MOST_ASSUMPTIONS,
        "count": count,
    }


def plan_query(assumed: Assumptions) -> str:
    """The query string that `PlanForm` reads as these assumptions."""
    query: list[tuple[str, str]] = []
    for deal, on in assumed.deals.items():
        query += [("deal", deal), (f"won.{deal}", on.isoformat())]
    for (client, line), on in assumed.lost_lines.items():
        query += [("line", f"{client}{LINE}{line}"), (f"lost.{client}{LINE}{line}", on.isoformat())]
    for client, on in assumed.lost_clients.items():
        query += [("client", client), (f"gone.{client}", on.isoformat())]
    for number, extra in enumerate(assumed.extra, 1):
        query += [(f"{name}.{number}", value) for name, value in _extra_values(extra).items() if value]
    return urlencode(query)


def _extra_values(deal: ExtraDeal) -> Mapping[str, str]:
    return {
        "amount": f"{deal.amount:f}",
        "currency": deal.currency,
        "origin": deal.origin,
        "market": Market.of(growth=deal.growth),
        "closes": deal.closes_on.isoformat(),
        "manage": "yes" if deal.manage else "",
        "others": str(deal.others) if deal.others else "",
    }
