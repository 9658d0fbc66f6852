"""The state of a client on a day: prospect, client, former client or unknown (docs/points.md 15).

Pure: no Django, no clock. `portfolio.client_list` computes the same for all clients in the database.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from ledger.engine import lines_in_force
from ledger.records import ClientFacts, ServiceFact
from partner_portal.lib.dates.months import add_months, month_start
from program.terms import SALES, Stage


class State(StrEnum):
    """The state of a client on a day."""

    PROSPECT = "prospect"
    CLIENT = "client"
    GONE = "gone"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """The fact that decides the state."""

    NOTHING = "nothing"  #: prospect: no fact of any kind
    CANCELLED = "cancelled"  #: gone: the whole client was cancelled
    LINES_CANCELLED = "lines_cancelled"  #: gone: every line sold was cancelled
    NO_MRR = "no_mrr"  #: gone: MRR of 0 in the latest month
    MANAGED = "managed"  #: client: a service is in force
    PAYS = "pays"  #: client: MRR above 0 in the latest month
    LINE = "line"  #: client: a line sold and not cancelled
    UNDECIDED = "undecided"  #: unknown: MRR of 0, and a renewal to decide
    TOO_LITTLE = "too_little"  #: unknown: no fact decides it


STATE_OF = {
    Reason.NOTHING: State.PROSPECT,
    Reason.CANCELLED: State.GONE,
    Reason.LINES_CANCELLED: State.GONE,
    Reason.NO_MRR: State.GONE,
    Reason.MANAGED: State.CLIENT,
    Reason.PAYS: State.CLIENT,
    Reason.LINE: State.CLIENT,
    Reason.UNDECIDED: State.UNKNOWN,
    Reason.TOO_LITTLE: State.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class MrrFact:
    """A client's MRR at the end of a month."""

    month: date  #: its first day
    mrr: Decimal


@dataclass(frozen=True, slots=True)
class RenewalFact:
    """A renewal, as far as the state of a client depends on it."""

    renews_on: date
    #: Whether it is still to be decided.
    undecided: bool


@dataclass(frozen=True, slots=True)
class ClientState:
    """A client's state at the end of a day, with the facts that decide it."""

    reason: Reason
    lines: tuple[str, ...]  #: product lines in force
    mrr: MrrFact | None  #: of the latest month known on the day; None without any
    cancelled_on: date | None  #: day on which the whole client was cancelled, when that decides; otherwise None
    overdue_since: date | None  #: the earliest renewal day that passed undecided; None without any

    @property
    def state(self) -> State:
        """The state that the reason stands for."""
        return STATE_OF[self.reason]

    @property
    def at_risk(self) -> bool:
        """Whether an overdue renewal puts the client at risk, whatever else is known."""
        return self.overdue_since is not None


def last_known_month(on: date) -> date:
    """The first day of the last month whose end is known at the end of the day: a month counts on its last day."""
    return add_months(month_start(on + timedelta(days=1)), -1)


def client_state(
    facts: ClientFacts, mrr_months: Iterable[MrrFact], renewals: Collection[RenewalFact], on: date
) -> ClientState:
    """The state of a client at the end of the day. Facts dated later do not count yet."""
    months = [row for row in mrr_months if row.month <= last_known_month(on)]
    latest = max(months, key=lambda row: row.month, default=None)
    lines = tuple(sorted(lines_in_force(facts, on)))
    cancelled_on = _left_on(facts, on)
    return ClientState(
        _reason(facts, months, latest, renewals, lines, cancelled_on, on),
        lines,
        latest,
        cancelled_on,
        min((renewal.renews_on for renewal in renewals if renewal.undecided and renewal.renews_on < on), default=None),
    )


def _reason(
    facts: ClientFacts,
    months: Collection[MrrFact],
    latest: MrrFact | None,
    renewals: Collection[RenewalFact],
    lines: Collection[str],
    cancelled_on: date | None,
    on: date,
) -> Reason:
    sold = bool(_sale_days(facts, on))
    served = any(service.started_on <= on for service in facts.services)
    paid = any(row.mrr > 0 for row in months)
    # Only clients cancel or renew, even when their deals were never imported.
    left_traces = bool(renewals) or any(row.cancelled_on <= on for row in facts.cancellations)
    managed = any(_in_force(service, facts, on) for service in facts.services)
    undecided = any(renewal.undecided for renewal in renewals)
    no_mrr = latest is not None and not latest.mrr
    if not (sold or served or paid or left_traces):
        return Reason.NOTHING
    if cancelled_on is not None:
        return Reason.CANCELLED
    if sold and not lines and not managed:
        return Reason.LINES_CANCELLED
    if no_mrr and not managed and not undecided:
        return Reason.NO_MRR
    if managed:
        return Reason.MANAGED
    if latest is not None and latest.mrr > 0:
        return Reason.PAYS
    if lines:
        return Reason.LINE
    return Reason.UNDECIDED if no_mrr else Reason.TOO_LITTLE


def _sale_days(facts: ClientFacts, on: date) -> list[date]:
    return [
        deal.closed_on
        for deal in facts.deals
        if deal.stage == Stage.WON and deal.kind in SALES and deal.closed_on is not None and deal.closed_on <= on
    ]


def _left_on(facts: ClientFacts, on: date) -> date | None:
    """The last cancellation of the whole client; None without one, or when a sale or a service began that day or later."""
    days = [row.cancelled_on for row in facts.cancellations if row.product_line == "" and row.cancelled_on <= on]
    since = [*_sale_days(facts, on), *(service.started_on for service in facts.services if service.started_on <= on)]
    last = max(days, default=None)
    return last if last is not None and all(day < last for day in since) else None


def _in_force(service: ServiceFact, facts: ClientFacts, on: date) -> bool:
    """Whether the service is in force: begun, not ended, and no cancellation of the whole client since its start."""
    if service.started_on > on or (service.ended_on is not None and service.ended_on <= on):
        return False
    return not any(
        row.product_line == "" and service.started_on < row.cancelled_on <= on for row in facts.cancellations
    )
