"""Report on an account's schema and size that contains none of its values."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from partner_portal.lib.dates import clock
from sources.hubspot import endpoints, further, reading
from sources.hubspot.client import HubSpotClient
from sources.hubspot.reading import Property, Record
from sources.source import AnswerInvalid, JsonObject, Refused, ScopeMissing

OBJECTS = ("partner_clients", "partner_services", "deals", "companies", "deal_registration")
PAIRS = (
    ("deals", "companies"),
    ("deals", "partner_clients"),
    ("deals", "line_items"),
    ("partner_clients", "companies"),
    ("partner_services", "partner_clients"),
)
NAMES_AT_ONCE = 40  # properties in one request: an address has a length


def report(client: HubSpotClient, pages: int) -> JsonObject:
    """Schema, fill rates and reach of an account. pages: of records, from which fill rates are counted. Raises SourceError.

    What the token may not read, or the account does not have, is reported as such in its place.
    """
    account = reading.account(client)
    return {
        "version": endpoints.VERSION,
        "account": {name: account.get(name) for name in ("accountType", "timeZone", "dataHostingLocation")},
        "objects": {name: _attempt(_object, client, name, pages) for name in OBJECTS},
        "associations": {f"{one} -> {two}": _attempt(_labels, client, one, two) for one, two in PAIRS},
        "pipelines": _attempt(_pipelines, client),
        "versions": _attempt(_versions, client, pages),
        "calls": client.calls,
    }


def _object(client: HubSpotClient, name: str, pages: int) -> JsonObject:
    schema = reading.properties(client, name)
    began = time.monotonic()
    filled, records = _filled(client, name, schema, pages)
    seconds = time.monotonic() - began
    return {
        "total": _attempt(_total, client, name),
        "records": records,
        "seconds": round(seconds, 2),
        "archived": _attempt(_archived, client, name),
        "properties": {
            known.name: {
                "label": known.label,
                "type": known.type,
                "calculated": known.calculated,
                "hidden": known.hidden,
                "options": len(known.options),
                "filled": round(filled[known.name] / records, 2) if records else None,
            }
            for known in schema
        },
    }


def _filled(client: HubSpotClient, name: str, schema: list[Property], pages: int) -> tuple[Counter[str], int]:
    """How many of the first records have each property, and how many were read."""
    names = [known.name for known in schema]
    filled: Counter[str] = Counter()
    records = 0
    for first in range(0, len(names), NAMES_AT_ONCE):
        some = names[first : first + NAMES_AT_ONCE]
        records = 0
        for record in _first(client, name, some, pages):
            filled.update(set(record.properties).intersection(some))
            records += 1
    return filled, records


def _first(client: HubSpotClient, name: str, names: list[str], pages: int) -> Iterator[Record]:
    for page in islice(reading.pages(client, name, names), pages):
        yield from page


def _total(client: HubSpotClient, name: str) -> int:
    return int(client.post(endpoints.search(name), {"limit": 1}, search=True)["total"])


def _archived(client: HubSpotClient, name: str) -> int:
    """Deleted records on the first page."""
    return len(next(reading.pages(client, name, [], archived=True)))


def _labels(client: HubSpotClient, one: str, two: str) -> list[JsonObject]:
    answer = client.get(endpoints.association_labels(one, two))
    return [{key: label.get(key) for key in ("category", "typeId", "label")} for label in answer.get("results", [])]


def _pipelines(client: HubSpotClient) -> list[JsonObject]:
    """Pipelines as numbers: their labels are the account's own."""
    return [
        {"stages": [{"probability": stage.probability} for stage in pipeline.stages]}
        for pipeline in reading.pipelines(client)
    ]


def _versions(client: HubSpotClient, pages: int) -> JsonObject:
    """How far back the histories go that further kinds are made of, and how many do not end with the value of today."""
    schema = {known.name for known in reading.properties(client, further.OF)}
    names = [
        name for name in sorted({name for kind in further.FURTHER.values() for name in kind.versions}) if name in schema
    ]
    found: dict[str, Counter[str]] = {name: Counter() for name in names}
    for page in islice(reading.pages(client, further.OF, names, history=names), pages) if names else ():
        for record in page:
            for name, versions in record.history.items():
                if not versions or name not in found:
                    continue
                of_name = found[name]
                of_name["records"] += 1
                of_name["lag"] += versions[-1].value != record.properties.get(name, "")
                of_name["most"] = max(of_name["most"], len(versions))
                of_name["days"] = max(of_name["days"], (clock.now() - versions[0].at).days)
    return {name: dict(of_name) for name, of_name in found.items()}


def _attempt(read: Any, *arguments: Any) -> Any:
    """The value, or why it cannot be read."""
    try:
        return read(*arguments)
    except Refused as refused:
        return {"error": refused.status}
    except (ScopeMissing, AnswerInvalid) as error:
        return {"error": error.code, **error.details}
