"""What a tier plan assumes, and what the ledger's own rules make of facts plus plan (docs/points.md 3, 10).

Pure: a plan adds facts to those of a client; points come from the same engine that the ledger posts with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import islice

from ledger.engine import entries
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from program.rulebook import Rulebook
from program.terms import DealKind, Origin, Stage, Track

Change = tuple[date, Track, Decimal]
MOST_ASSUMPTIONS = 200  # of one plan, of all kinds together
ANYWHERE = "ZZ"  # a country that is in no list of growth markets


@dataclass(frozen=True, slots=True)
class ExtraDeal:
    """A deal that does not exist yet: MRR in `currency`, `growth` or standard market, a new line of a new client. manage:
    also managed by us from that day on, with `others` more partners."""

    amount: Decimal
    currency: str
    origin: Origin
    growth: bool
    closes_on: date
    manage: bool = False
    others: int = 0


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a plan supposes. deals: open deals by id, won on a day. lost_lines: (client id, product line) cancelled on a day
    because its renewal is lost. lost_clients: clients by id that cancel altogether on a day."""

    deals: Mapping[str, date]
    lost_lines: Mapping[tuple[str, str], date]
    lost_clients: Mapping[str, date]
    extra: tuple[ExtraDeal, ...] = ()

    @property
    def gains(self) -> "Assumptions":
        """The same without what is lost."""
        return replace(self, lost_lines={}, lost_clients={})

    @property
    def losses(self) -> "Assumptions":
        """The same without what is won."""
        return replace(self, deals={}, extra=())

    @property
    def count(self) -> int:
        """How many assumptions there are, of all kinds together."""
        return len(self.deals) + len(self.lost_lines) + len(self.lost_clients) + len(self.extra)

    def first(self, most: int) -> "Assumptions":
        """The first `most` assumptions: hypothetical deals, then open deals, lost lines and lost clients in their order."""
        extra = self.extra[:most]
        left = most - len(extra)
        deals = dict(islice(self.deals.items(), left))
        left -= len(deals)
        lines = dict(islice(self.lost_lines.items(), left))
        left -= len(lines)
        return Assumptions(deals, lines, dict(islice(self.lost_clients.items(), left)), extra)

    @property
    def empty(self) -> bool:
        """Whether nothing is assumed."""
        return not (self.deals or self.lost_lines or self.lost_clients or self.extra)


def known(facts: ClientFacts, day: date) -> ClientFacts:
    """What is known of a client on the day: deals closed up to it, and every service and cancellation, those to come too."""
    return replace(facts, deals=tuple(deal for deal in facts.deals if deal.closed_on is None or deal.closed_on <= day))


def planned(client_id: str, facts: ClientFacts, plan: Assumptions, day: date) -> ClientFacts:
    """The known facts with what the plan assumes of this client. Deals that are no longer open are left alone."""
    certain = known(facts, day)
    won = [
        replace(deal, stage=Stage.WON, closed_on=plan.deals[deal.deal_id])
        for deal in facts.deals
        if deal.stage == Stage.OPEN and deal.deal_id in plan.deals
    ]
    assumed = {deal.deal_id for deal in won}
    lost = [CancellationFact(line, on) for (client, line), on in plan.lost_lines.items() if client == client_id]
    if client_id in plan.lost_clients:
        lost.append(CancellationFact("", plan.lost_clients[client_id]))
    return replace(
        certain,
        deals=(*(deal for deal in certain.deals if deal.deal_id not in assumed), *won),
        cancellations=(*certain.cancellations, *lost),
    )


def extra_facts(deal: ExtraDeal, rulebook: Rulebook) -> ClientFacts:
    """The facts of a client that has this one deal."""
    market = rulebook.growth_market(deal.closes_on)
    country = min(market.countries) if deal.growth and market is not None and market.countries else ANYWHERE
    sale = DealFact("plan", "plan", DealKind.NEW, deal.origin, Stage.WON, deal.amount, deal.currency, deal.closes_on)
    service = ServiceFact(deal.closes_on, None, deal.amount, deal.currency, 1 + deal.others)
    return ClientFacts(country, (sale,), (service,) if deal.manage else ())


def changes_of(
    clients: Iterable[tuple[str, ClientFacts]], plan: Assumptions, rulebook: Rulebook, day: date, until: date
) -> list[Change]:
    """By how much the plan changes the points of every day after `day`, as signed changes by day and track.

    Raises UnknownCurrencyError as the engine does.
    """
    found: list[Change] = []
    for client_id, facts in clients:
        for sign, each in ((-1, known(facts, day)), (1, planned(client_id, facts, plan, day))):
            found += [(row.on, row.track, sign * row.points) for row in entries(each, rulebook, until) if row.on > day]
    for deal in plan.extra:
        found += [(row.on, row.track, row.points) for row in entries(extra_facts(deal, rulebook), rulebook, until)]
    return found
