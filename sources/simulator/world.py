"""State of a simulated account: records, associations, lists, and a search index that lags behind."""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from partner_portal.lib.dates import clock
from sources.simulator.schema import LIST_SCOPES, PIPELINES, PROPERTIES, SCOPES, Property


@dataclass(slots=True)
class Row:
    """A record, and its state in the search index, which lags behind."""

    id: int
    properties: dict[str, str]
    created: datetime
    updated: datetime
    archived_at: datetime | None = None
    #: Properties as the index has them; None: as they are.
    indexed: dict[str, str] | None = None
    index_due: datetime | None = None
    #: Versions by property, oldest first: when it got a value, and which.
    versions: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)

    @property
    def archived(self) -> bool:
        """Whether it was deleted, and can be restored."""
        return self.archived_at is not None


@dataclass(slots=True)
class MemberList:
    """A list of records."""

    id: int
    name: str
    object_type_id: str
    processing_type: str
    created: datetime
    members: dict[int, datetime] = field(default_factory=dict)  #: id -> when it was added


class World:
    """An account with its records.

    now:       its clock.
    index_lag: search knows a change after a random time of at most so many seconds, so not in the order of changes.
    nulls:     properties that are empty are null in answers; else they are missing.
    """

    def __init__(self, now: Callable[[], datetime] = clock.now, seed: int = 1) -> None:
        self.now = now
        self.random = random.Random(seed)  # noqa: S311 -- no secret depends on it
        self.index_lag = 0.0
        self.nulls = True
        self.account_id = 14500123
        self.zone = "Europe/Amsterdam"
        self.currency = "EUR"
        self.daily_limit = 625_000
        self.burst_limit = 100  # calls in 10 seconds
        self.search_limit = 5  # searches in a second
        self.versions_most = 20  # of a property; older ones are dropped
        #: Scopes of each token.
        self.tokens: dict[str, set[str]] = {}
        self.properties: dict[str, dict[str, Property]] = {name: dict(known) for name, known in PROPERTIES.items()}
        self.rows: dict[str, dict[int, Row]] = {name: {} for name in PROPERTIES}
        self.lists: dict[int, MemberList] = {}
        self._ids: dict[str, list[int]] = {name: [] for name in PROPERTIES}
        self._links: dict[tuple[str, str], dict[int, dict[int, bool]]] = {}
        self._last_id = 1000

    def add_token(self, token: str, scopes: Iterable[str] = (*SCOPES.values(), *LIST_SCOPES)) -> None:
        """Accept a token, with these scopes."""
        self.tokens[token] = set(scopes)

    def add(self, object_type: str, properties: Mapping[str, str], record_id: int | None = None) -> Row:
        """Create a record."""
        record_id = record_id or self._last_id + 1
        self._last_id = max(self._last_id, record_id)
        now = self.now()
        row = Row(record_id, {}, now, now)
        self.rows[object_type][record_id] = row
        ids = self._ids[object_type]
        ids.insert(bisect_right(ids, record_id), record_id)
        self._set(object_type, row, {"hs_createdate": text_of(now)} | dict(properties), touched=True, before={})
        return row

    def change(
        self, object_type: str, record_id: int, touched: bool = True, versioned: bool = True, **properties: str
    ) -> Row:
        """Change properties, `""` to empty one. Without `touched` the record is not marked as changed, as HubSpot does with
        calculated properties; without `versioned` the history does not know of it. Raises KeyError for an unknown or archived
        record."""
        row = self.rows[object_type][record_id]
        if row.archived:
            raise KeyError(record_id)
        if object_type == "deals" and _is_closed(properties) and not _is_closed(row.properties):
            properties = {"closedate": text_of(self.now())} | properties
        before = dict(row.properties)
        self._set(object_type, row, properties, touched=touched, before=before, versioned=versioned)
        return row

    def write_history(
        self, object_type: str, record_id: int, name: str, versions: Iterable[tuple[datetime, str]]
    ) -> None:
        """Give a property earlier versions in place of those it has; its value becomes the last of them."""
        row, past = self.rows[object_type][record_id], list(versions)
        self._set(object_type, row, {name: past[-1][1]}, touched=False, before=dict(row.properties))
        row.versions[name] = past

    def archive(self, object_type: str, record_id: int) -> None:
        """Delete a record; it can be restored."""
        row = self.rows[object_type][record_id]
        self._index_later(row, dict(row.properties))
        row.archived_at = self.now()

    def restore(self, object_type: str, record_id: int) -> None:
        """Bring a deleted record back."""
        row = self.rows[object_type][record_id]
        self._index_later(row, {})
        row.archived_at = None
        self._touch(row)

    def merge(self, object_type: str, survivor: int, merged: int, *, new_id: bool = False) -> Row:
        """Merge a record into another, or both into a record with a new id. What was merged away is in no list any more."""
        rows = self.rows[object_type]
        gone = [merged, survivor] if new_id else [merged]
        row = self.add(object_type, dict(rows[survivor].properties)) if new_id else rows[survivor]
        before = rows[survivor].properties.get("hs_merged_object_ids", "").split(";")
        ids = [record_id for record_id in (*before, *map(str, gone)) if record_id]
        for record_id in gone:
            for (source, target), links in list(self._links.items()):
                if source == object_type:
                    for other in links.pop(record_id, {}):
                        self._links[target, source].get(other, {}).pop(record_id, None)
                        self.associate(object_type, row.id, target, other)
            del rows[record_id]
            self._ids[object_type].remove(record_id)
        self._set(object_type, row, {"hs_merged_object_ids": ";".join(ids)}, touched=True, before=dict(row.properties))
        return row

    def associate(self, source: str, record_id: int, target: str, other: int, *, primary: bool = False) -> None:
        """Associate two records. Neither counts as changed."""
        for one, two, first, second in ((source, target, record_id, other), (target, source, other, record_id)):
            links = self._links.setdefault((one, two), {}).setdefault(first, {})
            links[second] = primary or links.get(second, False)

    def dissociate(self, source: str, record_id: int, target: str, other: int) -> None:
        """Remove the association of two records. Neither counts as changed."""
        for one, two, first, second in ((source, target, record_id, other), (target, source, other, record_id)):
            self._links.get((one, two), {}).get(first, {}).pop(second, None)

    def associated(self, source: str, record_id: int, target: str) -> list[tuple[int, bool]]:
        """Records associated with one, by id, and whether each is the primary one."""
        rows = self.rows[target]
        links = self._links.get((source, target), {}).get(record_id, {})
        return sorted(
            (other, primary) for other, primary in links.items() if other in rows and not rows[other].archived
        )

    def can_associate(self, source: str, target: str) -> bool:
        """Whether any records of the two objects are associated."""
        return (source, target) in self._links

    def listed(self, object_type: str, after: int, count: int, *, archived: bool) -> tuple[list[Row], int | None]:
        """Records in the order of their ids from after an id on, and the id to continue after; None at the end."""
        rows, ids = self.rows[object_type], self._ids[object_type]
        page: list[Row] = []
        for place in range(bisect_right(ids, after), len(ids)):
            row = rows[ids[place]]
            if row.archived == archived:
                if len(page) == count:
                    return page, page[-1].id
                page.append(row)
        return page, None

    def indexed(self, object_type: str, after: int = 0) -> Iterable[tuple[int, dict[str, str]]]:
        """Ids above `after` and properties as search knows them now, by id."""
        now = self.now()
        rows = self.rows[object_type]
        ids = self._ids[object_type]
        for place in range(bisect_right(ids, after), len(ids)):
            record_id = ids[place]
            row = rows[record_id]
            if row.index_due is not None and now >= row.index_due:
                row.indexed = row.index_due = None
            if row.indexed is not None:
                if row.indexed:
                    yield record_id, row.indexed
            elif row.archived_at is None:
                yield record_id, row.properties

    def drop_property(self, object_type: str, name: str) -> None:
        """Delete a property, with its values."""
        del self.properties[object_type][name]
        for row in self.rows[object_type].values():
            row.properties.pop(name, None)

    def make_list(self, name: str, object_type_id: str, processing_type: str) -> MemberList:
        """Create a list."""
        made = MemberList(len(self.lists) + 1, name, object_type_id, processing_type, self.now())
        self.lists[made.id] = made
        return made

    def _set(
        self,
        object_type: str,
        row: Row,
        values: Mapping[str, str],
        *,
        touched: bool,
        before: dict[str, str],
        versioned: bool = True,
    ) -> None:
        self._index_later(row, before)
        for name, value in values.items():
            row.properties.pop(name, None)
            if value != "":
                row.properties[name] = value
            if versioned and object_type == "partner_clients":
                row.versions.setdefault(name, []).append((self.now(), value))
        row.properties["hs_object_id"] = str(row.id)
        if object_type == "deals":
            _derive(row.properties)
        if touched:
            self._touch(row)

    def _touch(self, row: Row) -> None:
        row.updated = self.now()
        row.properties["hs_lastmodifieddate"] = text_of(row.updated)

    def _index_later(self, row: Row, before: dict[str, str]) -> None:
        """Have the index show `before` until it catches up; an empty one for a record that it does not know yet."""
        if self.index_lag:
            if row.indexed is None:
                row.indexed = before
            row.index_due = self.now() + timedelta(seconds=self.random.uniform(0, self.index_lag))


def _is_closed(deal: Mapping[str, str]) -> bool:
    return _probability(deal) in (0, 1)


def _probability(deal: Mapping[str, str]) -> float | None:
    """Probability of a deal's stage: 1 for won, 0 for lost; None for no stage that is known."""
    stages = {known: stage for _label, of_one in PIPELINES.values() for known, stage in of_one.items()}
    stage = stages.get(deal.get("dealstage", ""))
    return stage.probability if stage else None


def _derive(deal: dict[str, str]) -> None:
    """Set what HubSpot calculates from a deal's stage."""
    won = _probability(deal) == 1
    deal["hs_is_closed_won"] = "true" if won else "false"
    deal["hs_is_closed"] = "true" if _is_closed(deal) else "false"
    deal.pop("hs_closed_won_date", None)
    if won and "closedate" in deal:
        deal["hs_closed_won_date"] = deal["closedate"]


def text_of(moment: datetime) -> str:
    """A moment as HubSpot writes it: UTC, with milliseconds."""
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
