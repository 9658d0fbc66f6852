"""Why a client brings no sold or no managed points on a day (docs/points.md 3).

Pure: calculated from the client's facts alone. Every reason names the deciding fact, so that a reader can check it;
`tiers.no_points_text` makes the sentences.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from ledger.engine import lots, managed
from ledger.records import ClientFacts, DealFact, Entry, Lot
from program.rulebook import Rulebook
from program.terms import SALES, Cause, Stage


class Why(StrEnum):
    """The kind of reason for which a client brings no points."""

    # Sold points

    #: The lot reached the end of its life.
    EXPIRED = "expired"
    #: A downgrade of the line took what was left of the lot.
    DOWNGRADED = "downgraded"
    #: The product line was cancelled.
    LINE_CANCELLED = "line_cancelled"
    #: The whole client was cancelled.
    CANCELLED = "cancelled"
    #: Deals were won that round to no points.
    DEALS_TOO_SMALL = "deals_too_small"
    #: Deals were won that we neither sourced nor assisted.
    NO_ORIGIN = "no_origin"
    #: Deals are won only after the day.
    WON_LATER = "won_later"
    #: Deals are open.
    OPEN = "open"
    #: Deals were lost.
    LOST = "lost"
    #: There is no deal that sells anything.
    NOTHING_SOLD = "nothing_sold"

    # Managed points

    #: The last service ended because the whole client was cancelled.
    SERVICES_CANCELLED = "services_cancelled"
    #: The last service ended on its own end date.
    SERVICES_ENDED = "services_ended"
    #: A service is in force that rounds to no points.
    SERVICE_TOO_SMALL = "service_too_small"
    #: A service starts after the day.
    SERVICE_LATER = "service_later"
    #: There is no service.
    NEVER_MANAGED = "never_managed"


@dataclass(frozen=True, slots=True)
class NoPointsReason:
    """A reason and the facts behind it; facts that do not apply to it are empty."""

    why: Why
    #: The ids of the deals, sorted.
    deals: tuple[str, ...] = ()
    #: The day on which the points were lost, or on which a deal or service is still to count.
    on: date | None = None
    #: The day on which the lost points were earned.
    earned_on: date | None = None
    #: How many points were lost.
    points: Decimal = Decimal(0)
    #: The id of the downgrade that took the points.
    by_deal_id: str = ""
    #: The product line whose cancellation took the points; "" for the whole client.
    cancelled_line: str = ""


@dataclass(frozen=True, slots=True)
class Uncounted:
    """The reasons why a client brings no points; empty for a side that brings some."""

    #: Why it brings no sold points, most important first.
    sold: tuple[NoPointsReason, ...]
    #: Why it brings no managed points.
    managed: tuple[NoPointsReason, ...]

    @property
    def wholly(self) -> bool:
        """Whether the client brings no points at all."""
        return bool(self.sold and self.managed)


def uncounted(facts: ClientFacts, rulebook: Rulebook, on: date) -> Uncounted:
    """The reasons why the client brings no points on the day. Raises UnknownCurrencyError as the engine does."""
    return Uncounted(tuple(_sold(facts, rulebook, on)), tuple(_managed(facts, rulebook, on)))


def _sold(facts: ClientFacts, rulebook: Rulebook, on: date) -> list[NoPointsReason]:
    earned = lots(facts, rulebook, on)
    if any(lot.remaining for lot in earned):
        return []
    sales = [deal for deal in facts.deals if deal.kind in SALES]
    won = [(deal, deal.closed_on) for deal in sales if deal.stage == Stage.WON and deal.closed_on is not None]
    later = [(deal, day) for deal, day in won if day > on]
    reasons = [
        *_lost(earned),
        *_of_deals(Why.DEALS_TOO_SMALL, (lot.deal for lot in earned if not lot.earned)),
        *_of_deals(Why.NO_ORIGIN, (deal for deal, day in won if deal.origin.track is None and day <= on)),
        *_of_deals(Why.WON_LATER, (deal for deal, _day in later), min((day for _deal, day in later), default=None)),
        *_of_deals(Why.OPEN, (deal for deal in sales if deal.stage == Stage.OPEN)),
        *_of_deals(Why.LOST, (deal for deal in sales if deal.stage == Stage.LOST)),
    ]
    return reasons or [NoPointsReason(Why.NOTHING_SOLD)]


def _lost(earned: Iterable[Lot]) -> list[NoPointsReason]:
    """How the points were lost: the latest loss of every cause, latest first."""
    latest: dict[str, tuple[Entry, Lot]] = {}
    for lot in earned:
        if lot.losses and lot.earned:
            loss = lot.losses[-1]
            if loss.cause not in latest or latest[loss.cause][0].on <= loss.on:
                latest[loss.cause] = (loss, lot)
    return [
        NoPointsReason(
            _why_lost(loss),
            (lot.deal.deal_id,),
            loss.on,
            lot.earned_on,
            -loss.points,
            loss.by_deal_id or "",
            loss.cancelled_line or "",
        )
        for loss, lot in sorted(latest.values(), key=lambda pair: (pair[0].on, pair[0].cause), reverse=True)
    ]


def _why_lost(loss: Entry) -> Why:
    if loss.cause == Cause.EXPIRED:
        return Why.EXPIRED
    if loss.cause != Cause.CHURNED:
        return Why.DOWNGRADED
    return Why.LINE_CANCELLED if loss.cancelled_line else Why.CANCELLED


def _of_deals(why: Why, deals: Iterable[DealFact], on: date | None = None) -> list[NoPointsReason]:
    """The reason with these deals, as a list; empty without deals."""
    ids = tuple(sorted(deal.deal_id for deal in deals))
    return [NoPointsReason(why, ids, on)] if ids else []


def _managed(facts: ClientFacts, rulebook: Rulebook, on: date) -> list[NoPointsReason]:
    if managed(facts, rulebook, on).points:
        return []
    started = [service for service in facts.services if service.started_on <= on]
    coming = min((service.started_on for service in facts.services if service.started_on > on), default=None)
    reasons = []
    if started:
        last = max(started, key=lambda service: service.started_on)
        cancelled = _whole_cancellation(facts, last.started_on, last.ended_on, on)
        if cancelled is not None:
            reasons.append(NoPointsReason(Why.SERVICES_CANCELLED, on=cancelled))
        elif last.ended_on is not None and last.ended_on <= on:
            reasons.append(NoPointsReason(Why.SERVICES_ENDED, on=last.ended_on))
        else:
            reasons.append(NoPointsReason(Why.SERVICE_TOO_SMALL))
    if coming is not None:
        reasons.append(NoPointsReason(Why.SERVICE_LATER, on=coming))
    return reasons or [NoPointsReason(Why.NEVER_MANAGED)]


def _whole_cancellation(facts: ClientFacts, start: date, end: date | None, on: date) -> date | None:
    """The cancellation of the whole client that ended a service before its own end; None when none did."""
    return min(
        (
            row.cancelled_on
            for row in facts.cancellations
            if row.product_line == "" and start < row.cancelled_on <= on and (end is None or row.cancelled_on < end)
        ),
        default=None,
    )
