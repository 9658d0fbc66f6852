"""Sends lists of clients to the vendor that a partner is connected with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accounts.audit import record
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.facts import kind
from partner_portal.lib.rows.providers import ClientList
from sources.models import ConnectedRow, Connection, ConnectionState
from sources.queries import connections, vendor_of
from sources.rows import CLIENTS
from sources.source import Access, SendsLists, SentList, sources


@dataclass(frozen=True, slots=True)
class ListToSend:
    """A list of clients as of now, so that it can be sent without a transaction."""

    name: str
    names: Mapping[int, str]  #: of the clients, by their numbers
    of_vendor: Mapping[str, int]  #: clients by the vendor's ids; those that the connection did not bring are missing


def receiver(scope: Scope) -> Connection | None:
    """The connection that takes lists; None when there is none, or the scope may not send lists."""
    if not scope.may(Permission.EXPORT):
        return None
    vendors = [source.key for source in sources() if isinstance(source, SendsLists)]
    return connections(scope).filter(vendor__in=vendors, state=ConnectionState.ACTIVE).first()


def list_to_send(scope: Scope, connection: Connection, chosen: ClientList) -> ListToSend:
    """Read a list of clients and what the vendor calls them."""
    names = dict(kind(CLIENTS).model._base_manager.filter(pk__in=chosen.clients).values_list("pk", "name"))
    rows = ConnectedRow.objects.filter(partner=scope.partner, connection=connection, kind=CLIENTS, fact_id__in=names)
    of_vendor = {vendor_id: pk for vendor_id, pk in rows.values_list("vendor_id", "fact_id") if pk}
    return ListToSend(chosen.name, names, of_vendor)


def send(connection: Connection, access: Access, to_send: ListToSend) -> SentList:
    """Send it, or bring the list of that name in step; a second time changes nothing. Raises SourceError."""
    source = vendor_of(connection)
    if not isinstance(source, SendsLists):
        raise TypeError(f"{connection.vendor} takes no lists")
    return source.send_list(access, to_send.name, list(to_send.of_vendor))


def note_sent(*, scope: Scope, to_send: ListToSend, sent: SentList) -> Sequence[str]:
    """Record that a list was sent. Returns the names of the clients that the vendor does not know."""
    scope.require(Permission.EXPORT)
    unknown = set(sent.missing)
    there = {pk for vendor_id, pk in to_send.of_vendor.items() if vendor_id not in unknown}
    missing = sorted(name for pk, name in to_send.names.items() if pk not in there)
    record(scope, "list.sent", to_send.name, added=sent.added, removed=sent.removed, missing=len(missing))
    return missing
