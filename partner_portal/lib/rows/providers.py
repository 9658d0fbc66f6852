"""What apps provide for every dataset: saved lists of clients, the page of a client, and when facts last came in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet

from partner_portal.lib.scope import OfScope, Scope


@dataclass(frozen=True, slots=True)
class ClientList:
    """A saved list of clients that narrows rows."""

    #: Its key in addresses.
    key: str
    name: str
    #: A query of the clients' primary keys.
    clients: QuerySet[Any]


class ClientLists(NamedTuple):
    """How saved lists of clients are read."""

    #: The list of a key; None when it is gone or the scope may not use it.
    find: OfScope[[str], ClientList | None]
    #: Every list that the scope may use, by name: (key, name).
    choices: OfScope[[], list[tuple[str, str]]]


class _Providers:
    """What apps have registered for every dataset; None until they have."""

    lists: ClientLists | None = None
    client_address: Callable[[str], str] | None = None
    as_of: OfScope[[], datetime | None] | None = None


def register_lists(lists: ClientLists) -> None:
    """Register how saved lists are read, so that every dataset about clients understands `?list=`."""
    _Providers.lists = lists


def client_list(scope: Scope, key: str) -> ClientList | None:
    """The list of that key, for pages that narrow something other than a dataset."""
    return _Providers.lists.find(scope, key) if _Providers.lists else None


def list_choices(scope: Scope) -> list[tuple[str, str]]:
    """Every list the scope may use: (key, name), by name. Read once per scope."""
    lists = _Providers.lists
    return scope.once("list-choices", lambda: lists.choices(scope)) if lists else []


def register_client_address(address: Callable[[str], str]) -> None:
    """Register which page opens for the id of a client."""
    _Providers.client_address = address


def client_address(client_id: str) -> str:
    """Return the address of the client's panel, "" when no app has one."""
    return _Providers.client_address(client_id) if _Providers.client_address else ""


def register_freshness(as_of: OfScope[[], datetime | None]) -> None:
    """Register how to find out when a partner's facts last came in."""
    _Providers.as_of = as_of


def data_as_of(scope: Scope) -> datetime | None:
    """When the facts behind every dataset last came in; None when nothing did."""
    return _Providers.as_of(scope) if _Providers.as_of else None
