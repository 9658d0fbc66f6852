"""What looks forgotten in an import of files that are not complete (points.md 13): stored rows that it does not have, and
new rows that look like one of these. Nothing is changed.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from accounts.scope import Scope
from imports.checks import Checked, CheckedKind
from imports.key_comparison import staged_keys, stored_count


@dataclass(frozen=True, slots=True)
class Pair:
    """A new row that may be a stored one with a corrected key."""

    kind: str  #: key
    pk: int  #: primary key of the stored row
    source: int  #: number of the source of the new row
    row: int  #: its row there
    message: str  #: a question


@dataclass(slots=True)
class Forgotten:
    """What looks forgotten, by kind."""

    missing: dict[str, list[int]] = field(default_factory=dict)  #: primary keys, in order
    stored: dict[str, int] = field(default_factory=dict)  #: stored rows of these kinds
    pairs: list[Pair] = field(default_factory=list)


def find_forgotten(scope: Scope, checked: Checked, complete: Collection[str]) -> Forgotten:
    """Compare the kinds that are not complete. Seven queries for a kind, and those of its `look_alikes`."""
    forgotten = Forgotten()
    for of_kind in checked.kinds:
        key = of_kind.kind.key
        if key in complete or checked.blocked or not (stored := stored_count(scope, of_kind.kind)):
            continue
        with staged_keys(scope, of_kind) as keys:
            missing = sorted(keys.missing())
            if not missing:
                continue
            new = keys.new() if of_kind.kind.look_alikes else []
        forgotten.missing[key], forgotten.stored[key] = missing, stored
        forgotten.pairs += _pairs(scope, of_kind, new, missing)
    return forgotten


def _pairs(scope: Scope, of_kind: CheckedKind, new: Collection[int], missing: Collection[int]) -> list[Pair]:
    rows = of_kind.values.loc[sorted(set(new) - of_kind.repeated - of_kind.unsplit)].dropna()
    if rows.empty or of_kind.kind.look_alikes is None:
        return []
    sources, numbers = of_kind.places["source"], of_kind.places["row"]
    return [
        Pair(of_kind.kind.key, pair.pk, int(sources[pair.row]), int(numbers[pair.row]), pair.message)
        for pair in of_kind.kind.look_alikes(scope, rows, set(missing))
    ]
