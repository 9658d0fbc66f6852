"""The vocabulary of the domain: the values of import files, ledger entries, tiers and statements.

Pure: no Django. The values are those of the import files (`docs/points.md` 1), the database, the API and the addresses of
pages, and never change; `program.labels` has what people read. Members are strings: they equal, hash and sort as their
values do, and a value that comes from the database may be compared with a member as it is.
"""

from enum import StrEnum
from typing import Self


class Origin(StrEnum):
    """How a deal came about (`docs/points.md` 1)."""

    #: We brought the sale to the vendor; it earns at the sourced rate (points.md 2).
    SOURCED = "sourced"
    #: We helped with a sale of the vendor's; it earns at the assisted rate (points.md 2).
    ASSISTED = "assisted"
    #: The sale was not ours: it earns nothing, and still counts to the size of its product line (points.md 3).
    NONE = "none"

    @property
    def track(self) -> "Track | None":
        """The track on which a sale of this origin earns; None when it earns nothing."""
        return TRACK_OF_ORIGIN.get(self)


class Track(StrEnum):
    """One of the three kinds of points (`docs/points.md` 3)."""

    #: Points of sales that we sourced.
    SOURCED = "sourced"
    #: Points of sales that we assisted.
    ASSISTED = "assisted"
    #: Points of services in force: a state, of which the ledger holds the changes.
    MANAGED = "managed"

    @property
    def is_sold(self) -> bool:
        """Whether its points come in lots that expire."""
        return self is not Track.MANAGED


#: The tracks whose points come in lots: sourced and assisted.
SOLD_TRACKS = (Track.SOURCED, Track.ASSISTED)
#: Where a sale earns, by its origin; a sale of another origin earns nothing.
TRACK_OF_ORIGIN = {Origin.SOURCED: Track.SOURCED, Origin.ASSISTED: Track.ASSISTED}


class Side(StrEnum):
    """What changes of points are counted for: the lots or the managed state (`docs/points.md` 3)."""

    #: Sourced and assisted points.
    SOLD = "sold"
    #: Managed points.
    MANAGED = "managed"

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks it sums."""
        return SOLD_TRACKS if self is Side.SOLD else (Track.MANAGED,)


class Cause(StrEnum):
    """Why points came or went (`docs/points.md` 3)."""

    #: A won sale earned a lot, or the first service of a client came into force.
    EARNED = "earned"
    #: Managed points rose while some were in force before.
    RAISED = "raised"
    #: What remained of a lot, 12 months after its sale.
    EXPIRED = "expired"
    #: The part that a downgrade took from the lots of its product line.
    DOWNGRADED = "downgraded"
    #: A cancellation, of the product line or of the whole client, took all that remained.
    CHURNED = "churned"
    #: Managed points fell, and some are still in force.
    REDUCED = "reduced"
    #: The last service ended: no managed points are in force.
    ENDED = "ended"

    @property
    def is_gain(self) -> bool:
        """Whether it adds points; the others take some away."""
        return self in GAINS


#: The causes that add points.
GAINS = (Cause.EARNED, Cause.RAISED)
#: The causes that take points away.
LOSSES = tuple(cause for cause in Cause if not cause.is_gain)


class Direction(StrEnum):
    """Which of the changes of a range are counted (`docs/points.md` 3)."""

    #: Points gained.
    NEW = "new"
    #: Points lost, counted as a positive number.
    LOST = "lost"

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes it sums."""
        return GAINS if self is Direction.NEW else LOSSES


class DealKind(StrEnum):
    """What a deal does to its product line (`docs/points.md` 1)."""

    #: The first sale to a client.
    NEW = "new"
    #: A sale of another product line to a client.
    CROSS_SELL = "cross_sell"
    #: More of a product line that the client has.
    UPGRADE = "upgrade"
    #: Less of a product line; the MRR of the deal is the size of the reduction.
    DOWNGRADE = "downgrade"

    @property
    def is_sale(self) -> bool:
        """Whether a won deal of this kind earns; a downgrade takes instead."""
        return self is not DealKind.DOWNGRADE


#: The kinds of deals that earn a lot.
SALES = tuple(kind for kind in DealKind if kind.is_sale)


class Stage(StrEnum):
    """How far a deal has come (`docs/points.md` 1)."""

    #: Not decided yet; it has no closing day.
    OPEN = "open"
    #: Closed with a sale or a downgrade, on its closing day.
    WON = "won"
    #: Closed without one.
    LOST = "lost"


class LotState(StrEnum):
    """What is left of a sold lot (`docs/points.md` 3)."""

    #: All that it earned counts.
    ACTIVE = "active"
    #: Downgrades took a part; the rest counts.
    PARTLY_LOST = "partly_lost"
    #: A cancellation or downgrades took all of it before its time.
    LOST = "lost"
    #: Its 12 months are over.
    EXPIRED = "expired"


class Market(StrEnum):
    """The market of a client's country on a day (`docs/points.md` 2)."""

    #: In the growth-market list in force: points count twice.
    GROWTH = "growth"
    #: Any other country: factor 1.
    STANDARD = "standard"

    @classmethod
    def of(cls, *, growth: bool) -> Self:
        """The market that is a growth market, or is not."""
        return cls.GROWTH if growth else cls.STANDARD


class Unit(StrEnum):
    """What a metric is counted in."""

    #: Points, with up to 4 decimals.
    POINTS = "points"
    #: A ratio: 0.85 is 85 %.
    RATIO = "ratio"
    #: Whole things, such as people.
    COUNT = "count"
    #: A mean or median of counts, shown with one decimal.
    AVERAGE = "average"
    #: Points-dollars a month (points.md 2).
    MONEY = "money"


class Metric(StrEnum):
    """What a tier can require (`docs/points.md` 7).

    A new one is a member here, with its unit and tracks below, its texts in `program.labels` and its measure in
    `tiers.measures`.
    """

    #: Sold and managed points.
    TOTAL_POINTS = "total_points"
    #: Sourced and assisted points.
    SOLD_POINTS = "sold_points"
    #: Points of sourced sales.
    SOURCED_POINTS = "sourced_points"
    #: Points of services in force.
    MANAGED_POINTS = "managed_points"
    #: Customer dollar retention, annualised, mean of 12 months (points.md 5).
    CSR = "csr"
    #: Gross revenue retention, annualised, mean of 12 months (points.md 5).
    GRR = "grr"
    #: People with any certification valid on the day.
    CERTIFIED_PEOPLE = "certified_people"
    #: Tools used in the last 30 days, mean over the clients that count.
    TOOL_USAGE_MEAN = "tool_usage_mean"
    #: The same, median.
    TOOL_USAGE_MEDIAN = "tool_usage_median"
    #: Points-dollars of MRR sold in the 12 months that end on the day.
    SOLD_MRR_12M = "sold_mrr_12m"
    #: Points-dollars of MRR under management, divided by managing partners.
    MANAGED_MRR = "managed_mrr"

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks whose points it sums; empty when it does not count points."""
        return _TRACKS_OF_METRIC.get(self, ())

    @property
    def unit(self) -> Unit:
        """What it is counted in."""
        return Unit.POINTS if self in _TRACKS_OF_METRIC else _UNITS.get(self, Unit.COUNT)


_TRACKS_OF_METRIC = {
    Metric.TOTAL_POINTS: tuple(Track),
    Metric.SOLD_POINTS: SOLD_TRACKS,
    Metric.SOURCED_POINTS: (Track.SOURCED,),
    Metric.MANAGED_POINTS: (Track.MANAGED,),
}
_UNITS = {
    Metric.CSR: Unit.RATIO,
    Metric.GRR: Unit.RATIO,
    Metric.TOOL_USAGE_MEAN: Unit.AVERAGE,
    Metric.TOOL_USAGE_MEDIAN: Unit.AVERAGE,
    Metric.SOLD_MRR_12M: Unit.MONEY,
    Metric.MANAGED_MRR: Unit.MONEY,
}
#: The metrics that are amounts of money, which not everybody may see.
MONEY_METRICS = frozenset(metric for metric in Metric if metric.unit is Unit.MONEY)


class ReviewResult(StrEnum):
    """What a row of the history of the credited tier did (`docs/points.md` 7)."""

    #: No review: the performance exceeded the credited tier on some day.
    RISE = "rise"
    #: A review let the credited tier fall.
    FALL = "review"
    #: A review left the credited tier as it was.
    KEPT = "kept"


class LineStatus(StrEnum):
    """What the vendor says of a statement line (`docs/points.md` 1 and 8)."""

    #: Not final yet.
    DRAFT = "draft"
    #: Final and to be paid on its pay day.
    ISSUED = "issued"
    #: Paid on its paid day.
    PAID = "paid"
    #: Held back for now.
    WITHHELD = "withheld"
    #: Given up: it will not be paid.
    FORFEITED = "forfeited"


class PaymentStanding(StrEnum):
    """Where the money of a line or a statement stands on a day (`docs/points.md` 8 and 10)."""

    #: Paid.
    PAID = "paid"
    #: Issued, with its pay day today or later.
    SCHEDULED = "scheduled"
    #: Issued, with its pay day in the past.
    OVERDUE = "overdue"
    #: Not final yet.
    DRAFT = "draft"
    #: Held back.
    WITHHELD = "withheld"
    #: Given up.
    FORFEITED = "forfeited"
    #: Negative, and used up by the positive totals of later statements.
    OFFSET = "offset"
    #: Negative, and used up whole.
    SETTLED = "settled"


class RenewalStatus(StrEnum):
    """What is known of a renewal (`docs/points.md` 1)."""

    #: Nobody has decided yet.
    PENDING = "pending"
    #: The client said that it will renew.
    CONFIRMED = "confirmed"
    #: The client asked for its cancellation.
    CANCELLATION_REQUESTED = "cancellation_requested"
    #: Renewed.
    RENEWED = "renewed"
