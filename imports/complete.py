"""Complete files (points.md 13): withdraws the stored rows of a kind that are not among the rows of an import."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from django.utils.translation import ngettext

from accounts.scope import Scope
from imports.checks import Checked, CheckedKind
from imports.key_comparison import staged_keys, stored_count
from partner_portal.lib.rows.facts import kinds
from partner_portal.lib.rows.withdrawals import MovedRows, withdrawals

FEW_ROWS = 10  # so many may go without being confirmed,
FEW_PERCENT = 5  # and so many of 100 stored ones


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows that an import withdraws since complete files do not have them, those that go with their clients included."""

    moved: MovedRows = field(default_factory=lambda: MovedRows({}, frozenset()))
    stored: Mapping[str, int] = field(default_factory=dict)  #: rows of those kinds that counted before

    @property
    def total(self) -> int:
        """Number of rows of all kinds."""
        return sum(self.moved.counts.values())

    @property
    def guarded(self) -> dict[str, int]:
        """Numbers of rows by kind, of the kinds that lose so many that a person has to confirm it."""
        return {
            key: rows
            for key, rows in self.moved.counts.items()
            if rows > FEW_ROWS and rows * 100 > FEW_PERCENT * self.stored[key]
        }

    def confirmed_by(self, allowed: int | None) -> bool:
        """Whether so many withdrawals are enough for the kinds that need to be confirmed."""
        return sum(self.guarded.values()) <= (allowed or 0)


def withdraw_missing(scope: Scope, checked: Checked, complete: Collection[str], *, batch_id: int) -> Missing:
    """Withdraw the stored rows that complete files do not have. Needs the partner's lock.

    Does nothing when a file is unusable, and blocks the import when the key of a row cannot be read: that row may be any of
    those that look missing. Rows of a live connection are not told apart yet, since there is none: the origin of a row is the
    batch of its latest `ImportChange`, and rows whose origin is a connection are to be left out of `StagedKeys.missing`.
    """
    rows: dict[str, list[int]] = {}
    for of_kind in checked.kinds:
        if of_kind.kind.key in complete and not checked.blocked:
            _block_unreadable(checked, of_kind)
    if checked.blocked or not complete:
        return Missing()
    for of_kind in checked.kinds:
        if of_kind.kind.key in complete:
            with staged_keys(scope, of_kind) as keys:
                rows[of_kind.kind.key] = keys.missing()
    stored = {kind.key: stored_count(scope, kind) for kind in kinds()} if any(rows.values()) else {}
    return Missing(withdrawals().withdraw_rows(scope=scope, rows=rows, batch_id=batch_id), stored)


def _block_unreadable(checked: Checked, of_kind: CheckedKind) -> None:
    keys = of_kind.values[list(of_kind.kind.key_columns)]
    unreadable = keys.index[keys.isna().any(axis=1)].union(list(of_kind.unsplit))
    for source, labels in of_kind.places.loc[unreadable].groupby("source"):
        checked.blocked = True
        checked.notices[int(str(source))].append(
            ngettext(
                "%(rows)s row has no readable key: the file cannot be taken as complete",
                "%(rows)s rows have no readable key: the file cannot be taken as complete",
                len(labels),
            )
            % {"rows": len(labels)}
        )
