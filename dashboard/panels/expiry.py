"""Expiry forecast: remaining sold points by the month in which they expire, and the totals if nothing else happens."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse

from dashboard import front_page_text
from dashboard.overview import Overview
from dashboard.queries import Expiring, expiring_until
from ledger.series import PointTotals
from tiers.queries import Projected
from tiers.rules import RequirementGap

FULL = Decimal(100)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the forecast."""

    #: Its first day.
    first: date
    #: The points that expire in it, and the number of clients they come from.
    points: Decimal
    clients: int
    #: The total points at its end.
    left: Decimal
    #: The top and the height of its bar, as CSS percentages.
    top: str
    height: str
    #: The day of a review in it; None without one.
    review: date | None
    #: Whether the performance tier at its end differs from the one a month earlier, and whether it is a lower one.
    moved: bool
    lower: bool
    #: The performance tier at its end; None: untiered.
    performance: str | None
    #: The URL of the lots that expire in it.
    address: str


@dataclass(frozen=True, slots=True)
class Expiry:
    """The contents of the panel."""

    points: PointTotals
    months: tuple[Month, ...]
    #: The day of the next review; None for a programme without reviews.
    review: date | None
    #: What expires up to the review, and the URL of these lots.
    before_review: Expiring | None
    before_review_address: str
    #: A sentence about the points on the review day; "" without a review.
    on_review: str
    #: A sentence about when performance would first fall; "" if it would not.
    first_fall: str


def expiry(overview: Overview) -> Expiry:
    """The panel's figures."""
    standing = overview.standing
    months = _months(overview)
    fall = next((month for month in months if month.moved and month.lower), None)
    return Expiry(
        points=standing.points,
        months=months,
        review=standing.next_review,
        before_review=expiring_until(overview.scope, standing.next_review) if standing.next_review else None,
        before_review_address=_address({"by": "review", **overview.day.moved}),
        on_review=_on_review(overview),
        first_fall=front_page_text.first_fall(fall.performance, fall.first, _fails(overview, months.index(fall)))
        if fall
        else "",
    )


def _on_review(overview: Overview) -> str:
    if overview.standing.next_review is None:
        return ""
    ahead = overview.ahead[-1]
    credited = next((gap for gap in ahead.targets if gap.tier == overview.standing.credited), None)
    return front_page_text.on_review(ahead, credited, overview.standing.certified.name)


def _months(overview: Overview) -> tuple[Month, ...]:
    highest = max((month.points for month in overview.months), default=Decimal(0)) or Decimal(1)
    before = overview.standing.performance
    months = []
    for loss, ahead in zip(overview.months, overview.ahead, strict=False):
        height = loss.points / highest * FULL
        months.append(
            Month(
                first=loss.month,
                points=loss.points,
                clients=loss.clients,
                left=ahead.points.total,
                top=f"{FULL - height:.1f}%",
                height=f"{height:.1f}%",
                review=next(
                    (
                        day
                        for day in overview.review_days
                        if (day.year, day.month) == (loss.month.year, loss.month.month)
                    ),
                    None,
                ),
                moved=ahead.performance != before,
                lower=_place(ahead, ahead.performance) < _place(ahead, before),
                performance=ahead.performance,
                address=_address({"month": f"{loss.month:%Y-%m}", **overview.day.moved}),
            )
        )
        before = ahead.performance
    return tuple(months)


def _address(query: dict[str, str]) -> str:
    return f"{reverse('dashboard_expiring')}?{urlencode(query)}"


def _place(ahead: Projected, tier: str | None) -> int:
    names = [gap.tier for gap in ahead.targets]
    return names.index(tier) if tier in names else -1


def _fails(overview: Overview, index: int) -> RequirementGap | None:
    """The binding requirement, at the end of the month, of the tier held before it."""
    held = overview.ahead[index - 1].performance if index else overview.standing.performance
    return next((gap.binding for gap in overview.ahead[index].targets if gap.tier == held), None)
