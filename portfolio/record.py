"""Reads the record of one client: its lots, services, renewals and state, and why it brings no points."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from django.db.models import Sum
from django.http import Http404

from accounts.scope import Scope
from clients.models import Cancellation, Client, Deal, MrrMonth
from ledger.client_states import ClientState, MrrFact, RenewalFact, client_state
from ledger.engine import lots, managed
from ledger.facts_of_clients import facts_of
from ledger.models import PointEntry
from ledger.queries import ZERO
from ledger.records import ClientFacts, Computation, Lot, ServiceFact
from ledger.series import PointTotals, without
from ledger.state_text import state_text
from ledger.why_text import why, working
from partner_portal.lib.collation import SortKey
from partner_portal.lib.shown_places import close_places, common_places
from program.queries import rulebook
from program.rulebook import Rulebook, managed_points, posted
from program.terms import RenewalStatus, Track
from renewals.models import Renewal
from tiers import rules
from tiers.measures import measures_of_day
from tiers.no_points_reasons import Uncounted, uncounted
from tiers.queries import credited_on, history
from tiers.rules import PortfolioMeasures, TierGap

NONE = Decimal("0.0000")


@dataclass(frozen=True, slots=True)
class ShownLot:
    """A lot with sentences about its history."""

    lot: Lot
    deal_name: str
    #: How it was earned.
    earned: str
    #: Day, points and sentence of every loss, oldest first.
    losses: tuple[tuple[date, Decimal, str], ...]


@dataclass(frozen=True, slots=True)
class ShownService:
    """A service with its points and its state on the day."""

    service: ServiceFact
    #: Managed points while it is in force.
    points: Decimal
    #: How they are calculated; "" for a reader who may not see money.
    working: str
    #: `in_force`, `ended`, `cancelled` or `coming`.
    state: str
    #: The day on which it ends or was cancelled; None: no end is known.
    until: date | None


@dataclass(frozen=True, slots=True)
class WithoutClient:
    """The standing of the day without this client's points."""

    #: The performance tier without them; None: untiered.
    performance: str | None
    #: Whether it is the same as with them.
    stays: bool
    #: The gap to the credited tier (or the one reached), with and without the client's points; None when untiered.
    before: TierGap | None
    after: TierGap | None


@dataclass(frozen=True)
class ClientRecord:
    """A client at the end of a day."""

    client: Client
    day: date
    #: Whether its country is a growth market, and its factor.
    growth: bool
    factor: Decimal
    points: PointTotals
    #: The points of all clients.
    partner_total: Decimal
    state: ClientState
    #: The facts that decide its state, as a sentence.
    state_text: str
    #: Latest first.
    lots: Sequence[ShownLot]
    #: Latest first.
    services: Sequence[ShownService]
    #: Why it brings no points.
    uncounted: Uncounted
    #: None for a client without points.
    without: WithoutClient | None
    #: All deals, latest first.
    deals: Sequence[Deal]
    #: All renewals, soonest first.
    renewals: Sequence[Renewal]
    #: All cancellations, latest first.
    cancellations: Sequence[Cancellation]

    @cached_property
    def places(self) -> int:
        """The decimals with which the client's tracks, sales and services add up to its points."""
        points = self.points
        managed = [shown.points for shown in self.services if shown.state == "in_force"]
        sums: list[tuple[Decimal, list[Decimal]]] = [
            (points.total, [points.sold, points.managed]),
            (points.sold, [points.sourced, points.assisted]),
            (points.sold, [shown.lot.remaining for shown in self.lots]),
            (self.earned, [shown.lot.earned for shown in self.lots]),
            (points.managed, managed),
        ]
        return common_places(sums, max(close_places(total) for total, _parts in sums))

    @cached_property
    def share(self) -> Decimal | None:
        """The client's part of all points; None when there are none."""
        return self.points.total / self.partner_total if self.partner_total else None

    @property
    def crm_url(self) -> str:
        """The URL of the client's record in the CRM; "" unless it is http or https."""
        url = self.client.crm_url
        return url if url.lower().startswith(("https://", "http://")) else ""

    @cached_property
    def active_lots(self) -> int:
        """The number of lots that still have points."""
        return sum(1 for shown in self.lots if shown.lot.remaining)

    @cached_property
    def earned(self) -> Decimal:
        """Points of all lots when they were earned."""
        return sum((shown.lot.earned for shown in self.lots), NONE)

    @cached_property
    def next_expiry(self) -> tuple[date, Decimal] | None:
        """The next day on which points expire, and how many; None when none will."""
        open_lots = [shown.lot for shown in self.lots if shown.lot.remaining]
        if not open_lots:
            return None
        first = min(lot.expires_on for lot in open_lots)
        return first, sum((lot.remaining for lot in open_lots if lot.expires_on == first), NONE)

    @cached_property
    def since(self) -> date | None:
        """The first day of a sale to the client or of a service for it; None without any up to the day."""
        days = [shown.lot.earned_on for shown in self.lots] + [shown.service.started_on for shown in self.services]
        return min((day for day in days if day <= self.day), default=None)


def client_of(scope: Scope, client_id: str) -> Client:
    """The partner's client with that id. Raises Http404."""
    client = Client.objects.filter(partner=scope.partner, client_id=client_id).first()
    if client is None:
        raise Http404("no such client")
    return client


def client_record(scope: Scope, client_id: str, day: date) -> ClientRecord:
    """Everything about the client on `day`, as the facts are known today. A constant number of queries. Raises Http404."""
    client = client_of(scope, client_id)
    book = rulebook(scope)
    deals = list(Deal.objects.filter(partner=scope.partner, client=client).order_by("-created_on", "deal_id"))
    renewals = list(
        Renewal.objects.filter(partner=scope.partner, client=client).order_by("renews_on", SortKey("product_line"))
    )
    cancellations = list(Cancellation.objects.filter(partner=scope.partner, client=client).order_by("-cancelled_on"))
    facts = facts_of(scope, client, deals, cancellations)
    sums = dict(
        PointEntry.objects.filter(partner=scope.partner, client=client, on__lte=day)
        .order_by()
        .values_list("track")
        .annotate(Sum("points"))
    )
    points = PointTotals(**{track.value: sums.get(track, ZERO) for track in Track})
    state = _state(scope, client, facts, renewals, day)
    names = {deal.deal_id: deal.name for deal in deals}
    return ClientRecord(
        client=client,
        day=day,
        growth=book.is_growth(client.country, day),
        factor=book.factor(client.country, day),
        points=points,
        partner_total=measures_of_day(scope, day).points.figures(day).total,
        state=state,
        state_text=state_text(state),
        lots=_lots(facts, book, day, names, with_money=scope.may_see_money),
        services=_services(facts, book, day, with_money=scope.may_see_money),
        uncounted=uncounted(facts, book, day),
        without=_without(scope, points, day) if points.total else None,
        deals=deals,
        renewals=renewals,
        cancellations=cancellations,
    )


def _state(scope: Scope, client: Client, facts: ClientFacts, renewals: Sequence[Renewal], day: date) -> ClientState:
    months = MrrMonth.objects.filter(partner=scope.partner, client=client).values_list("month", "mrr")
    return client_state(
        facts,
        [MrrFact(month, mrr) for month, mrr in months],
        [RenewalFact(row.renews_on, row.status == RenewalStatus.PENDING) for row in renewals],
        day,
    )


def _lots(
    facts: ClientFacts, book: Rulebook, day: date, names: dict[str, str], *, with_money: bool
) -> tuple[ShownLot, ...]:
    shown_lots = [
        ShownLot(
            lot,
            names.get(lot.deal.deal_id, ""),
            why(lot.earning, with_money=with_money),
            tuple((loss.on, loss.points, why(loss, with_money=with_money)) for loss in lot.losses),
        )
        for lot in lots(facts, book, day)
    ]
    return tuple(sorted(shown_lots, key=lambda shown: (shown.lot.earned_on, shown.lot.deal.deal_id), reverse=True))


def _services(facts: ClientFacts, book: Rulebook, day: date, *, with_money: bool) -> tuple[ShownService, ...]:
    in_force = managed(facts, book, day).services
    shown_services = []
    for service in sorted(facts.services, key=lambda service: service.started_on, reverse=True):
        per_unit = book.per_unit(service.currency, service.started_on)
        factor = book.factor(facts.country, service.started_on)
        partners = max(1, service.managing_partners)
        unit = book.unit(service.mrr, service.currency, service.started_on)
        points = posted(managed_points(unit, book.managed_rate, factor, partners))
        computation = Computation(
            service.mrr, service.currency, per_unit, book.managed_rate, Track.MANAGED, factor, points, partners
        )
        sentence = working(computation) if with_money else ""
        cancelled = min(
            (
                row.cancelled_on
                for row in facts.cancellations
                if row.product_line == ""
                and service.started_on < row.cancelled_on
                and (service.ended_on is None or row.cancelled_on < service.ended_on)
            ),
            default=None,
        )
        state = "in_force" if service in in_force else "coming" if service.started_on > day else "ended"
        if state == "ended" and cancelled is not None and cancelled <= day:
            state = "cancelled"
        shown_services.append(ShownService(service, points, sentence, state, cancelled or service.ended_on))
    return tuple(shown_services)


def _without(scope: Scope, points: PointTotals, day: date) -> WithoutClient:
    book = rulebook(scope)
    measures = measures_of_day(scope, day)
    taken = {Track.SOURCED: points.sourced, Track.ASSISTED: points.assisted, Track.MANAGED: points.managed}
    less = PortfolioMeasures(without(measures.points, taken, day), measures.certification, measures.others)
    held = credited_on(history(scope, day)).tier or rules.performance(measures, book, day)
    rule_set = book.rule_set(day)
    tier = rule_set.tier(held) if rule_set is not None and held is not None else None
    performance = rules.performance(less, book, day)
    return WithoutClient(
        performance,
        performance == rules.performance(measures, book, day),
        None if tier is None else rules.gap(tier, measures, day),
        None if tier is None else rules.gap(tier, less, day),
    )
