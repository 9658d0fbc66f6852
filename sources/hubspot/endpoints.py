"""Paths of HubSpot's API, all of one dated version."""

#: A new version appears each March and September; each is supported for 18 months.
VERSION = "2026-09"

ACCOUNT = f"/account-info/{VERSION}/details"
DEAL_PIPELINES = f"/crm/pipelines/{VERSION}/deals"
LISTS = f"/crm/lists/{VERSION}"
OAUTH_TOKEN = f"/oauth/{VERSION}/token"
OAUTH_REVOKE = f"{OAUTH_TOKEN}/revoke"


def records(object_type: str) -> str:
    """List of an object's records."""
    return f"/crm/objects/{VERSION}/{object_type}"


def search(object_type: str) -> str:
    """Search in an object's records."""
    return f"{records(object_type)}/search"


def properties(object_type: str) -> str:
    """Properties of an object."""
    return f"/crm/properties/{VERSION}/{object_type}"


def associations(source: str, target: str) -> str:
    """Associations of many records of one object to those of another."""
    return f"/crm/associations/{VERSION}/{source}/{target}/batch/read"


def association_labels(source: str, target: str) -> str:
    """Kinds of association between two objects."""
    return f"/crm/associations/{VERSION}/{source}/{target}/labels"


def list_by_name(object_type_id: str, name: str) -> str:
    """The list of an object with this name; `name` is already escaped for a path."""
    return f"{LISTS}/object-type-id/{object_type_id}/name/{name}"


def memberships(list_id: str, action: str = "") -> str:
    """Members of a list, or an action on them: `add`, `remove`, `add-and-remove`."""
    return f"{LISTS}/{list_id}/memberships" + (f"/{action}" if action else "")
