"""What differs between the entries that should exist and those that are posted. Reads only; `ledger.services` writes."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from accounts.scope import Scope
from ledger.engine import entries
from ledger.facts_of_clients import LoadedFacts, load_facts
from ledger.models import PointEntry
from ledger.records import Entry
from program.rulebook import Rulebook
from program.terms import Cause

CHUNK = 500  # clients: bounds memory, and keeps the number of queries small

# The columns of an entry that come straight from the engine's, by the same name.
FROM_ENGINE = tuple(
    field.name
    for field in fields(Entry)
    if field.name not in {"deal_id", "by_deal_id", "lot_points", "earned_on", "share"}
)
Key = tuple[str, date, str, str, str]


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry in force: posted, not a reversal and not reversed. `values` are its FROM_ENGINE columns and share."""

    pk: int
    deal: int | None
    by_deal_id: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ClientDifference:
    """What one client's ledger lacks: keys of entries to reverse, entries to post, and the earning entries that stay, by
    deal id. `corrected` names the deals ("" for managed) of which something is reversed.
    """

    loaded: LoadedFacts
    reverse: list[int]
    post: list[Entry]
    lots: dict[str, int]
    corrected: frozenset[str]


def differences(
    scope: Scope, client_pks: Collection[int], rulebook: Rulebook, through: date
) -> Iterator[ClientDifference]:
    """Compare clients one by one, up to `through`, included; those without a difference are left out.

    Raises UnknownCurrencyError when a rate table no longer knows a currency that is in use.
    """
    ordered = sorted(client_pks)
    for start in range(0, len(ordered), CHUNK):
        chunk = ordered[start : start + CHUNK]
        posted = _posted(scope, chunk)
        for loaded in load_facts(scope, chunk):
            found = _difference(loaded, posted.get(loaded.client_pk, []), entries(loaded.facts, rulebook, through))
            if found.reverse or found.post:
                yield found


def values_of(entry: Entry) -> tuple[Any, ...]:
    """An entry's comparable values."""
    return (*(getattr(entry, name) for name in FROM_ENGINE), entry.share)


def _posted(scope: Scope, client_pks: Collection[int]) -> dict[int, list[Posted]]:
    # Pairs of a reversal and what it reverses are left out here: the database would join the entries with themselves.
    rows = PointEntry.objects.filter(partner=scope.partner, client_id__in=client_pks).values_list(
        "pk", "reverses_id", "client_id", "deal_id", "by_deal_id", *FROM_ENGINE, "share"
    )
    gone = {which for pk, reverses, *_ in rows if reverses for which in (pk, reverses)}
    found: dict[int, list[Posted]] = {}
    for pk, _reverses, client, deal, by_deal_id, *values in rows:
        if pk not in gone:
            found.setdefault(client, []).append(Posted(pk, deal, by_deal_id, tuple(values)))
    return found


def _difference(loaded: LoadedFacts, posted: list[Posted], wanted: tuple[Entry, ...]) -> ClientDifference:
    if not posted:
        return ClientDifference(loaded, [], list(wanted), {}, frozenset())
    deal_ids = {pk: deal_id for deal_id, pk in loaded.deals.items()}
    track, cause, on = (FROM_ENGINE.index(name) for name in ("track", "cause", "on"))

    def key(row: Posted) -> Key:
        # One that has gone to another client keeps a name of its own, which no deal id can be: two of them are two.
        deal_id = deal_ids.get(row.deal, f"\0{row.deal}") if row.deal else ""
        return (row.values[track], row.values[on], row.values[cause], deal_id, row.by_deal_id)

    present = {key(row): row for row in posted}
    due = {entry.key: entry for entry in wanted}
    changed = {
        which
        for which in present.keys() | due.keys()
        if which not in present or which not in due or present[which].values != values_of(due[which])
    }
    # A loss names its earning entry: where that one is posted anew, its losses are too.
    moved_lots = {which[3] for which in changed if which[2] == Cause.EARNED and which[3]}
    changed |= {which for which in present.keys() & due.keys() if which[3] in moved_lots}
    return ClientDifference(
        loaded,
        reverse=[row.pk for which, row in present.items() if which in changed],
        post=[entry for entry in wanted if entry.key in changed],
        lots={which[3]: row.pk for which, row in present.items() if which[2] == Cause.EARNED and which[3]},
        corrected=frozenset(which[3] for which in present.keys() & changed),
    )
