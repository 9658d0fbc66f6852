"""The assumptions of a tier plan, and the changes of points that they cause (docs/points.md 3, 10).

Pure. A plan adds facts to those of a client; the points come from the engine that the ledger is posted with.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

from ledger.engine import entries
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from program.rulebook import Rulebook
from program.terms import DealKind, Origin, Stage, Track

type PointChange = tuple[date, Track, Decimal]  # signed points of a track on a day
MOST_ASSUMPTIONS = 200  # in one plan, of all kinds together
ANYWHERE = "ZZ"  # a country that is in no list of growth markets


@dataclass(frozen=True, slots=True)
class ExtraDeal:
    """A hypothetical deal: a new line of a new client."""

    #: MRR in `currency`.
    amount: Decimal
    currency: str
    origin: Origin
    #: Whether the client is in a growth market.
    growth: bool
    closes_on: date
    #: Whether we also manage it from that day on.
    manage: bool = False
    #: The number of other managing partners.
    others: int = 0


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The assumptions of a plan."""

    #: Open deals by id, and the day on which they are won.
    deals: Mapping[str, date]
    #: Renewals lost, by client id and product line, and the day on which the line is cancelled.
    lost_lines: Mapping[tuple[str, str], date]
    #: Clients that cancel altogether, by id, and the day.
    lost_clients: Mapping[str, date]
    #: Hypothetical deals.
    extra: tuple[ExtraDeal, ...] = ()

    @property
    def gains(self) -> "Assumptions":
        """The assumptions without the losses."""
        return replace(self, lost_lines={}, lost_clients={})

    @property
    def losses(self) -> "Assumptions":
        """The assumptions without the gains."""
        return replace(self, deals={}, extra=())

    @property
    def count(self) -> int:
        """The number of assumptions of all kinds together."""
        return len(self.deals) + len(self.lost_lines) + len(self.lost_clients) + len(self.extra)

    @property
    def client_ids(self) -> set[str]:
        """The clients that lose a line or cancel."""
        return {client for client, _line in self.lost_lines} | set(self.lost_clients)

    def first(self, most: int) -> "Assumptions":
        """The first `most` assumptions: hypothetical deals, then open deals, lost lines and lost clients in their order."""
        extra = self.extra[:most]
        left = most - len(extra)
        deals = dict(islice(self.deals.items(), left))
        left -= len(deals)
        lines = dict(islice(self.lost_lines.items(), left))
        left -= len(lines)
        return Assumptions(deals, lines, dict(islice(self.lost_clients.items(), left)), extra)

    def with_lines(self, shown: Callable[[str], str]) -> "Assumptions":
        """The assumptions with the lost product lines by the names that `shown` answers; the earlier day of two that are one."""
        lines: dict[tuple[str, str], date] = {}
        for (client, line), on in self.lost_lines.items():
            key = (client, shown(line))
            lines[key] = min(on, lines.get(key, on))
        return replace(self, lost_lines=lines)

    @property
    def empty(self) -> bool:
        """Whether nothing is assumed."""
        return not self.count


def known(facts: ClientFacts, day: date) -> ClientFacts:
    """The facts known on the day: deals that are open or closed by then, and all services and cancellations, future ones too."""
    return replace(facts, deals=tuple(deal for deal in facts.deals if deal.closed_on is None or deal.closed_on <= day))


def planned(client_id: str, facts: ClientFacts, plan: Assumptions, day: date) -> ClientFacts:
    """The known facts with what the plan assumes about this client. Deals that are no longer open stay as they are."""
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
    """The facts of a new client with this deal only."""
    market = rulebook.growth_market(deal.closes_on)
    country = min(market.countries) if deal.growth and market is not None and market.countries else ANYWHERE
    sale = DealFact("plan", "plan", DealKind.NEW, deal.origin, Stage.WON, deal.amount, deal.currency, deal.closes_on)
    service = ServiceFact(deal.closes_on, None, deal.amount, deal.currency, 1 + deal.others)
    return ClientFacts(country, (sale,), (service,) if deal.manage else ())


def changes_of(
    clients: Iterable[tuple[str, ClientFacts]], plan: Assumptions, rulebook: Rulebook, day: date, until: date
) -> list[PointChange]:
    """The point changes after `day`, up to `until`, that the plan causes: with the plan minus without it.

    clients: the clients that the plan mentions, by id, with their facts. Raises UnknownCurrencyError as the engine does.
    """
    changes: list[PointChange] = []
    for client_id, facts in clients:
        for sign, variant in ((-1, known(facts, day)), (1, planned(client_id, facts, plan, day))):
            posted = entries(variant, rulebook, until)
            changes += [(entry.on, entry.track, sign * entry.points) for entry in posted if entry.on > day]
    for deal in plan.extra:
        posted = entries(extra_facts(deal, rulebook), rulebook, until)
        changes += [(entry.on, entry.track, entry.points) for entry in posted]
    return changes


def to_json(assumed: Assumptions) -> dict[str, object]:
    """Assumptions as plain JSON values; `from_json` is its inverse."""
    return {
        "deals": {deal: on.isoformat() for deal, on in sorted(assumed.deals.items())},
        "lost_lines": [[client, line, on.isoformat()] for (client, line), on in sorted(assumed.lost_lines.items())],
        "lost_clients": {client: on.isoformat() for client, on in sorted(assumed.lost_clients.items())},
        "extra": [
            {
                "amount": f"{deal.amount:f}",
                "currency": deal.currency,
                "origin": deal.origin,
                "growth": deal.growth,
                "closes_on": deal.closes_on.isoformat(),
                "manage": deal.manage,
                "others": deal.others,
            }
            for deal in assumed.extra
        ],
    }


def from_json(stored: Mapping[str, Any]) -> Assumptions:
    """The assumptions that `to_json` wrote; a part that is missing is empty."""
    return Assumptions(
        {deal: date.fromisoformat(on) for deal, on in stored.get("deals", {}).items()},
        {(client, line): date.fromisoformat(on) for client, line, on in stored.get("lost_lines", [])},
        {client: date.fromisoformat(on) for client, on in stored.get("lost_clients", {}).items()},
        tuple(
            ExtraDeal(
                amount=Decimal(row["amount"]),
                currency=row["currency"],
                origin=Origin(row["origin"]),
                growth=row["growth"],
                closes_on=date.fromisoformat(row["closes_on"]),
                manage=row["manage"],
                others=row["others"],
            )
            for row in stored.get("extra", [])
        ),
    )
