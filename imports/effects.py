"""Effects of an import beyond its own rows, stored with the batch for its page: withdrawn rows, and what an undo takes back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from imports.complete import Missing
from imports.models import ImportBatch
from imports.undo import LeftRow, UndoOutcome

MOST_NAMED = 500  # rows that are stored by name; all of them count


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """Rows of a kind that complete files do not have."""

    kind: str  #: key
    rows: int
    stored: int  #: rows of the kind that counted before
    pks: Sequence[int] = ()  #: the first of them
    guarded: bool = False  #: so many that a person has to confirm the number


@dataclass(frozen=True, slots=True)
class Effects:
    """What an import withdraws or takes back."""

    withdrawals: Sequence[Withdrawals] = ()
    points: Mapping[str, object] = field(default_factory=dict)  #: summary of posting the withdrawals alone
    undone: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  #: rows by kind and by what the undo does to them
    left: int = 0  #: rows that the undo leaves as they are
    left_rows: Sequence[LeftRow] = ()  #: the first of them

    @property
    def to_confirm(self) -> int:
        """Number of withdrawals that a person has to confirm; 0 for none."""
        return sum(kind.rows for kind in self.withdrawals if kind.guarded)

    @classmethod
    def of_missing(cls, missing: Missing, points: Mapping[str, object]) -> "Effects":
        """Effects of complete files."""
        return cls(
            withdrawals=[
                Withdrawals(key, len(pks), missing.stored[key], sorted(pks)[:MOST_NAMED], key in missing.guarded)
                for key, pks in missing.moved.rows.items()
            ],
            points=points,
        )

    @classmethod
    def of_undo(cls, outcome: UndoOutcome) -> "Effects":
        """Effects of an undo."""
        return cls(undone=outcome.counts, left=len(outcome.left), left_rows=outcome.left[:MOST_NAMED])


def effects_data(effects: Effects) -> dict[str, object]:
    """The effects as JSON values."""
    return asdict(effects)


def effects_of(batch: ImportBatch) -> Effects:
    """The effects stored with a batch."""
    data = batch.effects
    if not data:
        return Effects()
    return Effects(
        withdrawals=[Withdrawals(**row) for row in data["withdrawals"]],
        points=data["points"],
        undone=data["undone"],
        left=data["left"],
        left_rows=[LeftRow(**row) for row in data["left_rows"]],
    )
