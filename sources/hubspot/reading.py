"""Reads HubSpot's objects page by page: lists, archived records, changes in a window, associations, schema."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sources.hubspot import endpoints
from sources.hubspot.client import HubSpotClient
from sources.hubspot.history import Version
from sources.source import AnswerInvalid, JsonObject

LIST_PAGE = 100  # the most that HubSpot gives at once
HISTORY_PAGE = 50  # the same with earlier values
SEARCH_PAGE = 200
ASSOCIATION_BATCH = 1000
NO_ASSOCIATIONS = {"OBJECT_NOT_FOUND", "NO_ASSOCIATIONS_FOUND"}  # errors of a batch that only say that there are none

ID = "hs_object_id"
MODIFIED = "hs_lastmodifieddate"
PRIMARY = 5  # type of a deal's association to its primary company
PRIMARY_LABEL = "primary"


@dataclass(frozen=True, slots=True)
class Record:
    """A record of an object."""

    id: str
    properties: Mapping[str, str]  #: those that are not empty
    url: str = ""  #: its address in the CRM, where HubSpot gives it
    history: Mapping[str, Sequence[Version]] = field(default_factory=dict)  #: of the properties asked for, oldest first


@dataclass(frozen=True, slots=True)
class Link:
    """An association to another record."""

    id: str
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an object's schema."""

    name: str
    label: str
    type: str
    options: Mapping[str, str]  #: value -> label
    calculated: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a deal pipeline."""

    id: str
    label: str
    probability: float | None  #: 1 for won, 0 for lost; None where it is not given


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A deal pipeline."""

    id: str
    label: str
    stages: tuple[Stage, ...]


def account(client: HubSpotClient) -> JsonObject:
    """Details of the token's account; sets the client's time zone. Raises SourceError."""
    details = client.get(endpoints.ACCOUNT)
    if not details.get("portalId"):
        raise AnswerInvalid("form")
    client.zone = str(details.get("timeZone") or "UTC")
    return details


def properties(client: HubSpotClient, object_type: str) -> list[Property]:
    """Schema of an object. Raises SourceError."""
    return [
        Property(
            _text(row, "name"),
            _text(row, "label") or _text(row, "name"),
            _text(row, "type"),
            {_text(option, "value"): _text(option, "label") for option in _rows(row, "options")},
            row.get("calculated") is True,
            row.get("hidden") is True,
        )
        for row in _rows(client.get(endpoints.properties(object_type)), "results", required=True)
    ]


def pipelines(client: HubSpotClient) -> list[Pipeline]:
    """Deal pipelines with their stages. Raises SourceError."""
    return [
        Pipeline(
            _text(row, "id"),
            _text(row, "label"),
            tuple(
                Stage(_text(stage, "id"), _text(stage, "label"), _probability(stage)) for stage in _rows(row, "stages")
            ),
        )
        for row in _rows(client.get(endpoints.DEAL_PIPELINES), "results", required=True)
    ]


def associated(client: HubSpotClient, source: str, target: str) -> bool:
    """Whether records of the two objects can be associated at all. Raises SourceError."""
    return bool(_rows(client.get(endpoints.association_labels(source, target)), "results", required=True))


def pages(
    client: HubSpotClient,
    object_type: str,
    names: Sequence[str],
    *,
    archived: bool = False,
    history: Sequence[str] = (),
) -> Iterator[list[Record]]:
    """All records of an object, a page at a time; with the versions of the properties in `history`. Raises SourceError.

    The next page is requested by its cursor: the link that the answer offers too is not followed, since the token would
    go wherever it points.
    """
    params: dict[str, str | int] = {"limit": LIST_PAGE, "properties": ",".join(names)}
    if archived:
        params["archived"] = "true"
    if history:
        params |= {"limit": HISTORY_PAGE, "propertiesWithHistory": ",".join(history)}
    while True:
        answer = client.get(endpoints.records(object_type), params)
        yield [_record(row) for row in _rows(answer, "results", required=True)]
        after = _next(answer)
        if not after:
            return
        if after == params.get("after"):
            raise AnswerInvalid("form")
        params["after"] = after


def changed(
    client: HubSpotClient, object_type: str, names: Sequence[str], start: datetime, end: datetime
) -> Iterator[list[Record]]:
    """Records that changed from `start` to `end`, both included, a page at a time. Raises SourceError.

    Pages continue after the last id rather than at an offset: a search gives no more than 10,000 results, and as many
    records can have one moment of change.
    """
    last = 0
    while True:
        window = {
            "propertyName": MODIFIED,
            "operator": "BETWEEN",
            "value": _milliseconds(start),
            "highValue": _milliseconds(end),
        }
        following = {"propertyName": ID, "operator": "GT", "value": str(last)}
        body = {
            "filterGroups": [{"filters": [following, window]}],
            "sorts": [{"propertyName": ID, "direction": "ASCENDING"}],
            "properties": [*names, MODIFIED],
            "limit": SEARCH_PAGE,
        }
        answer = client.post(endpoints.search(object_type), body, search=True)
        records = [_record(row) for row in _rows(answer, "results", required=True)]
        ids = [int(record.id) for record in records]
        if ids != sorted(set(ids)) or (ids and ids[0] <= last):
            raise AnswerInvalid("form")  # out of order: continuing after the last one would miss some
        yield [record for record in records if _in_window(record, start, end)]
        if not _next(answer) or not ids:
            return
        last = ids[-1]


def count(client: HubSpotClient, object_type: str, test: tuple[str, str, str] | None) -> int:
    """How many records there are, or pass a test: property, operator, value. Raises SourceError."""
    filters = [dict(zip(("propertyName", "operator", "value"), test, strict=True))] if test else []
    body = {"filterGroups": [{"filters": filters}] if filters else [], "properties": [ID], "limit": 1}
    total = client.post(endpoints.search(object_type), body, search=True).get("total")
    if not isinstance(total, int):
        raise AnswerInvalid("form")
    return total


def associations(client: HubSpotClient, source: str, target: str, ids: Sequence[str]) -> dict[str, list[Link]]:
    """Associations of these records, by id; those without any are missing. Raises SourceError.

    Raises AnswerInvalid when HubSpot could not read some of them: missing associations must never look like none.
    """
    links: dict[str, list[Link]] = {}
    waiting: list[dict[str, str]] = [{"id": record_id} for record_id in ids]
    while waiting:
        batch, waiting = waiting[:ASSOCIATION_BATCH], waiting[ASSOCIATION_BATCH:]
        answer = client.post(endpoints.associations(source, target), {"inputs": batch})
        for error in _rows(answer, "errors"):
            if not NO_ASSOCIATIONS & {_text(error, "category"), _text(error, "subCategory").rpartition(".")[2]}:
                raise AnswerInvalid("form")
        for row in _rows(answer, "results", required=True):
            origin = row.get("from")
            record_id = _text(origin, "id") if isinstance(origin, dict) else ""
            links.setdefault(record_id, []).extend(_link(to) for to in _rows(row, "to"))
            if after := _next(row):
                waiting.append({"id": record_id, "after": after})
    return links


def _link(row: JsonObject) -> Link:
    types = _rows(row, "associationTypes")
    primary = any(kind.get("typeId") == PRIMARY or _text(kind, "label").casefold() == PRIMARY_LABEL for kind in types)
    return Link(_text(row, "toObjectId"), primary)


def _record(row: JsonObject) -> Record:
    record_id, values = _text(row, "id"), row.get("properties")
    if not (record_id.isascii() and record_id.isdigit()) or not isinstance(values, dict):
        raise AnswerInvalid("form")
    properties = {name: str(value) for name, value in values.items() if value is not None and value != ""}
    return Record(record_id, properties | {ID: record_id}, _text(row, "url"), _history(row))


def _history(row: JsonObject) -> dict[str, list[Version]]:
    """Versions by property, oldest first: HubSpot gives the newest first. Raises AnswerInvalid for one without a moment."""
    histories = row.get("propertiesWithHistory") or {}
    if not isinstance(histories, dict):
        raise AnswerInvalid("form")
    return {
        name: sorted(map(_version, reversed(_rows(histories, name))), key=lambda version: version.at)
        for name in histories
    }


def _version(row: JsonObject) -> Version:
    text = _text(row, "timestamp")
    try:
        at = datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdigit() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise AnswerInvalid("form") from None
    return Version(at if at.tzinfo else at.replace(tzinfo=UTC), _text(row, "value"))


def _rows(answer: JsonObject, name: str, *, required: bool = False) -> list[JsonObject]:
    """A list of objects in an answer. Raises AnswerInvalid for something else, or when it is required and missing."""
    rows = answer.get(name)
    if rows is None and not required:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise AnswerInvalid("form")
    return rows


def _next(answer: JsonObject) -> str:
    """Cursor of the next page; "" after the last."""
    paging = answer.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    return _text(following, "after") if isinstance(following, dict) else ""


def _text(row: JsonObject, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _probability(stage: JsonObject) -> float | None:
    metadata = stage.get("metadata")
    with suppress(ValueError):
        return float(_text(metadata, "probability")) if isinstance(metadata, dict) else None
    return None


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _in_window(record: Record, start: datetime, end: datetime) -> bool:
    """Whether it changed in the window, since the search index lags. A record without a usable time counts as changed."""
    try:
        changed = datetime.fromisoformat(record.properties.get(MODIFIED, ""))
    except ValueError:
        return True
    return start <= (changed if changed.tzinfo else changed.replace(tzinfo=UTC)) <= end
