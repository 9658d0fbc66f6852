"""What one renewal puts at stake, from all facts of its client; `renewals.stakes` must answer the same for a portfolio.

Rules: `docs/points.md` 10.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from ledger.engine import lines_in_force, lots, managed
from ledger.records import ClientFacts
from program.rulebook import Rulebook
from renewals.rules import Stake, StakeLot, cancelled

_ZERO = Decimal(0)


def stake(facts: ClientFacts, rulebook: Rulebook, line: str, other_lines: Iterable[str], renews_on: date) -> Stake:
    """What the renewal of `line` puts at stake at the end of `renews_on`.

    facts: as known, without deals that have not closed yet. other_lines: further lines that the client is known to have,
    such as those of its other renewals; one that was cancelled by then does not count.
    """
    found = tuple(
        StakeLot(lot.track, lot.remaining, lot.expires_on)
        for lot in lots(facts, rulebook, renews_on)
        if lot.deal.product_line == line and lot.remaining
    )
    others = lines_in_force(facts, renews_on) | {
        each for each in other_lines if not cancelled(facts.cancellations, each, renews_on)
    }
    managed_points = _ZERO if others - {line} else managed(facts, rulebook, renews_on).points
    return Stake(found, managed_points)
