"""Comparison of the entries that should exist with those that are posted. Reads only; `ledger.services` writes."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import batched, chain, pairwise
from operator import attrgetter
from typing import Any

from accounts.scope import Scope
from ledger.engine import entries
from ledger.facts_of_clients import LoadedFacts, load_facts
from ledger.models import PointEntry
from ledger.records import Entry
from program.rulebook import Rulebook
from program.terms import Cause

PIECE = 500  # clients at a time: bounds memory and the number of queries

# Columns of an entry with the name and value of the engine's field.
FROM_ENGINE = tuple(
    name for name in Entry._fields if name not in {"deal_id", "by_deal_id", "lot_points", "earned_on", "share"}
)
ON, TRACK, CAUSE, POINTS = (FROM_ENGINE.index(name) for name in ("on", "track", "cause", "points"))
Key = tuple[object, object, object, str, str]
Day = tuple[date, str, str]  # with track and cause
#: The values by which an entry is compared, in the order of `Posted.values`.
values_of: Callable[[Entry], tuple[object, ...]] = attrgetter(*FROM_ENGINE, "share")


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry in force: posted, not a reversal and not reversed."""

    pk: int
    deal: int | None  #: primary key of its deal; None for managed points
    by_deal_id: str
    values: tuple[Any, ...]  #: its FROM_ENGINE columns and share

    @property
    def day(self) -> Day:
        """The sum by day that it counts in."""
        return self.values[ON], self.values[TRACK], self.values[CAUSE]

    @property
    def points(self) -> Decimal:
        """Signed."""
        points: Decimal = self.values[POINTS]
        return points


@dataclass(frozen=True, slots=True)
class ClientDifference:
    """What brings one client's ledger in line with its facts."""

    loaded: LoadedFacts
    reverse: list[Posted]
    post: list[Entry]
    lots: dict[str, int]  #: primary keys of earning entries that stay, by deal id
    corrected: frozenset[str]  #: deal ids ("" for managed) of which an entry is reversed and posted anew


def differences(
    scope: Scope, client_pks: Collection[int], rulebook: Rulebook, through: date
) -> Iterator[Iterator[ClientDifference]]:
    """The differences of these clients up to `through`, included, in pieces of `PIECE` clients. Those without are left out.

    A piece is computed while it is iterated over. That asks nothing of the database: what the next piece needs is read by then.
    Computing raises UnknownCurrencyError when a rate table no longer knows a currency that is in use.
    """
    read = ((_posted(scope, pks), load_facts(scope, pks)) for pks in batched(sorted(client_pks), PIECE, strict=False))
    for piece, _next in pairwise(chain(read, (None,))):
        if piece is not None:
            yield _computed(*piece, rulebook, through)


def _computed(
    posted: dict[int, list[Posted]], facts: list[LoadedFacts], rulebook: Rulebook, through: date
) -> Iterator[ClientDifference]:
    for loaded in facts:
        difference = _difference(loaded, posted.get(loaded.client_pk, []), entries(loaded.facts, rulebook, through))
        if difference.reverse or difference.post:
            yield difference


def _posted(scope: Scope, client_pks: Collection[int]) -> dict[int, list[Posted]]:
    # Pairs of a reversal and its entry are dropped here, since the database would have to join the table with itself.
    rows = PointEntry.objects.filter(partner=scope.partner, client_id__any=client_pks).values_list(
        "pk", "reverses_id", "client_id", "deal_id", "by_deal_id", *FROM_ENGINE, "share"
    )
    cancelled_out = {key for pk, reverses, *_ in rows if reverses for key in (pk, reverses)}
    posted: dict[int, list[Posted]] = {}
    for pk, _reverses, client, deal, by_deal_id, *values in rows:
        if pk not in cancelled_out:
            posted.setdefault(client, []).append(Posted(pk, deal, by_deal_id, tuple(values)))
    return posted


def _difference(loaded: LoadedFacts, posted: list[Posted], expected: tuple[Entry, ...]) -> ClientDifference:
    if not posted:
        return ClientDifference(loaded, [], list(expected), {}, frozenset())
    deal_ids = {pk: deal_id for deal_id, pk in loaded.deals.items()}

    def key_of(row: Posted) -> Key:
        # A deal that is no longer the client's gets a name that no deal id can be, so that two such deals stay two.
        deal_id = deal_ids.get(row.deal, f"\0{row.deal}") if row.deal else ""
        return (row.values[TRACK], row.values[ON], row.values[CAUSE], deal_id, row.by_deal_id)

    present = {key_of(row): row for row in posted}
    due = {entry.key: entry for entry in expected}
    changed = {
        key
        for key in present.keys() | due.keys()
        if key not in present or key not in due or present[key].values != values_of(due[key])
    }
    # A loss names its earning entry: where that one is posted anew, its losses are too.
    moved_lots = {key[3] for key in changed if key[2] == Cause.EARNED and key[3]}
    changed |= {key for key in present.keys() & due.keys() if key[3] in moved_lots}
    return ClientDifference(
        loaded,
        reverse=[row for key, row in present.items() if key in changed],
        post=[entry for entry in expected if entry.key in changed],
        lots={key[3]: row.pk for key, row in present.items() if key[2] == Cause.EARNED and key[3]},
        corrected=frozenset(key[3] for key in present.keys() & changed),
    )
