"""Effects of an import beyond its own rows, stored with the batch for its page: rows that the files do not have, withdrawn or
not, new rows that look like one of these, and what an undo takes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from imports.complete import Missing
from imports.forgotten import Forgotten
from imports.models import ImportBatch, ImportTable
from imports.undo import LeftRow, UndoOutcome

MOST_LISTED = 10_000  # rows of a kind whose primary keys are stored; all of them count
MOST_NAMED = 500  # rows that are stored by name
MOST_PAIRS = 20  # pairs that are named; all of them count


@dataclass(frozen=True, slots=True)
class MissingRows:
    """Stored rows of a kind that the files do not have."""

    kind: str  #: key
    rows: int
    stored: int  #: rows of the kind that counted before
    pks: Sequence[int] = ()  #: the first of them
    guarded: bool = False  #: so many are withdrawn that a person has to confirm the number


@dataclass(frozen=True, slots=True)
class LookAlikeRow:
    """A new row that may be a stored one with a corrected key."""

    kind: str  #: key
    pk: int  #: primary key of the stored row
    file: str  #: file and sheet of the new row
    row: int  #: its row there
    message: str  #: a question, without a first capital


@dataclass(frozen=True, slots=True)
class Effects:
    """What an import withdraws, forgets or takes back."""

    withdrawals: Sequence[MissingRows] = ()  #: of complete files
    missing: Sequence[MissingRows] = ()  #: of other files: they stay
    pairs: int = 0  #: new rows that look like one of these
    look_alikes: Sequence[LookAlikeRow] = ()  #: the first of them
    points: dict[str, object] = field(default_factory=dict)  #: summary of posting the withdrawals alone
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
    def of_check(
        cls, missing: Missing, points: dict[str, object], forgotten: Forgotten, tables: Sequence[ImportTable]
    ) -> "Effects":
        """Effects of files. points: summary of posting the withdrawals alone. tables: by number of the source."""
        return cls(
            withdrawals=[
                MissingRows(key, len(pks), missing.stored[key], sorted(pks)[:MOST_LISTED], key in missing.guarded)
                for key, pks in missing.moved.rows.items()
            ],
            missing=[
                MissingRows(key, len(pks), forgotten.stored[key], pks[:MOST_LISTED])
                for key, pks in forgotten.missing.items()
            ],
            pairs=len(forgotten.pairs),
            look_alikes=[
                LookAlikeRow(pair.kind, pair.pk, tables[pair.source].label, pair.row, pair.message)
                for pair in forgotten.pairs[:MOST_PAIRS]
            ],
            points=points,
        )

    def missing_of(self, kind_key: str) -> MissingRows | None:
        """The rows of a kind that the files do not have, withdrawn or not; None for none."""
        return next((row for row in (*self.withdrawals, *self.missing) if row.kind == kind_key), None)

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
        withdrawals=[MissingRows(**row) for row in data["withdrawals"]],
        missing=[MissingRows(**row) for row in data.get("missing", ())],
        pairs=data.get("pairs", 0),
        look_alikes=[LookAlikeRow(**row) for row in data.get("look_alikes", ())],
        points=data["points"],
        undone=data["undone"],
        left=data["left"],
        left_rows=[LeftRow(**row) for row in data["left_rows"]],
    )
