"""Why a client brings no sold or no managed points on a day, in plain English (docs/points.md 3).

Pure: from the client's facts alone. Every sentence names the fact that decides, so that somebody can go and check it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.engine import SALES, SOLD_TRACKS, ClientFacts, DealFact, Entry, Lot, lots, managed
from ledger.why import day as day_text
from ledger.why import number
from program.rulebook import Rulebook

NAMED = 3  # deals named one by one; more are counted


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Reasons in words, most telling first; empty for a side that brings points."""

    sold: tuple[str, ...]
    managed: tuple[str, ...]

    @property
    def wholly(self) -> bool:
        """Whether the client brings no points at all."""
        return bool(self.sold and self.managed)


def uncounted(facts: ClientFacts, rulebook: Rulebook, on: date) -> Uncounted:
    """Why the client does not count on the day. Raises UnknownCurrencyError as the engine does."""
    return Uncounted(_sold(facts, rulebook, on), _managed(facts, rulebook, on))


def _sold(facts: ClientFacts, rulebook: Rulebook, on: date) -> tuple[str, ...]:
    found = lots(facts, rulebook, on)
    if any(lot.remaining for lot in found):
        return ()
    reasons = [*_gone(found), *_too_small(found)]
    sales = [deal for deal in facts.deals if deal.kind in SALES]
    won = [deal for deal in sales if deal.stage == "won" and deal.closed_on is not None]
    strangers = [deal for deal in won if deal.origin not in SOLD_TRACKS and deal.closed_on and deal.closed_on <= on]
    if strangers:
        reasons.append(
            f"{_deals(strangers)} {_is_are(strangers)} of origin “none”: neither sourced nor assisted by us."
        )
    later = [deal for deal in won if deal.closed_on and deal.closed_on > on]
    if later:
        first = min(deal.closed_on for deal in later if deal.closed_on)
        reasons.append(f"{_deals(later)} {_is_are(later)} won only from {day_text(first)} on.")
    waiting = [deal for deal in sales if deal.stage == "open"]
    if waiting:
        reasons.append(f"{_deals(waiting)} {_is_are(waiting)} still open: points come on the day a deal is won.")
    lost = [deal for deal in sales if deal.stage == "lost"]
    if lost:
        reasons.append(f"{_deals(lost)} {'was' if len(lost) == 1 else 'were'} lost.")
    if not reasons:
        reasons.append("Nothing was sold to this client: there is no deal of it.")
    return tuple(reasons)


def _gone(found: Iterable[Lot]) -> list[str]:
    """What took the points: the latest loss of every cause, latest first."""
    latest: dict[str, tuple[Entry, Lot]] = {}
    for lot in found:
        if lot.losses and lot.earned:
            loss = lot.losses[-1]
            if loss.cause not in latest or latest[loss.cause][0].on <= loss.on:
                latest[loss.cause] = (loss, lot)
    return [
        _loss(loss, lot)
        for loss, lot in sorted(latest.values(), key=lambda pair: (pair[0].on, pair[0].cause), reverse=True)
    ]


def _loss(loss: Entry, lot: Lot) -> str:
    if loss.cause == "expired":
        return (
            f"The points of deal {lot.deal.deal_id}, won on {day_text(lot.earned_on)}, expired on {day_text(loss.on)}."
        )
    if loss.cause == "churned":
        what = f"“{loss.cancelled_line}” was" if loss.cancelled_line else "The whole client was"
        return f"{what} cancelled on {day_text(loss.on)}, which took the {number(-loss.points)} points of deal {lot.deal.deal_id}."
    return f"Downgrade {loss.by_deal_id} of {day_text(loss.on)} took all that was left of deal {lot.deal.deal_id}."


def _too_small(found: Iterable[Lot]) -> list[str]:
    small = [lot.deal for lot in found if not lot.earned]
    return [f"{_deals(small)} {_is_are(small)} too small for 0.0001 points."] if small else []


def _managed(facts: ClientFacts, rulebook: Rulebook, on: date) -> tuple[str, ...]:
    if managed(facts, rulebook, on).points:
        return ()
    started = [service for service in facts.services if service.started_on <= on]
    coming = sorted(service.started_on for service in facts.services if service.started_on > on)
    reasons = []
    if started:
        last = max(started, key=lambda service: service.started_on)
        cancelled = _whole_cancellation(facts, last.started_on, last.ended_on, on)
        if cancelled is not None:
            reasons.append(f"The whole client was cancelled on {day_text(cancelled)}, which ended its managed points.")
        elif last.ended_on is not None and last.ended_on <= on:
            reasons.append(f"Not managed since {day_text(last.ended_on)}, when the last service ended.")
        else:
            reasons.append("The service in force is too small for 0.0001 points.")
    if coming:
        reasons.append(f"The next service starts on {day_text(coming[0])}.")
    if not reasons:
        reasons.append("We never managed this client: there is no service of it.")
    return tuple(reasons)


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


def _deals(deals: Sequence[DealFact]) -> str:
    names = sorted(deal.deal_id for deal in deals)
    if len(names) > NAMED:
        return f"{len(names)} deals"
    if len(names) == 1:
        return f"Deal {names[0]}"
    return f"Deals {', '.join(names[:-1])} and {names[-1]}"


def _is_are(deals: Sequence[DealFact]) -> str:
    return "is" if len(deals) == 1 else "are"
