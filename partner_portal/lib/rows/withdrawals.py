"""Withdrawing and restoring stored facts (docs/points.md 13), for apps that do not know the models of the facts.

`clients.withdrawals` does it and registers itself here; imports call it through `withdrawals()`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

type Rows = Mapping[str, Collection[int]]  # primary keys, by the key of their kind


@dataclass(frozen=True, slots=True)
class MovedRows:
    """Rows that were withdrawn or restored."""

    rows: Mapping[str, frozenset[int]]  #: primary keys by kind, with those that went, or came back, with their clients
    client_ids: frozenset[int]  #: primary keys of the clients whose points may have moved
    withdrawal_id: int | None = (
        None  #: of the act that withdrew them; None when nothing was withdrawn, and for restored rows
    )

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of rows by kind, without kinds that have none."""
        return {kind: len(pks) for kind, pks in self.rows.items() if pks}


class Withdrawals(Protocol):
    """What `clients.withdrawals` offers. Moving rows needs the partner's lock; the caller bumps the generation and sends
    `facts_committed` for `client_ids`, once for all that it writes.
    """

    def of_merges(self, scope: Any) -> list[int]:
        """Primary keys of the withdrawals of rows that are the same as others since product lines were merged."""

    def withdraw_rows(self, *, scope: Any, rows: Rows, reason: str = "", batch_id: int | None = None) -> MovedRows:
        """Withdraw the rows among these that are not withdrawn, and all facts of the clients among them.

        A row that a merge of product lines withdrew is withdrawn for good: it does not come back with the merge's undo.
        """

    def restore_rows(self, *, scope: Any, rows: Rows) -> MovedRows:
        """Restore the withdrawn rows among these, and what was withdrawn with the clients among them."""


class _Registered:
    withdrawals: Withdrawals | None = None


def register(withdrawals: Withdrawals) -> None:
    """Register what withdraws and restores facts."""
    _Registered.withdrawals = withdrawals


def withdrawals() -> Withdrawals:
    """Return what withdraws and restores facts. Raises RuntimeError before the apps are ready."""
    if _Registered.withdrawals is None:
        raise RuntimeError("no app has registered withdrawals")
    return _Registered.withdrawals
