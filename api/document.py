"""The OpenAPI document as one caller gets it: an address for every dataset they may read, with its filters and columns."""

from collections.abc import Mapping
from typing import Any

from ninja import NinjaAPI

from accounts.scope import Scope
from api.rows import LONGEST_SEARCH, parameters, searchable
from partner_portal.lib.rows.datasets import Dataset, all_datasets

type JsonObject = dict[str, Any]

SCHEMAS: Mapping[str, JsonObject] = {
    "text": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "month": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
    "count": {"type": "integer", "minimum": 0},
}


def document(api: NinjaAPI, scope: Scope, prefix: str) -> JsonObject:
    """Expand ninja's document of the API below `prefix`: one operation serves all datasets, but each has its own parameters."""
    schema = api.get_openapi_schema(path_prefix=prefix)
    paths: dict[str, JsonObject] = dict(schema["paths"])
    template = paths.pop(f"{prefix}datasets/{{key}}")["get"]
    for dataset in all_datasets():
        if scope.may(dataset.permission):
            paths[f"{prefix}datasets/{dataset.key}"] = {"get": _operation(template, dataset, scope)}
    short, full = f"{prefix}breakdown", f"{prefix}datasets/breakdown"
    paths[short] = {"get": paths[short]["get"] | {"parameters": paths[full]["get"]["parameters"]}}
    return dict(schema) | {"paths": paths}


def _operation(template: JsonObject, dataset: Dataset, scope: Scope) -> JsonObject:
    paging = [parameter for parameter in template["parameters"] if parameter["in"] == "query"]
    return template | {
        "operationId": "dataset_" + dataset.key.replace("-", "_"),
        "summary": str(dataset.title),
        "parameters": paging + _parameters(dataset, scope),
    }


def _parameters(dataset: Dataset, scope: Scope) -> list[JsonObject]:
    columns = dataset.permitted(scope)
    names = [column.name for column in columns]
    sorts = [column.name for column in columns if column.compute is None]
    items = {"type": "string", "enum": names}
    described = [
        _parameter(
            "columns",
            "Which columns, in this order",
            {"type": "array", "items": items, "uniqueItems": True},
            style="form",
            explode=False,
        ),
        _parameter(
            "sort",
            f"A column, with a minus in front for falling; {dataset.order[0]} without one",
            _or_empty({"type": "string", "enum": [*sorts, *(f"-{name}" for name in sorts)]}),
        ),
    ]
    if search := searchable(dataset, scope):
        schema = {"type": "string", "maxLength": LONGEST_SEARCH}
        described.append(_parameter("q", "Searches in " + ", ".join(search), schema))
    for own in parameters(dataset, scope):
        schema = {"type": "string", "enum": list(own.choices)} if own.choices else SCHEMAS[own.kind]
        described.append(_parameter(own.name, own.meaning, _or_empty(schema)))
    return described


def _or_empty(schema: JsonObject) -> JsonObject:
    """Allow an empty value, which counts as none: addresses of pages have some."""
    return {"anyOf": [schema, {"type": "string", "maxLength": 0}]}


def _parameter(name: str, meaning: str, schema: JsonObject, **more: object) -> JsonObject:
    return {"name": name, "in": "query", "required": False, "description": meaning, "schema": schema, **more}
