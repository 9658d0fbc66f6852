"""What an import withdraws (points.md 13): stored rows that complete files do not have, and rows that a live connection
knows to be gone. Rows of a connection are withdrawn by that connection alone, and rows of files by files."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from django.utils.translation import ngettext

from accounts.scope import Scope
from imports.checks import Checked, CheckedKind
from imports.key_comparison import staged_keys, stored_count
from partner_portal.lib.rows.connected import connected_rows
from partner_portal.lib.rows.facts import kinds
from partner_portal.lib.rows.withdrawals import MovedRows, withdrawals

FEW_ROWS = 10  # as many may be withdrawn without a confirmation,
FEW_PERCENT = 5  # or this percentage of the stored ones


@dataclass(frozen=True, slots=True)
class WithdrawalPlan:
    """Which stored rows an import is to withdraw."""

    complete: Collection[str] = ()  #: keys of the kinds of which the files have every row
    named: Mapping[str, Collection[int]] = field(default_factory=dict)  #: primary keys of rows that are gone, by kind
    connection_id: int | None = None  #: the live connection whose rows may go; None for rows of files


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows that an import withdraws, those that go with their clients included."""

    moved: MovedRows = field(default_factory=lambda: MovedRows({}, frozenset()))
    stored: Mapping[str, int] = field(default_factory=dict)  #: rows of those kinds that counted before

    @property
    def total(self) -> int:
        """Number of rows of all kinds."""
        return sum(self.moved.counts.values())

    @property
    def guarded(self) -> dict[str, int]:
        """Numbers of rows by kind, of the kinds that lose more than a few: a person has to confirm them."""
        return {
            key: rows
            for key, rows in self.moved.counts.items()
            if rows > FEW_ROWS and rows * 100 > FEW_PERCENT * self.stored[key]
        }

    def confirmed_by(self, allowed: int | None) -> bool:
        """Whether a confirmed number covers the withdrawals of the kinds that need a confirmation."""
        return sum(self.guarded.values()) <= (allowed or 0)


def withdraw_missing(scope: Scope, checked: Checked, plan: WithdrawalPlan, *, batch_id: int) -> Missing:
    """Withdraw the stored rows that the plan names or that complete files do not have. Needs the partner's lock.

    Does nothing when a file is unusable, and blocks the import when the key of a row cannot be read: that row may be any of
    those that look missing.
    """
    for of_kind in checked.kinds:
        if of_kind.kind.key in plan.complete and not checked.blocked:
            _block_unreadable(checked, of_kind)
    if checked.blocked or not (plan.complete or plan.named):
        return Missing()
    rows = {key: _owned_pks(scope, key, pks, plan.connection_id) for key, pks in plan.named.items()}
    for of_kind in checked.kinds:
        key = of_kind.kind.key
        if key in plan.complete:
            with staged_keys(scope, of_kind) as keys:
                rows[key] = [*rows.get(key, ()), *keys.missing(plan.connection_id)]
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


def _owned_pks(scope: Scope, key: str, pks: Collection[int], connection_id: int | None) -> list[int]:
    """The rows of a kind that the connection imported."""
    brought = connected_rows()._default_manager.filter(
        partner=scope.partner, connection=connection_id, kind=key, fact_id__in=list(pks)
    )
    return list(brought.values_list("fact_id", flat=True))
