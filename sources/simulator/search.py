"""Search of the simulated API: filter groups, sorts, and the order of its answers."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sources.simulator.answers import invalid
from sources.simulator.schema import Property
from sources.source import JsonObject

GROUPS_MOST = 6
FILTERS_MOST = 6

type Known = tuple[int, dict[str, str]]


def matching(body: JsonObject, properties: Mapping[str, Property], indexed: Iterable[Known]) -> list[Known]:
    """Records that a search matches, in its order. Raises RefusedError for a search that is wrong."""
    groups = body.get("filterGroups") or []
    if len(groups) > GROUPS_MOST or any(len(group.get("filters", [])) > FILTERS_MOST for group in groups):
        raise invalid("Too many filters.")
    tests = [[_test(one, properties) for one in group.get("filters", [])] for group in groups]
    matches = [known for known in indexed if not tests or any(all(test(known[1]) for test in group) for group in tests)]
    for sort in reversed(body.get("sorts") or [{"propertyName": "hs_createdate"}]):
        name = sort["propertyName"]
        if name not in properties:
            raise invalid(f"There is no property {name}.")
        key = _key(properties[name].type)
        matches.sort(
            key=lambda known: key(known[1].get(name) or ""),
            reverse=sort.get("direction") == "DESCENDING",
        )
    return matches


def least_id(body: JsonObject) -> int:
    """The id above which all matches of a search lie: records up to it need not be compared."""
    groups = body.get("filterGroups") or []
    [filters] = [group.get("filters", []) for group in groups] if len(groups) == 1 else [[]]
    above = [
        str(one.get("value"))
        for one in filters
        if (one.get("propertyName"), one.get("operator")) == ("hs_object_id", "GT")
    ]
    return max((int(text) for text in above if text.isdigit()), default=0)


def _test(one: JsonObject, properties: Mapping[str, Property]) -> Callable[[Mapping[str, str]], bool]:
    name, operator = str(one.get("propertyName")), str(one.get("operator"))
    if name not in properties:
        raise invalid(f"There is no property {name}.")
    key = _key(properties[name].type)
    low, high = key(str(one.get("value", ""))), key(str(one.get("highValue", "")))
    values = {key(str(value)) for value in one.get("values", [])}
    compare: dict[str, Callable[[Any], bool]] = {
        "EQ": lambda value: value == low,
        "NEQ": lambda value: value != low,
        "LT": lambda value: value < low,
        "LTE": lambda value: value <= low,
        "GT": lambda value: value > low,
        "GTE": lambda value: value >= low,
        "BETWEEN": lambda value: low <= value <= high,
        "IN": lambda value: value in values,
        "NOT_IN": lambda value: value not in values,
        "HAS_PROPERTY": lambda _value: True,
    }
    if operator == "NOT_HAS_PROPERTY":
        return lambda known: name not in known
    if operator not in compare:
        raise invalid(f"There is no operator {operator}.")
    test = compare[operator]
    return lambda known: name in known and test(key(known[name]))


def _key(kind: str) -> Callable[[str], Any]:
    """Sort key of the values of a type."""
    return {"number": _number, "datetime": _moment, "date": _moment}.get(kind, str.casefold)


@lru_cache(maxsize=100_000)
def _number(text: str) -> float:
    try:
        return int(text) if text.isdigit() else float(text or 0)
    except ValueError:
        raise invalid(f"{text} is not a number.") from None


@lru_cache(maxsize=100_000)
def _moment(text: str) -> float:
    """Milliseconds since 1970, from these or from ISO."""
    try:
        return float(text) if not text or text.isdigit() else datetime.fromisoformat(text).timestamp() * 1000
    except ValueError:
        return 0.0
