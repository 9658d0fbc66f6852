"""Why a client brings no sold or no managed points on a day (docs/points.md 3).

Pure: from the client's facts alone; English unless another wording is given. Every sentence names the fact that decides,
so that somebody can go and check it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ledger.engine import lots, managed
from ledger.records import ClientFacts, DealFact, Entry, Lot
from partner_portal.lib.wording import ENGLISH, Wording
from program.rulebook import Rulebook
from program.terms import SALES, Cause, Stage

NAMED = 3  # deals named one by one; more are counted
LEAST = Decimal("0.0001")  # points have 4 decimals


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Reasons in words, most telling first; empty for a side that brings points."""

    sold: tuple[str, ...]
    managed: tuple[str, ...]

    @property
    def wholly(self) -> bool:
        """Whether the client brings no points at all."""
        return bool(self.sold and self.managed)


def uncounted(facts: ClientFacts, rulebook: Rulebook, on: date, wording: Wording = ENGLISH) -> Uncounted:
    """Why the client does not count on the day. Raises UnknownCurrencyError as the engine does."""
    return Uncounted(_sold(facts, rulebook, on, wording), _managed(facts, rulebook, on, wording))


def _sold(facts: ClientFacts, rulebook: Rulebook, on: date, wording: Wording) -> tuple[str, ...]:
    found = lots(facts, rulebook, on)
    if any(lot.remaining for lot in found):
        return ()
    reasons = [*_gone(found, wording), *_too_small(found, wording)]
    sales = [deal for deal in facts.deals if deal.kind in SALES]
    won = [deal for deal in sales if deal.stage == Stage.WON and deal.closed_on is not None]
    strangers = [deal for deal in won if deal.origin.track is None and deal.closed_on and deal.closed_on <= on]
    if strangers:
        one = wording.gettext("%(deals)s is of origin “none”: neither sourced nor assisted by us.")
        many = wording.gettext("%(deals)s are of origin “none”: neither sourced nor assisted by us.")
        reasons.append(_of_deals(one, many, strangers, wording))
    later = [deal for deal in won if deal.closed_on and deal.closed_on > on]
    if later:
        first = wording.day(min(deal.closed_on for deal in later if deal.closed_on))
        one = wording.gettext("%(deals)s is won only from %(first)s on.")
        many = wording.gettext("%(deals)s are won only from %(first)s on.")
        reasons.append(_of_deals(one, many, later, wording, first=first))
    waiting = [deal for deal in sales if deal.stage == Stage.OPEN]
    if waiting:
        one = wording.gettext("%(deals)s is still open: points come on the day a deal is won.")
        many = wording.gettext("%(deals)s are still open: points come on the day a deal is won.")
        reasons.append(_of_deals(one, many, waiting, wording))
    lost = [deal for deal in sales if deal.stage == Stage.LOST]
    if lost:
        one, many = wording.gettext("%(deals)s was lost."), wording.gettext("%(deals)s were lost.")
        reasons.append(_of_deals(one, many, lost, wording))
    if not reasons:
        reasons.append(wording.gettext("Nothing was sold to this client: there is no deal of it."))
    return tuple(reasons)


def _gone(found: Iterable[Lot], wording: Wording) -> list[str]:
    """What took the points: the latest loss of every cause, latest first."""
    latest: dict[str, tuple[Entry, Lot]] = {}
    for lot in found:
        if lot.losses and lot.earned:
            loss = lot.losses[-1]
            if loss.cause not in latest or latest[loss.cause][0].on <= loss.on:
                latest[loss.cause] = (loss, lot)
    return [
        _loss(loss, lot, wording)
        for loss, lot in sorted(latest.values(), key=lambda pair: (pair[0].on, pair[0].cause), reverse=True)
    ]


def _loss(loss: Entry, lot: Lot, wording: Wording) -> str:
    values = {
        "deal": lot.deal.deal_id,
        "earned": wording.day(lot.earned_on),
        "on": wording.day(loss.on),
        "line": loss.cancelled_line,
        "points": wording.number(-loss.points),
        "by": loss.by_deal_id,
    }
    if loss.cause == Cause.EXPIRED:
        return wording.gettext("The points of deal %(deal)s, won on %(earned)s, expired on %(on)s.") % values
    if loss.cause != Cause.CHURNED:
        return wording.gettext("Downgrade %(by)s of %(on)s took all that was left of deal %(deal)s.") % values
    text = (
        wording.gettext("“%(line)s” was cancelled on %(on)s, which took the %(points)s points of deal %(deal)s.")
        if loss.cancelled_line
        else wording.gettext(
            "The whole client was cancelled on %(on)s, which took the %(points)s points of deal %(deal)s."
        )
    )
    return text % values


def _too_small(found: Iterable[Lot], wording: Wording) -> list[str]:
    small = [lot.deal for lot in found if not lot.earned]
    if not small:
        return []
    one = wording.gettext("%(deals)s is too small for %(least)s points.")
    many = wording.gettext("%(deals)s are too small for %(least)s points.")
    return [_of_deals(one, many, small, wording, least=wording.number(LEAST))]


def _managed(facts: ClientFacts, rulebook: Rulebook, on: date, wording: Wording) -> tuple[str, ...]:
    if managed(facts, rulebook, on).points:
        return ()
    started = [service for service in facts.services if service.started_on <= on]
    coming = sorted(service.started_on for service in facts.services if service.started_on > on)
    reasons = []
    if started:
        last = max(started, key=lambda service: service.started_on)
        cancelled = _whole_cancellation(facts, last.started_on, last.ended_on, on)
        if cancelled is not None:
            text = wording.gettext("The whole client was cancelled on %(on)s, which ended its managed points.")
            reasons.append(text % {"on": wording.day(cancelled)})
        elif last.ended_on is not None and last.ended_on <= on:
            text = wording.gettext("Not managed since %(on)s, when the last service ended.")
            reasons.append(text % {"on": wording.day(last.ended_on)})
        else:
            text = wording.gettext("The service in force is too small for %(least)s points.")
            reasons.append(text % {"least": wording.number(LEAST)})
    if coming:
        reasons.append(wording.gettext("The next service starts on %(on)s.") % {"on": wording.day(coming[0])})
    if not reasons:
        reasons.append(wording.gettext("We never managed this client: there is no service of it."))
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


def _of_deals(one: str, many: str, deals: Sequence[DealFact], wording: Wording, **values: str) -> str:
    """A sentence about one deal or several, which it names, or counts when they are many."""
    names = sorted(deal.deal_id for deal in deals)
    if len(names) == 1:
        return one % {"deals": wording.gettext("Deal %(id)s") % {"id": names[0]}, **values}
    if len(names) > NAMED:
        return many % {"deals": wording.gettext("%(count)s deals") % {"count": len(names)}, **values}
    return many % {"deals": wording.gettext("Deals %(ids)s") % {"ids": wording.listed(names)}, **values}
