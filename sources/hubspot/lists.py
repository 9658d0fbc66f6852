"""Sends lists to HubSpot: a list of companies or partner clients with exactly these members."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import batched
from urllib.parse import quote

from sources.hubspot import endpoints
from sources.hubspot.client import HubSpotClient
from sources.hubspot.reading import associations
from sources.source import AnswerInvalid, JsonObject, ListNotOurs, Refused, SentList

TYPE_IDS = {"companies": "0-2", "partner_clients": "0-145"}
CHANGES_AT_ONCE = 10_000  # members in one request
MEMBERS_PAGE = 250
CAN_CHANGE = {"MANUAL", "SNAPSHOT"}


@dataclass(frozen=True, slots=True)
class Sent:
    """Result of sending a list. Ids are HubSpot's."""

    list_id: str
    made: bool  #: whether the list is new
    added: int
    removed: int
    missing: tuple[str, ...]  #: members that HubSpot does not know


def send(client: HubSpotClient, name: str, object_type: str, members: Collection[str]) -> Sent:
    """Create a list with these members, or update the list of that name. Idempotent.

    Raises SourceError, and ListNotOurs for a list that is filled by rules.
    """
    type_id = TYPE_IDS[object_type]
    known = _by_name(client, type_id, name)
    made = known is None
    if known is None:
        body = {"name": name, "objectTypeId": type_id, "processingType": "MANUAL"}
        try:
            known = _list(client.post(endpoints.LISTS, body))
        except Refused:
            known = _by_name(client, type_id, name)  # a request whose answer was lost has created it
            if known is None:
                raise
    if known.get("processingType") not in CAN_CHANGE:
        raise ListNotOurs(name)
    list_id = str(known["listId"])
    present = set() if made else _members(client, list_id)
    wanted = dict.fromkeys(members)
    changes = [(record_id, True) for record_id in wanted if record_id not in present]
    changes += [(record_id, False) for record_id in sorted(present - wanted.keys())]
    added = removed = 0
    missing: list[str] = []
    for some in batched(changes, CHANGES_AT_ONCE, strict=False):
        changed = {
            "recordIdsToAdd": [record_id for record_id, add in some if add],
            "recordIdsToRemove": [record_id for record_id, add in some if not add],
        }
        answer = client.put(endpoints.memberships(list_id, "add-and-remove"), changed)
        added += len(answer.get("recordsIdsAdded", []))
        removed += len(answer.get("recordIdsRemoved", []))
        missing += map(str, answer.get("recordIdsMissing", []))
    return Sent(list_id, made, added, removed, tuple(missing))


def send_clients(client: HubSpotClient, name: str, clients: Sequence[str]) -> SentList:
    """Send partner clients as a list of their first companies. Raises as `send` does."""
    companies = associations(client, "partner_clients", "companies", clients)
    company_of = {one: companies[one][0].id for one in dict.fromkeys(clients) if companies.get(one)}
    sent = send(client, name, "companies", list(company_of.values()))
    unknown = set(sent.missing)
    missing = (one for one in dict.fromkeys(clients) if company_of.get(one) is None or company_of[one] in unknown)
    return SentList(sent.list_id, sent.added, sent.removed, tuple(missing))


def _by_name(client: HubSpotClient, type_id: str, name: str) -> JsonObject | None:
    try:
        return _list(client.get(endpoints.list_by_name(type_id, quote(name, safe=""))))
    except Refused as refused:
        if refused.status != 404:
            raise
        return None


def _members(client: HubSpotClient, list_id: str) -> set[str]:
    members: set[str] = set()
    params: dict[str, str | int] = {"limit": MEMBERS_PAGE}
    while True:
        answer = client.get(endpoints.memberships(list_id), params)
        members |= {str(row["recordId"]) for row in answer.get("results", [])}
        after = answer.get("paging", {}).get("next", {}).get("after")
        if not after or after == params.get("after"):
            return members
        params["after"] = after


def _list(answer: JsonObject) -> JsonObject:
    known = answer.get("list")
    if not isinstance(known, dict) or "listId" not in known:
        raise AnswerInvalid("form")
    return known
