"""The OpenAPI document, as one caller has it: with an address for every dataset they may read, its own filters and columns."""

from copy import deepcopy
from typing import Any

from ninja import NinjaAPI

from accounts.scope import Scope
from api.rows import LONGEST_SEARCH, description
from partner_portal.lib.rows.datasets import all_datasets

ONE_DATASET = "datasets/{key}"
KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "month": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
    "count": {"type": "integer", "minimum": 0},
}


def document(api: NinjaAPI, scope: Scope, prefix: str) -> dict[str, Any]:
    """The document of the API below `prefix`. One view serves all datasets; here each stands on its own, since each takes
    parameters of its own."""
    found: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=prefix))
    paths = dict(found["paths"])
    template = paths.pop(prefix + ONE_DATASET)["get"]
    for dataset in all_datasets():
        if scope.may(dataset.permission):
            paths[f"{prefix}datasets/{dataset.key}"] = {"get": _operation(template, description(dataset, scope))}
    for address in (f"{prefix}breakdown",):
        paths[address] = {"get": _with_own(paths[address]["get"], paths[f"{prefix}datasets/breakdown"]["get"])}
    return found | {"paths": paths}


def _operation(template: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    operation = deepcopy(template)
    operation["operationId"] = "dataset_" + described["key"].replace("-", "_")
    operation["summary"] = described["title"]
    kept = [each for each in operation["parameters"] if each["in"] == "query"]
    operation["parameters"] = kept + _parameters(described)
    return operation


def _with_own(operation: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return operation | {"parameters": other["parameters"]}


def _parameters(described: dict[str, Any]) -> list[dict[str, Any]]:
    names = [column["name"] for column in described["columns"]]
    sorts = [column["name"] for column in described["columns"] if column["sorts"]]
    found = [
        _parameter(
            "columns",
            "Which columns, in this order",
            {"type": "array", "items": {"type": "string", "enum": names}, "uniqueItems": True},
            style="form",
            explode=False,
        ),
        _parameter(
            "sort",
            f"A column, with a minus in front for falling; {described['sort']} without one",
            _or_empty({"type": "string", "enum": [*sorts, *(f"-{name}" for name in sorts)]}),
        ),
    ]
    if described["search"]:
        found.append(
            _parameter(
                "q", "Searches in " + ", ".join(described["search"]), {"type": "string", "maxLength": LONGEST_SEARCH}
            )
        )
    for each in described["parameters"]:
        schema: dict[str, Any] = (
            {"type": "string", "enum": list(each["choices"])} if each["choices"] else KINDS[each["kind"]]
        )
        found.append(_parameter(each["name"], each["meaning"], _or_empty(schema)))
    return found


def _or_empty(schema: dict[str, Any]) -> dict[str, Any]:
    """Also an empty value, which is as good as none: addresses of pages have some."""
    return {"anyOf": [schema, {"type": "string", "maxLength": 0}]}


def _parameter(name: str, meaning: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": meaning, "schema": schema, **more}
