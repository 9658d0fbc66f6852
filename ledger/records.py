"""What the engine reads and what it gives back: facts of one client, entries, lots, sales through time.

Pure values, all frozen. Rules: `docs/points.md` 3, 4 and 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from program.terms import Cause, DealKind, LotState, Origin, Stage, Track

_ZERO = Decimal(0)
_WHOLE = Fraction(1)
# A look-up here costs a tenth of what `DealKind(text)` does, and a posting reads every deal of the partner.
_KINDS = {kind.value: kind for kind in DealKind}
_ORIGINS = {origin.value: origin for origin in Origin}
_STAGES = {stage.value: stage for stage in Stage}


@dataclass(frozen=True, slots=True)
class DealFact:
    """One deal of the client; `mrr` is positive, for a downgrade the size of the reduction."""

    deal_id: str
    product_line: str
    kind: DealKind
    origin: Origin
    stage: Stage
    mrr: Decimal
    currency: str
    closed_on: date | None

    @classmethod
    def read(
        cls, deal_id: str, line: str, kind: str, origin: str, stage: str, mrr: Decimal, currency: str, on: date | None
    ) -> "DealFact":
        """The deal of a row of the database or of a file, in the order of the fields. Raises KeyError for an unknown term."""
        return cls(deal_id, line, _KINDS[kind], _ORIGINS[origin], _STAGES[stage], mrr, currency, on)


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """A managed service, in force from `started_on` until the day before `ended_on` (None: for ever)."""

    started_on: date
    ended_on: date | None
    mrr: Decimal
    currency: str
    managing_partners: int


@dataclass(frozen=True, slots=True)
class CancellationFact:
    """A cancelled product line; an empty `product_line` is the whole client."""

    product_line: str
    cancelled_on: date


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """Everything about one client that points depend on, in any order."""

    country: str
    deals: Sequence[DealFact] = ()
    services: Sequence[ServiceFact] = ()
    cancellations: Sequence[CancellationFact] = ()


@dataclass(frozen=True, slots=True)
class Computation:
    """Points as they are worked out (`docs/points.md` 3): amount / per_unit x rate x factor, and / partners when managed."""

    amount: Decimal  # MRR in `currency`
    currency: str
    per_unit: Decimal  # the amount of the currency that stands for US$100
    rate: Decimal
    track: Track | Origin
    factor: Decimal  # of the market
    points: Decimal
    partners: int | None = None  # who share a managed client; None for sold points


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of points, and what its why-sentence needs as flat values. `key` is unique within a client.

    points: signed, 4 decimals; on: the day it counts; cause: why.
    deal_id: the lot's deal (None for managed); by_deal_id: the downgrade that took the points.
    expires_on: of an earned lot, the first day it no longer counts.
    before: the points of the lot (or of the managed state) before this entry; `after` is the sum.
    lot_points, earned_on: of a sold loss, what its lot earned and when.
    amount, currency, per_unit, rate, factor: the computation, `amount / per_unit x rate x factor`. On a managed entry
    it is that of the one service in force after the change (partners: its managing partners); on a downgrade, amount,
    currency and per_unit are the size of the reduction. None where there is no such computation.
    line_sold_on: of an earned lot, the day its product line was sold, which decides the rate.
    share: of a downgrade, the part that every lot of the line lost, rounded to 6 decimals for words and columns only;
    the points come from the exact fraction.
    cancelled_line: of a churned entry, the product line that was cancelled, "" for the whole client.
    """

    track: Track
    points: Decimal
    on: date
    cause: Cause
    deal_id: str | None = None
    by_deal_id: str | None = None
    expires_on: date | None = None
    before: Decimal = _ZERO
    lot_points: Decimal | None = None
    earned_on: date | None = None
    amount: Decimal | None = None
    currency: str = ""
    per_unit: Decimal | None = None
    rate: Decimal | None = None
    factor: Decimal | None = None
    partners: int | None = None
    line_sold_on: date | None = None
    share: Decimal | None = None
    cancelled_line: str | None = None

    @property
    def after(self) -> Decimal:
        """The points of the lot (or of the managed state) after this entry."""
        return self.before + self.points

    @property
    def key(self) -> tuple[Track, date, Cause, str, str]:
        """What an entry is about: two entries of one client never share it, whatever their points are."""
        return (self.track, self.on, self.cause, self.deal_id or "", self.by_deal_id or "")


@dataclass(frozen=True, slots=True)
class Lot:
    """A sold lot as it stands at the end of a day.

    earning: the entry that earned it (not posted when it rounds to 0 points). remaining, kept: points; `kept` is what
    downgrades and cancellations left of it, which expiry does not reduce. losses: the entries that name it, in order.
    """

    deal: DealFact
    earning: Entry
    remaining: Decimal
    kept: Decimal
    cancelled_on: date | None
    state: LotState
    losses: tuple[Entry, ...]

    @property
    def track(self) -> Track:
        """`sourced` or `assisted`."""
        return self.earning.track

    @property
    def earned(self) -> Decimal:
        """The points it brought."""
        return self.earning.points

    @property
    def earned_on(self) -> date:
        """The day its deal closed."""
        return self.earning.on

    @property
    def expires_on(self) -> date:
        """The first day on which it no longer counts."""
        return self.earning.expires_on or date.max


@dataclass(frozen=True, slots=True)
class DealLife:
    """A won sale through time, past the life of its lot: commission runs longer than points do.

    cuts: days on which a downgrade or the cancellation of the line took something, each with the exact part of the deal
    that is left from the end of that day on. cancelled_on: the day its line was cancelled, if it was.
    """

    deal: DealFact
    closed_on: date
    cuts: tuple[tuple[date, Fraction], ...]
    cancelled_on: date | None

    def share(self, on: date) -> Fraction:
        """The part of the deal in force at the end of the day: 0 before it closed and after its line was cancelled."""
        if on < self.closed_on:
            return Fraction(0)
        left = _WHOLE
        for day, part in self.cuts:
            if day > on:
                break
            left = part
        return left


@dataclass(frozen=True, slots=True)
class ManagedState:
    """Managed points in force at the end of a day, the services that bring them, and their MRR in points-dollars
    divided by managing partners (exact)."""

    points: Decimal
    mrr: Fraction
    services: tuple[ServiceFact, ...]
