"""The simulated API: a request in, an answer out. Every dated version is served the same."""

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from sources.simulator.answers import Answer, RefusedError, Request, error, invalid, not_found
from sources.simulator.consent import Consent, drop_ended
from sources.simulator.consent import answer as consent_answer
from sources.simulator.faults import Fault, faulty, missing_scope, rate_limited
from sources.simulator.schema import (
    ASSOCIATION_TYPES,
    LIST_SCOPES,
    OTHER_ASSOCIATION,
    PIPELINES,
    PRIMARY,
    SCOPES,
    TYPE_IDS,
    Property,
)
from sources.simulator.search import least_id, matching
from sources.simulator.traffic import Call, Traffic
from sources.simulator.world import MemberList, Row, World, text_of
from sources.source import JsonObject

LIST_MOST = 100
SEARCH_MOST = 200
ASSOCIATIONS_MOST = 1000
READ_MOST = 100
HISTORY_MOST = 50  # records a page, or ids of a batch, with earlier values
ASSOCIATION_PAGE = 500  # of one record
MEMBERS_PAGE = 250
_ALWAYS = ("hs_object_id", "hs_createdate", "hs_lastmodifieddate")

type Handler = Callable[["Simulator", Request, tuple[str, ...]], object]


class Simulator:
    """Answers calls to an account, and counts them.

    faults: those still to come; the first that applies to a call decides.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.traffic = Traffic()
        self.consent = Consent()
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        #: Results of a search that can be reached.
        self.search_depth = 10_000

    def answer(self, request: Request) -> Answer:
        """Answer a call. Its delay is left to the caller."""
        with self.traffic.counted(), self.lock:
            now = self.world.now()
            answer = self._limited(request, now) or self._answer(request)
            for fault in self.faults:
                if fault.met(request.path, self.world.random.random()):
                    answer = faulty(fault, answer)
                    break
            self.traffic.calls.append(Call(now.timestamp(), request.method, request.path, answer.status))
            headers = {"Content-Type": "application/json;charset=utf-8", "Date": format_datetime(now, usegmt=True)}
            if not request.path.endswith("/search"):
                headers |= self._limits(now)
            return replace(answer, headers=headers | dict(answer.headers))

    def _answer(self, request: Request) -> Answer:
        drop_ended(self.world, self.consent)
        if (of_consent := consent_answer(self.world, self.consent, request)) is not None:
            return of_consent
        try:
            scopes = self._token_scopes(request)
            for method, pattern, handler, needed in _ROUTES:
                if method == request.method and (match := pattern.fullmatch(request.path)):
                    groups = tuple(map(unquote, match.groups()))
                    for scope in needed(groups):
                        if scope not in scopes:
                            return missing_scope(scope)
                    answer = handler(self, request, groups)
                    return answer if isinstance(answer, Answer) else Answer(200, answer)
        except RefusedError as refused:
            return refused.answer
        return error(404, "There is no such address.", "NOT_FOUND")

    def _token_scopes(self, request: Request) -> set[str]:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.world.tokens:
            raise RefusedError(error(401, "Authentication credentials not found.", "INVALID_AUTHENTICATION"))
        return self.world.tokens[token]

    def _limited(self, request: Request, now: datetime) -> Answer | None:
        recent, world = self.traffic.recent, self.world
        if recent(now.timestamp(), 10) >= world.burst_limit:
            return rate_limited("TEN_SECONDLY_ROLLING")
        if request.path.endswith("/search") and recent(now.timestamp(), 1, search=True) >= world.search_limit:
            return rate_limited("SECONDLY")
        return None

    def _limits(self, now: datetime) -> dict[str, str]:
        limit, daily = self.world.burst_limit, self.world.daily_limit
        numbers = {
            "Max": limit,
            "Remaining": max(0, limit - self.traffic.recent(now.timestamp(), 10)),
            "Interval-Milliseconds": 10_000,
            "Daily": daily,
            "Daily-Remaining": max(0, daily - len(self.traffic.calls)),
        }
        return {f"X-HubSpot-RateLimit-{name}": str(number) for name, number in numbers.items()}


def _account(simulator: Simulator, _request: Request, _groups: tuple[str, ...]) -> object:
    world = simulator.world
    offset = world.now().astimezone(ZoneInfo(world.zone)).utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    return {
        "portalId": world.account_id,
        "accountType": "STANDARD",
        "timeZone": world.zone,
        "companyCurrency": world.currency,
        "additionalCurrencies": [],
        "utcOffset": f"{'-' if seconds < 0 else '+'}{abs(seconds) // 3600:02}:{abs(seconds) // 60 % 60:02}",
        "utcOffsetMilliseconds": seconds * 1000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }


def _usage(simulator: Simulator, _request: Request, _groups: tuple[str, ...]) -> object:
    world = simulator.world
    usage = {
        "name": "api-calls-daily",
        "usageLimit": world.daily_limit,
        "currentUsage": len(simulator.traffic.calls),
        "collectedAt": text_of(world.now()),
        "fetchStatus": "SUCCESS",
    }
    return {"results": [usage]}


def _properties(simulator: Simulator, request: Request, groups: tuple[str, ...]) -> object:
    known = simulator.world.properties[_object(groups[0])]
    archived = _flag(request, "archived")
    return {"results": [] if archived else [_property(name, known[name]) for name in known]}


def _property(name: str, known: Property) -> JsonObject:
    return {
        "name": name,
        "label": known.label,
        "type": known.type,
        "fieldType": {"enumeration": "select", "bool": "booleancheckbox", "datetime": "date"}.get(known.type, "text"),
        "description": "",
        "groupName": "information",
        "options": [
            {"label": label, "value": value, "displayOrder": place, "hidden": False}
            for place, (value, label) in enumerate(known.options.items())
        ],
        "calculated": known.calculated,
        "hubspotDefined": not known.own,
        "hidden": False,
    }


def _pipelines(simulator: Simulator, _request: Request, _groups: tuple[str, ...]) -> object:
    times = {"createdAt": "2020-01-01T00:00:00Z", "updatedAt": "2020-01-01T00:00:00Z", "archived": False}
    return {
        "results": [
            {
                "id": pipeline_id,
                "label": label,
                "displayOrder": place,
                "stages": [
                    {
                        "id": stage_id,
                        "label": stage.label,
                        "displayOrder": order,
                        "metadata": {
                            "probability": str(stage.probability),
                            "isClosed": str(stage.probability in (0, 1)).lower(),
                        },
                        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                        **times,
                    }
                    for order, (stage_id, stage) in enumerate(stages.items())
                ],
                **times,
            }
            for place, (pipeline_id, (label, stages)) in enumerate(PIPELINES.items())
        ]
    }


def _records(simulator: Simulator, request: Request, groups: tuple[str, ...]) -> object:
    object_type = _object(groups[0])
    versions = [name for name in request.query.get("propertiesWithHistory", "").split(",") if name]
    limit = _count(request.query.get("limit", "10"), HISTORY_MOST if versions else LIST_MOST)
    after = _count(request.query.get("after", "0"), 2**63)
    rows, following = simulator.world.listed(object_type, after, limit, archived=_flag(request, "archived"))
    names = request.query.get("properties", "").split(",")
    answer: JsonObject = {
        "results": [_record(simulator.world, object_type, row, names, versions=versions) for row in rows]
    }
    if following is not None:
        link = f"http://elsewhere.invalid{request.path}?after={following}"  # whoever follows it sends the token away
        answer["paging"] = {"next": {"after": str(following), "link": link}}
    return answer


def _one(simulator: Simulator, request: Request, groups: tuple[str, ...]) -> object:
    object_type = _object(groups[0])
    row = _row(simulator.world, object_type, groups[1])
    if row is None or row.archived != _flag(request, "archived"):
        raise not_found()
    names, versions = (request.query.get(name, "").split(",") for name in ("properties", "propertiesWithHistory"))
    return _record(simulator.world, object_type, row, names, versions=list(filter(None, versions)))


def _batch(simulator: Simulator, request: Request, groups: tuple[str, ...]) -> object:
    object_type, body = _object(groups[0]), _body(request)
    versions = [str(name) for name in body.get("propertiesWithHistory") or ()]
    inputs = _inputs(body, HISTORY_MOST if versions else READ_MOST)
    rows = [_row(simulator.world, object_type, record_id) for record_id, _after in inputs]
    live = [row for row in rows if row is not None and not row.archived]
    names = [str(name) for name in body.get("properties", [])]
    results = [_record(simulator.world, object_type, row, names, versions=versions) for row in live]
    answer = _whole(simulator.world, results)
    if len(live) == len(rows):
        return answer
    problem = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": "Could not get some of the records.",
        "context": {
            "ids": [record_id for (record_id, _after), row in zip(inputs, rows, strict=True) if row not in live]
        },
        "errors": [],
        "links": {},
    }
    return Answer(207, answer | {"numErrors": 1, "errors": [problem]})


def _search(simulator: Simulator, request: Request, groups: tuple[str, ...]) -> object:
    object_type, body, world = _object(groups[0]), _body(request), simulator.world
    limit = _count(body.get("limit", 10), SEARCH_MOST)
    offset = _count(body.get("after") or 0, 2**63)
    if offset + limit > simulator.search_depth:
        raise invalid(f"A search gives at most {simulator.search_depth} results; use other filters.")
    matches = matching(body, world.properties[object_type], world.indexed(object_type, least_id(body)))
    names = [str(name) for name in body.get("properties", [])]
    page = [
        _record(world, object_type, world.rows[object_type][record_id], names, known)
        for record_id, known in matches[offset : offset + limit]
    ]
    answer: JsonObject = {"total": len(matches), "results": page}
    if offset + limit < len(matches):
        answer["paging"] = {"next": {"after": str(offset + limit)}}
    return answer


def _associations(simulator: Simulator, request: Request, groups: tuple[str, ...]) -> object:
    source, target = _object(groups[0]), _object(groups[1])
    results, missing = [], []
    for record_id, after in _inputs(_body(request), ASSOCIATIONS_MOST):
        row = _row(simulator.world, source, record_id)
        links = simulator.world.associated(source, row.id, target) if row and not row.archived else []
        links = [link for link in links if link[0] > int(after or 0)]
        if not links:
            missing.append(record_id)
            continue
        page = links[:ASSOCIATION_PAGE]
        result: JsonObject = {
            "from": {"id": record_id},
            "to": [_association(source, target, *link) for link in page],
        }
        if len(links) > len(page):
            result["paging"] = {"next": {"after": str(page[-1][0])}}
        results.append(result)
    answer = _whole(simulator.world, results)
    if not missing:
        return answer
    problem = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": "No associations were found for some of the records.",
        "context": {"fromObjectId": missing},
        "errors": [],
        "links": {},
    }
    return Answer(207, answer | {"numErrors": len(missing), "errors": [problem]})


def _association(source: str, target: str, record_id: int, primary: bool) -> JsonObject:
    plain = ASSOCIATION_TYPES.get((source, target), OTHER_ASSOCIATION)
    types: list[JsonObject] = [{"category": "HUBSPOT_DEFINED", "typeId": plain}]
    if primary and source == "deals":
        types.append({"category": "HUBSPOT_DEFINED", "typeId": PRIMARY, "label": "Primary"})
    return {"toObjectId": str(record_id), "associationTypes": types}


def _labels(simulator: Simulator, _request: Request, groups: tuple[str, ...]) -> object:
    source, target = _object(groups[0]), _object(groups[1])
    if not simulator.world.can_associate(source, target):
        return {"results": []}
    types = [{"category": "HUBSPOT_DEFINED", "typeId": ASSOCIATION_TYPES.get((source, target), OTHER_ASSOCIATION)}]
    if (source, target) == ("deals", "companies"):
        types.append({"category": "HUBSPOT_DEFINED", "typeId": PRIMARY, "label": "Primary"})
    return {"results": types}


def _make_list(simulator: Simulator, request: Request, _groups: tuple[str, ...]) -> object:
    body = _body(request)
    name, object_type_id = str(body.get("name", "")), str(body.get("objectTypeId", ""))
    if not name or body.get("processingType") not in ("MANUAL", "SNAPSHOT", "DYNAMIC"):
        raise invalid("A list needs a name and a processing type.")
    if object_type_id not in TYPE_IDS:
        raise invalid(f"There can be no lists of {object_type_id}.")
    if _named(simulator.world, object_type_id, name):
        raise invalid(f"A list with the name {name} exists.")
    made = simulator.world.make_list(name, object_type_id, str(body["processingType"]))
    return {"list": _list_data(made)}


def _list_by_name(simulator: Simulator, _request: Request, groups: tuple[str, ...]) -> object:
    known = _named(simulator.world, groups[0], groups[1])
    if known is None:
        raise not_found("There is no list with this name.")
    return {"list": _list_data(known)}


def _list(simulator: Simulator, _request: Request, groups: tuple[str, ...]) -> object:
    return {"list": _list_data(_list_of(simulator.world, groups[0]))}


def _members(simulator: Simulator, request: Request, groups: tuple[str, ...]) -> object:
    known = _list_of(simulator.world, groups[0])
    after = _count(request.query.get("after", "0"), 2**63)
    limit = _count(request.query.get("limit", "100"), MEMBERS_PAGE)
    ids = sorted(record_id for record_id in known.members if record_id > after)
    page = ids[:limit]
    answer: JsonObject = {
        "results": [
            {"recordId": str(record_id), "membershipTimestamp": text_of(known.members[record_id])} for record_id in page
        ]
    }
    if len(ids) > len(page):
        answer["paging"] = {"next": {"after": str(page[-1])}}
    return answer


def _change_members(simulator: Simulator, request: Request, groups: tuple[str, ...]) -> object:
    world, (list_id, action) = simulator.world, groups
    known = _list_of(world, list_id)
    if known.processing_type == "DYNAMIC":
        raise invalid("Members of this list cannot be changed by hand.")
    body = _json(request)
    both = body if isinstance(body, dict) else {}
    adding = both.get("recordIdsToAdd", []) if action == "add-and-remove" else body if action == "add" else []
    removing = both.get("recordIdsToRemove", []) if action == "add-and-remove" else body if action == "remove" else []
    if not isinstance(adding, list) or not isinstance(removing, list):
        raise invalid("Record IDs are expected.")
    object_type = TYPE_IDS[known.object_type_id]
    added, removed, missing = [], [], []
    for record_id in map(str, adding):
        row = _row(world, object_type, record_id)
        if row is None or row.archived:
            missing.append(record_id)
        elif row.id not in known.members:
            known.members[row.id] = world.now()
            added.append(record_id)
    for record_id in map(str, removing):
        if record_id.isdigit() and int(record_id) in known.members:
            del known.members[int(record_id)]
            removed.append(record_id)
    return {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing}


def _list_of(world: World, list_id: str) -> MemberList:
    known = world.lists.get(int(list_id)) if list_id.isdigit() else None
    if known is None:
        raise not_found("There is no such list.")
    return known


def _named(world: World, object_type_id: str, name: str) -> MemberList | None:
    for known in world.lists.values():
        if known.object_type_id == object_type_id and known.name.casefold() == name.casefold():
            return known
    return None


def _list_data(known: MemberList) -> JsonObject:
    return {
        "listId": str(known.id),
        "listVersion": 1,
        "name": known.name,
        "objectTypeId": known.object_type_id,
        "processingType": known.processing_type,
        "processingStatus": "COMPLETE",
        "createdAt": text_of(known.created),
        "size": len(known.members),
    }


def _object(name: str) -> str:
    object_type = TYPE_IDS.get(name, name)
    if object_type not in SCOPES:
        raise invalid(f"Unable to infer object type from: {name}")
    return object_type


def _row(world: World, object_type: str, record_id: str) -> Row | None:
    return world.rows[object_type].get(int(record_id)) if record_id.isascii() and record_id.isdigit() else None


def _record(
    world: World,
    object_type: str,
    row: Row,
    names: Iterable[str],
    known: Mapping[str, str] | None = None,
    versions: Iterable[str] = (),
) -> JsonObject:
    known = row.properties if known is None else known
    properties: dict[str, str | None] = {name: known[name] for name in _ALWAYS if name in known}
    for name in names:
        if name in known:
            properties[name] = known[name]
        elif world.nulls and name in world.properties[object_type]:  # names that it does not know are left out silently
            properties[name] = None
    data: JsonObject = {
        "id": str(row.id),
        "properties": properties,
        "createdAt": text_of(row.created),
        "updatedAt": text_of(row.updated),
        "archived": row.archived,
    }
    if row.archived_at:
        data["archivedAt"] = text_of(row.archived_at)
    if versions:
        data["propertiesWithHistory"] = {
            name: [
                {"value": value, "timestamp": text_of(at), "sourceType": "CALCULATED"}
                for at, value in reversed(row.versions.get(name, [])[-world.versions_most :])
            ]
            for name in versions
            if name in world.properties[object_type]
        }
    return data


def _whole(world: World, results: list[JsonObject]) -> JsonObject:
    now = text_of(world.now())
    return {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}


def _json(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError:
        raise invalid("Invalid input JSON.") from None


def _body(request: Request) -> JsonObject:
    body = _json(request)
    if not isinstance(body, dict):
        raise invalid("Invalid input JSON.")
    return body


def _inputs(body: JsonObject, most: int) -> list[tuple[str, str]]:
    """Ids, each with the cursor to continue after."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) and "id" in one for one in inputs):
        raise invalid("Inputs are expected.")
    if len(inputs) > most:
        raise invalid(f"At most {most} inputs are accepted.")
    return [(str(one["id"]), str(one.get("after", ""))) for one in inputs]


def _count(text: object, most: int) -> int:
    number = str(text)
    if not (number.isascii() and number.isdigit()) or int(number) > most:
        raise invalid(f"A number of at most {most} is expected.")
    return int(number)


def _flag(request: Request, name: str) -> bool:
    return request.query.get(name, "").lower() == "true"


def _nothing(_groups: tuple[str, ...]) -> tuple[str, ...]:
    return ()


def _of_objects(groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(SCOPES[_object(name)] for name in groups[:2] if not name.isdigit())


def _of_deals(_groups: tuple[str, ...]) -> tuple[str, ...]:
    return (SCOPES["deals"],)


def _of_lists(_groups: tuple[str, ...]) -> tuple[str, ...]:
    return LIST_SCOPES


def _route(
    method: str, path: str, handler: Handler, needed: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> tuple[str, re.Pattern[str], Handler, Callable[[tuple[str, ...]], tuple[str, ...]]]:
    pattern = path.replace("{version}", r"20[0-9]{2}-[0-9]{2}").replace("{id}", "([0-9]+)").replace("{}", "([^/]+)")
    return method, re.compile(pattern), handler, needed


_ROUTES = [
    _route("GET", "/account-info/{version}/details", _account, _nothing),
    _route("GET", "/account-info/{version}/api-usage/daily/private-apps", _usage, _nothing),
    _route("GET", "/crm/properties/{version}/{}", _properties, _of_objects),
    _route("GET", "/crm/pipelines/{version}/(?:deals|0-3)", _pipelines, _of_deals),
    _route("GET", "/crm/objects/{version}/{}", _records, _of_objects),
    _route("POST", "/crm/objects/{version}/{}/search", _search, _of_objects),
    _route("POST", "/crm/objects/{version}/{}/batch/read", _batch, _of_objects),
    _route("GET", "/crm/objects/{version}/{}/{id}", _one, _of_objects),
    _route("POST", "/crm/associations/{version}/{}/{}/batch/read", _associations, _of_objects),
    _route("GET", "/crm/associations/{version}/{}/{}/labels", _labels, _of_objects),
    _route("POST", "/crm/lists/{version}", _make_list, _of_lists),
    _route("GET", "/crm/lists/{version}/object-type-id/{}/name/{}", _list_by_name, _of_lists),
    _route("GET", "/crm/lists/{version}/{id}", _list, _of_lists),
    _route("GET", "/crm/lists/{version}/{id}/memberships", _members, _of_lists),
    _route("PUT", "/crm/lists/{version}/{id}/memberships/(add|remove|add-and-remove)", _change_members, _of_lists),
]
