"""The points engine: from the facts of one client to the ledger entries that should exist (`docs/points.md` 3 and 12).

Pure: no Django, no clock; for the future, pass a later day. Odd facts (a downgrade of a line never sold, a cancellation
before the sale, overlapping services) never raise; only a currency without a fixed amount does.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from heapq import heappop, heappush
from typing import TypedDict, Unpack

from ledger.records import (
    ClientFacts,
    DealFact,
    DealLife,
    Entry,
    Lot,
    ManagedState,
    ServiceFact,
)
from partner_portal.lib.rounding import half_even
from program.rulebook import Rulebook, exact, posted, posted_points
from program.terms import SALES, TRACK_OF_ORIGIN, Cause, DealKind, LotState, Stage, Track

SHARE_PLACES = 6
_ZERO = Decimal(0)
_WHOLE = Fraction(1)


def entries(facts: ClientFacts, rulebook: Rulebook, until: date) -> tuple[Entry, ...]:
    """All entries that should exist up to the day, included, in the order in which they happen.

    Within a day: expiries, cancellations, downgrades by deal id, earned lots by deal id, then the managed change;
    losses of one event by the lot's deal id. Entries up to a day are always a beginning of those up to a later one.

    Raises:
        UnknownCurrencyError: a won deal or a service is in a currency without a fixed amount on its day.
    """
    walk = _SoldWalk(facts, rulebook, until)
    managed = _managed_entries(facts, rulebook, until)
    # The sort is stable: sold before managed within a day.
    return tuple(sorted(walk.entries + managed, key=lambda entry: entry.on) if managed else walk.entries)


def lots(facts: ClientFacts, rulebook: Rulebook, on: date) -> tuple[Lot, ...]:
    """All lots earned up to the day, by day and deal id, in their state at its end. Raises UnknownCurrencyError."""
    walk = _SoldWalk(facts, rulebook, on)
    losses: dict[str, list[Entry]] = {}
    for entry in walk.entries:
        if entry.cause != Cause.EARNED and entry.deal_id is not None:
            losses.setdefault(entry.deal_id, []).append(entry)
    return tuple(lot.finished(tuple(losses.get(lot.deal.deal_id, ()))) for lot in walk.lots)


def deal_lives(facts: ClientFacts, rulebook: Rulebook, until: date) -> tuple[DealLife, ...]:
    """All won sales closed up to the day, of any origin, with downgrades and cancellations up to that day."""
    walk = _SoldWalk(facts, rulebook, until)
    return tuple(DealLife(sale.deal, sale.closed_on, tuple(sale.cuts), sale.cancelled_on) for sale in walk.sales)


def lines_in_force(facts: ClientFacts, on: date) -> frozenset[str]:
    """The product lines sold by a won deal up to the day and not cancelled since, at its end."""
    sold: dict[str, date] = {}
    for deal in facts.deals:
        if deal.stage == Stage.WON and deal.kind in SALES and deal.closed_on is not None and deal.closed_on <= on:
            sold[deal.product_line] = max(sold.get(deal.product_line, deal.closed_on), deal.closed_on)
    return frozenset(
        line
        for line, last_sale in sold.items()
        if not any(
            cancellation.product_line in ("", line) and last_sale < cancellation.cancelled_on <= on
            for cancellation in facts.cancellations
        )
    )


def managed(facts: ClientFacts, rulebook: Rulebook, on: date) -> ManagedState:
    """The managed state at the end of the day. Raises UnknownCurrencyError."""
    points = _ZERO
    mrr = Fraction(0)
    services = []
    for span in _spans(facts, rulebook, on):
        if span.end is None or on < span.end:
            points += span.points
            mrr += rulebook.points_dollars(span.service.mrr, span.service.currency, span.start) / span.partners
            services.append(span.service)
    return ManagedState(points, mrr, tuple(services))


# Sold tracks


@dataclass(slots=True)
class _Sale:
    """A won sale during the walk."""

    deal: DealFact
    closed_on: date
    left: Fraction = _WHOLE  #: the exact part that downgrades and cancellations have left
    cuts: list[tuple[date, Fraction]] = field(default_factory=list)
    cancelled_on: date | None = None


class _Why(TypedDict, total=False):
    """What explains a loss, in the fields of `Entry`."""

    cancelled_line: str
    by_deal_id: str
    amount: Decimal
    currency: str
    per_unit: Decimal
    share: Decimal


@dataclass(slots=True)
class _RunningLot:
    """A lot during the walk, as `ledger.records.Lot`."""

    deal: DealFact
    earning: Entry
    remaining: Decimal
    retained: Decimal
    active: bool = True
    cancelled_on: date | None = None

    def lose(self, points: Decimal, on: date, cause: Cause, **why: Unpack[_Why]) -> Entry:
        """Subtract the points and return the entry. Expiry does not reduce `retained`."""
        before = self.remaining
        self.remaining -= points
        if cause != Cause.EXPIRED:
            self.retained -= points
        earning = self.earning
        return Entry(
            earning.track,
            -points,
            on,
            cause,
            earning.deal_id,
            before=before,
            lot_points=earning.points,
            earned_on=earning.on,
            **why,
        )

    def finished(self, losses: tuple[Entry, ...]) -> Lot:
        """The lot at the end of the walk, with the entries that took from it."""
        if self.cancelled_on is not None:
            state = LotState.LOST
        elif not self.active:
            state = LotState.LOST if self.earning.points and not self.retained else LotState.EXPIRED
        elif self.remaining == self.earning.points:
            state = LotState.ACTIVE
        else:
            state = LotState.PARTLY_LOST if self.remaining else LotState.LOST
        return Lot(self.deal, self.earning, self.remaining, self.retained, self.cancelled_on, state, losses)


@dataclass(slots=True)
class _Line:
    """A product line during the walk, since it was sold."""

    sold_on: date | None = None  #: None while it is not sold
    size: Fraction = Fraction(0)  #: in units of US$100, without `added`
    added: list[tuple[Decimal, Decimal]] = field(
        default_factory=list
    )  #: amounts and per_unit of sales; few lines ever need them
    sales: list[_Sale] = field(default_factory=list)
    lots: list[_RunningLot] = field(default_factory=list)


_CANCELLATION, _DOWNGRADE, _SALE = range(3)


class _SoldWalk:
    """One pass over the sold tracks of a client, in the order in which events count (points.md 3)."""

    def __init__(self, facts: ClientFacts, rulebook: Rulebook, until: date) -> None:
        self.entries: list[Entry] = []
        self.lots: list[_RunningLot] = []
        self.sales: list[_Sale] = []
        self._country = facts.country
        self._rulebook = rulebook
        self._lines: dict[str, _Line] = {}
        self._expiries: list[tuple[date, str, int]] = []  # a heap of (day, deal id, index in `lots`)
        for on, what, name, deal in sorted(_events(facts, until), key=lambda event: event[:3]):
            self._expire(on)
            if deal is None:
                self._cancel(on, name)
            elif what == _DOWNGRADE:
                self._downgrade(on, deal)
            else:
                self._sell(on, deal)
        self._expire(until)

    def _expire(self, until: date) -> None:
        while self._expiries and self._expiries[0][0] <= until:
            on, _, number = heappop(self._expiries)
            lot = self.lots[number]
            if lot.active:
                lot.active = False
                if lot.remaining:
                    self.entries.append(lot.lose(lot.remaining, on, Cause.EXPIRED))

    def _cancel(self, on: date, name: str) -> None:
        lines = self._lines.values() if name == "" else [self._lines[name]] if name in self._lines else []
        lost = []
        for line in lines:
            for sale in line.sales:
                sale.left = Fraction(0)
                sale.cuts.append((on, sale.left))
                sale.cancelled_on = on
            lost += [lot for lot in line.lots if lot.active]
            line.sold_on, line.size, line.added, line.sales, line.lots = None, Fraction(0), [], [], []
        for lot in sorted(lost, key=lambda lot: lot.deal.deal_id):
            lot.active = False
            lot.cancelled_on = on
            if lot.remaining:
                self.entries.append(lot.lose(lot.remaining, on, Cause.CHURNED, cancelled_line=name))

    def _downgrade(self, on: date, deal: DealFact) -> None:
        line = self._lines.get(deal.product_line)
        if line is None or line.sold_on is None:
            return
        per_unit = self._rulebook.per_unit(deal.currency, on)
        unit = Fraction(deal.mrr) / exact(per_unit)
        line.size += sum((Fraction(amount) / exact(by) for amount, by in line.added), Fraction(0))
        line.added = []
        share = min(_WHOLE, unit / line.size) if line.size > 0 else _WHOLE
        line.size -= unit
        for sale in line.sales:
            sale.left *= 1 - share
            sale.cuts.append((on, sale.left))
        line.lots = [lot for lot in line.lots if lot.active]
        shown = half_even(share, SHARE_PLACES)
        for lot in sorted(line.lots, key=lambda lot: lot.deal.deal_id):
            points = posted(Fraction(lot.remaining) * share)
            if points:
                self.entries.append(
                    lot.lose(
                        points,
                        on,
                        Cause.DOWNGRADED,
                        by_deal_id=deal.deal_id,
                        amount=deal.mrr,
                        currency=deal.currency,
                        per_unit=per_unit,
                        share=shown,
                    )
                )

    def _sell(self, on: date, deal: DealFact) -> None:
        rulebook = self._rulebook
        line = self._lines.setdefault(deal.product_line, _Line())
        if line.sold_on is None:
            line.sold_on = on
        per_unit = rulebook.per_unit(deal.currency, on)
        line.added.append((deal.mrr, per_unit))
        sale = _Sale(deal, on)
        line.sales.append(sale)
        self.sales.append(sale)
        track = TRACK_OF_ORIGIN.get(deal.origin)
        if track is None:
            return
        rate = rulebook.rate(deal.origin, line.sold_on)
        factor = rulebook.factor(self._country, on)
        points = posted_points(deal.mrr, per_unit, rate, factor)
        expires_on = rulebook.expires_on(on)
        earning = Entry(
            track,
            points,
            on,
            Cause.EARNED,
            deal.deal_id,
            expires_on=expires_on,
            amount=deal.mrr,
            currency=deal.currency,
            per_unit=per_unit,
            rate=rate,
            factor=factor,
            line_sold_on=line.sold_on,
        )
        if points:
            self.entries.append(earning)
        lot = _RunningLot(deal, earning, points, points)
        line.lots.append(lot)
        heappush(self._expiries, (expires_on, deal.deal_id, len(self.lots)))
        self.lots.append(lot)


type _Event = tuple[date, int, str, DealFact | None]


def _events(facts: ClientFacts, until: date) -> Iterator[_Event]:
    """Events up to the day as (day, order within the day, deal id or cancelled line, deal), without expiries."""
    for cancellation in facts.cancellations:
        if cancellation.cancelled_on <= until:
            yield cancellation.cancelled_on, _CANCELLATION, cancellation.product_line, None
    for deal in facts.deals:
        if deal.stage == Stage.WON and deal.closed_on is not None and deal.closed_on <= until:
            if deal.kind in SALES:
                yield deal.closed_on, _SALE, deal.deal_id, deal
            elif deal.kind == DealKind.DOWNGRADE:
                yield deal.closed_on, _DOWNGRADE, deal.deal_id, deal


# Managed track


@dataclass(frozen=True, slots=True)
class _Span:
    """A service for the days on which it counts: a cancellation of the whole client ends it early."""

    service: ServiceFact
    start: date
    end: date | None
    per_unit: Decimal
    factor: Decimal
    partners: int
    points: Decimal


def _whole_cancellations(facts: ClientFacts) -> list[date]:
    return sorted({row.cancelled_on for row in facts.cancellations if row.product_line == ""})


def _spans(facts: ClientFacts, rulebook: Rulebook, until: date) -> Iterator[_Span]:
    """The spans of the services that started up to the day and are in force for at least a day.

    Fewer than one managing partner counts as one: the partner itself.
    """
    cancelled = _whole_cancellations(facts)
    for service in facts.services:
        start, end = service.started_on, service.ended_on
        later = bisect_right(cancelled, start)  # a service that starts on the day of a cancellation survives it
        if later < len(cancelled) and (end is None or cancelled[later] < end):
            end = cancelled[later]
        if start > until or (end is not None and end <= start):
            continue
        per_unit = rulebook.per_unit(service.currency, start)
        factor = rulebook.factor(facts.country, start)
        partners = max(1, service.managing_partners)
        points = posted_points(service.mrr, per_unit, rulebook.managed_rate, factor, partners)
        yield _Span(service, start, end, per_unit, factor, partners, points)


def _managed_entries(facts: ClientFacts, rulebook: Rulebook, until: date) -> list[Entry]:
    """One entry a day on which the managed state changes."""
    if not facts.services:
        return []
    starts: dict[date, list[_Span]] = {}
    ends: dict[date, list[_Span]] = {}
    for span in _spans(facts, rulebook, until):
        starts.setdefault(span.start, []).append(span)
        if span.end is not None:
            ends.setdefault(span.end, []).append(span)
    cancelled = set(_whole_cancellations(facts))
    entries = []
    in_force: list[_Span] = []
    before = _ZERO
    for on in sorted(starts.keys() | ends.keys()):
        if on > until:
            break
        ended = ends.get(on, ())
        in_force = [span for span in in_force if span not in ended] + starts.get(on, [])
        after = sum((span.points for span in in_force), _ZERO)
        if after != before:
            entries.append(_managed_entry(on, before, after, in_force, rulebook.managed_rate, whole=on in cancelled))
        before = after
    return entries


def _managed_entry(
    on: date, before: Decimal, after: Decimal, spans: list[_Span], rate: Decimal, *, whole: bool
) -> Entry:
    points = after - before
    if points > 0:
        cause = Cause.RAISED if before > 0 else Cause.EARNED
    elif whole:
        cause = Cause.CHURNED
    else:
        cause = Cause.REDUCED if after > 0 else Cause.ENDED
    cancelled_line = "" if cause == Cause.CHURNED else None
    if len(spans) != 1:
        return Entry(Track.MANAGED, points, on, cause, before=before, cancelled_line=cancelled_line)
    span = spans[0]
    return Entry(
        Track.MANAGED,
        points,
        on,
        cause,
        before=before,
        amount=span.service.mrr,
        currency=span.service.currency,
        per_unit=span.per_unit,
        rate=rate,
        factor=span.factor,
        partners=span.partners,
        cancelled_line=cancelled_line,
    )
