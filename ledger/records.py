"""Records that the engine reads and returns: facts of one client, entries, lots and sales (`docs/points.md` 3, 4 and 12).

Pure: frozen values without Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from program.terms import Cause, DealKind, LotState, Origin, Stage, Track

_ZERO = Decimal(0)
_WHOLE = Fraction(1)
# A lookup here costs a tenth of `DealKind(text)`, and a posting reads every deal of the partner.
_KINDS = {kind.value: kind for kind in DealKind}
_ORIGINS = {origin.value: origin for origin in Origin}
_STAGES = {stage.value: stage for stage in Stage}


@dataclass(frozen=True, slots=True)
class DealFact:
    """A deal of the client."""

    deal_id: str
    product_line: str
    kind: DealKind
    origin: Origin
    stage: Stage
    #: Above zero; the size of the reduction for a downgrade.
    mrr: Decimal
    #: ISO 4217.
    currency: str
    #: None for an open deal.
    closed_on: date | None

    @classmethod
    def read(
        cls, deal_id: str, line: str, kind: str, origin: str, stage: str, mrr: Decimal, currency: str, on: date | None
    ) -> "DealFact":
        """The deal of a row of the database or of a file, in the order of the fields. Raises KeyError for an unknown term."""
        return cls(deal_id, line, _KINDS[kind], _ORIGINS[origin], _STAGES[stage], mrr, currency, on)


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """A managed service."""

    #: The first day on which it is in force.
    started_on: date
    #: The first day on which it is no longer in force; None: no end is known.
    ended_on: date | None
    mrr: Decimal
    #: ISO 4217.
    currency: str
    #: The number of partners that manage it, ourselves included.
    managing_partners: int


@dataclass(frozen=True, slots=True)
class CancellationFact:
    """A cancellation of a product line or of the whole client."""

    #: "" for the whole client.
    product_line: str
    cancelled_on: date


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """The facts about one client that points depend on, in any order."""

    #: ISO 3166-1 alpha-2.
    country: str
    deals: Sequence[DealFact] = ()
    services: Sequence[ServiceFact] = ()
    cancellations: Sequence[CancellationFact] = ()


@dataclass(frozen=True, slots=True)
class Computation:
    """The computation of points (`docs/points.md` 3): amount / per_unit x rate x factor, and / partners when managed."""

    amount: Decimal  #: MRR in `currency`
    currency: str
    per_unit: Decimal  #: the amount of the currency that stands for US$100
    rate: Decimal
    track: Track | Origin
    factor: Decimal  #: of the market
    points: Decimal
    partners: int | None = None  #: managing partners; None for sold points


class Entry(NamedTuple):  # a posting makes a million of them, and a frozen dataclass takes nine times as long to make
    """One change of points, with the values that its sentence (`ledger.why_text`) needs. Fields that do not apply are None.

    `amount / per_unit x rate x factor` is the computation of an earned lot. On a managed entry it is that of the service in
    force after the change, when that is only one; on a downgrade, amount, currency and per_unit are the size of the reduction.
    """

    track: Track
    points: Decimal  #: signed, 4 decimals
    on: date  #: the day it counts
    cause: Cause
    deal_id: str | None = None  #: of the lot; None for managed points
    by_deal_id: str | None = None  #: of the downgrade that took the points
    expires_on: date | None = None  #: of an earned lot, the first day it no longer counts
    before: Decimal = _ZERO  #: points of the lot, or of the managed state, before this entry
    lot_points: Decimal | None = None  #: of a sold loss, what its lot earned
    earned_on: date | None = None  #: of a sold loss, the day its lot was earned
    amount: Decimal | None = None  #: in `currency`
    currency: str = ""
    per_unit: Decimal | None = None  #: the amount of the currency that stands for US$100
    rate: Decimal | None = None
    factor: Decimal | None = None  #: of the market
    partners: int | None = None  #: managing partners of the service
    line_sold_on: date | None = None  #: of an earned lot, the day its product line was sold, which decides the rate
    share: Decimal | None = (
        None  #: of a downgrade, the part that every lot of the line lost; rounded to 6 places for display
    )
    cancelled_line: str | None = None  #: of a churned entry, the line that was cancelled; "" is the whole client

    @property
    def after(self) -> Decimal:
        """The points of the lot (or of the managed state) after this entry."""
        return self.before + self.points

    @property
    def key(self) -> tuple[Track, date, Cause, str, str]:
        """The identity of the entry among those of its client, whatever its values."""
        return (self.track, self.on, self.cause, self.deal_id or "", self.by_deal_id or "")


@dataclass(frozen=True, slots=True)
class Lot:
    """A sold lot at the end of a day."""

    deal: DealFact
    earning: Entry  #: the entry that earned it; not posted when it rounds to 0 points
    remaining: Decimal  #: points that still count
    retained: Decimal  #: points that downgrades and cancellations left; expiry does not reduce them
    cancelled_on: date | None  #: the day its line was cancelled; None if it was not
    state: LotState
    losses: tuple[Entry, ...]  #: in order

    @property
    def track(self) -> Track:
        """`sourced` or `assisted`."""
        return self.earning.track

    @property
    def earned(self) -> Decimal:
        """The points it was worth when it was earned."""
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
    """A won sale through time, past the expiry of its lot: commission runs longer than points do."""

    deal: DealFact
    closed_on: date
    #: days of downgrades and of the line's cancellation, each with the exact part of the deal left from the end of that day
    cuts: tuple[tuple[date, Fraction], ...]
    cancelled_on: date | None  #: the day its line was cancelled; None if it was not

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
    """Managed points in force at the end of a day."""

    points: Decimal
    mrr: Fraction  #: MRR of the services, each divided by its managing partners, in exact points-dollars
    services: tuple[ServiceFact, ...]  #: the services in force
