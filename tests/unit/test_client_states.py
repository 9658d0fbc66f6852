"""States of a client (docs/points.md 15), each sentence and the odd combinations, by hand."""

from datetime import date
from decimal import Decimal

import pytest

from ledger.client_states import MrrFact, Reason, RenewalFact, State, client_state, last_known_month
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from ledger.state_text import state_text

D = date.fromisoformat
TODAY = D("2026-11-23")


def deal(
    on: str | None, line: str = "Sales Hub", *, kind: str = "new", origin: str = "sourced", stage: str = "won"
) -> DealFact:
    return DealFact.read(f"D{on}{line}{kind}", line, kind, origin, stage, Decimal(1000), "USD", D(on) if on else None)


def service(start: str, end: str | None = None) -> ServiceFact:
    return ServiceFact(D(start), D(end) if end else None, Decimal(1000), "USD", 1)


def state_of(*facts: object, on: date = TODAY) -> tuple[str, str, bool]:
    """State, reason, and whether the client is at risk. A pair is a cancellation ("" for the whole client) and its day."""

    def of(kind: type) -> list:
        return [fact for fact in facts if isinstance(fact, kind)]

    cancelled = [CancellationFact(line, D(day)) for line, day in of(tuple)]
    known = ClientFacts("US", of(DealFact), of(ServiceFact), cancelled)
    found = client_state(known, of(MrrFact), of(RenewalFact), on)
    return found.state, found.reason, found.at_risk


def mrr(month: str, amount: int) -> MrrFact:
    return MrrFact(D(f"{month}-01"), Decimal(amount))


PENDING_AHEAD = RenewalFact(D("2026-12-19"), undecided=True)
PENDING_OVERDUE = RenewalFact(D("2026-11-01"), undecided=True)
RENEWED = RenewalFact(D("2026-11-01"), undecided=False)


@pytest.mark.parametrize(
    ("facts", "state", "reason"),
    [
        # Not yet a client: no won sale, no service, no MRR above 0 ever.
        ([], "prospect", "nothing"),
        ([deal(None, stage="open")], "prospect", "nothing"),
        ([deal("2025-01-01", stage="lost")], "prospect", "nothing"),
        ([deal("2026-12-01")], "prospect", "nothing"),  # won only next week
        ([service("2026-12-01")], "prospect", "nothing"),  # starts next week
        ([mrr("2026-10", 0)], "prospect", "nothing"),
        ([deal("2025-01-01", kind="downgrade")], "prospect", "nothing"),  # no sale
        # No longer a client: a cancellation of the whole client with no later won sale or service.
        ([deal("2024-01-01"), ("", "2025-10-31")], "gone", "cancelled"),
        ([service("2024-01-01"), ("", "2025-10-31")], "gone", "cancelled"),  # which ended the service
        ([deal("2024-01-01"), mrr("2026-10", 900), ("", "2025-10-31")], "gone", "cancelled"),
        ([("", "2025-10-31")], "gone", "cancelled"),  # nothing else was imported
        ([deal("2024-01-01"), ("", "2025-10-31"), deal("2026-12-01")], "gone", "cancelled"),  # won again, but only later
        ([deal("2024-01-01"), ("", "2024-06-01"), deal("2025-01-01"), ("", "2025-10-31")], "gone", "cancelled"),
        # Cancelled and sold or managed again, that very day too.
        ([deal("2024-01-01"), ("", "2025-10-31"), deal("2025-10-31")], "client", "line"),
        ([deal("2024-01-01"), ("", "2025-10-31"), deal("2026-01-01", origin="none")], "client", "line"),
        ([deal("2024-01-01"), ("", "2025-10-31"), service("2025-10-31")], "client", "managed"),
        ([("", "2025-10-31"), deal("2025-11-01", kind="downgrade")], "gone", "cancelled"),  # no sale
        ([deal("2024-01-01"), ("", "2027-10-31")], "client", "line"),  # not yet
        # Every line sold is cancelled and no service is in force.
        ([deal("2024-01-01"), ("Sales Hub", "2025-10-31")], "gone", "lines_cancelled"),
        ([deal("2024-01-01"), ("Sales Hub", "2025-10-31"), mrr("2026-10", 900)], "gone", "lines_cancelled"),
        ([deal("2024-01-01"), ("Sales Hub", "2025-10-31"), service("2024-01-01", "2026-01-01")], "gone", "lines_cancelled"),
        ([deal("2024-01-01"), deal("2024-01-01", "CMS"), ("Sales Hub", "2025-10-31")], "client", "line"),
        ([deal("2024-01-01"), ("Sales Hub", "2025-10-31"), deal("2025-10-31")], "client", "line"),
        ([deal("2024-01-01"), ("Sales Hub", "2025-10-31"), service("2024-01-01")], "client", "managed"),
        ([deal("2024-01-01"), ("CMS", "2025-10-31")], "client", "line"),  # of a line never sold
        ([deal("2024-01-01"), ("", "2025-01-01"), service("2025-02-01", "2025-03-01")], "gone", "lines_cancelled"),
        # The latest month of its MRR history is 0, with no service in force and no undecided renewal.
        ([deal("2024-01-01"), mrr("2026-09", 900), mrr("2026-10", 0)], "gone", "no_mrr"),
        ([deal("2024-01-01"), mrr("2026-08", 0)], "gone", "no_mrr"),  # its own latest month, however old
        ([mrr("2026-09", 900), mrr("2026-10", 0), RENEWED], "gone", "no_mrr"),
        ([deal("2024-01-01"), mrr("2026-10", 0), service("2024-01-01")], "client", "managed"),
        ([deal("2024-01-01"), mrr("2026-10", 0), PENDING_AHEAD], "client", "line"),
        ([mrr("2026-10", 900), mrr("2026-11", 0)], "client", "pays"),  # November is not over
        # Client: a service in force, a known MRR above 0, a line in force.
        ([service("2024-01-01")], "client", "managed"),
        ([mrr("2026-10", 900)], "client", "pays"),
        ([mrr("2026-01", 900)], "client", "pays"),  # months since are missing, and missing is not 0
        ([deal("2024-11-01")], "client", "line"),  # its points expired a year ago
        ([deal("2024-11-01"), deal("2025-01-01", kind="downgrade")], "client", "line"),  # to zero is not cancelled
        # Otherwise unknown.
        ([service("2024-01-01", "2025-01-01")], "unknown", "too_little"),
        ([("", "2024-01-01"), service("2024-02-01", "2024-09-01")], "unknown", "too_little"),
        ([mrr("2026-09", 900), mrr("2026-10", 0), PENDING_AHEAD], "unknown", "undecided"),
        ([PENDING_AHEAD], "unknown", "too_little"),  # only its renewals were imported
        ([("Sales Hub", "2025-01-01")], "unknown", "too_little"),
    ],
)  # fmt: skip
def test_state_and_reason(facts: list, state: str, reason: str) -> None:
    assert state_of(*facts) == (state, reason, False)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([deal("2024-11-01")], "client"),
        ([deal("2024-11-01"), ("", "2025-10-31")], "gone"),
        ([mrr("2026-10", 0)], "unknown"),
        ([], "unknown"),
        ([service("2024-01-01")], "client"),
    ],
)
def test_an_overdue_undecided_renewal_puts_at_risk_whatever_else_is_known(facts: list, state: str) -> None:
    assert state_of(*facts, PENDING_OVERDUE)[::2] == (state, True)
    assert state_of(*facts, RENEWED)[2] is False


def test_a_renewal_is_overdue_the_day_after() -> None:
    pending = RenewalFact(TODAY, undecided=True)
    assert state_of(deal("2024-11-01"), pending)[2] is False
    assert state_of(deal("2024-11-01"), pending, on=D("2026-11-24"))[2] is True


def test_a_past_day_knows_nothing_of_later_days() -> None:
    story = [deal("2025-01-10"), ("", "2025-06-01"), deal("2025-06-01", "CMS"), ("", "2026-03-01")]
    days = ["2025-01-09", "2025-01-10", "2025-05-31", "2025-06-01", "2026-02-28", "2026-03-01"]
    assert [state_of(*story, on=D(day))[0] for day in days] == [
        State.PROSPECT, State.CLIENT, State.CLIENT, State.CLIENT, State.CLIENT, State.GONE,
    ]  # fmt: skip


def test_a_month_is_known_on_its_last_day() -> None:
    assert last_known_month(D("2026-11-29")) == D("2026-10-01")
    assert last_known_month(D("2026-11-30")) == D("2026-11-01")
    assert last_known_month(D("2026-12-01")) == D("2026-11-01")


def test_every_reason_has_a_sentence() -> None:
    found = client_state(
        ClientFacts("US", [deal("2024-01-01"), deal("2024-01-01", "CMS")], (), []), [], [PENDING_AHEAD], TODAY
    )
    assert state_text(found) == "Sold and not cancelled: CMS and Sales Hub."
    gone = client_state(ClientFacts("US", (), (), [CancellationFact("", D("2025-10-31"))]), [], [], TODAY)
    assert state_text(gone) == ("The whole client was cancelled on 31 Oct 2025, and nothing was sold or managed since.")
    unknown = client_state(ClientFacts("US", (), [service("2024-01-01", "2025-01-01")]), [], [], TODAY)
    assert state_text(unknown).endswith("Its MRR history, a won deal or a service would tell.")
    assert len(Reason) == 9
