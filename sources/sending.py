"""Sends lists of clients to the vendor that a partner is connected with."""

from dataclasses import dataclass

from accounts.audit import record
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.facts import kind
from partner_portal.lib.rows.providers import ClientList
from sources.credentials import unseal
from sources.models import ConnectedRow, Connection, ConnectionState
from sources.queries import connections, vendor_of
from sources.rows import CLIENTS
from sources.source import Access, SendsLists, SentList, sources


@dataclass(frozen=True, slots=True)
class Sending:
    """Result of sending a list."""

    sent: SentList
    missing: list[str]  #: names of the clients that the vendor does not know


def receiver(scope: Scope) -> Connection | None:
    """The connection that takes lists; None when there is none, or the scope may not send lists."""
    if not scope.may(Permission.EXPORT):
        return None
    vendors = [source.key for source in sources() if isinstance(source, SendsLists)]
    return connections(scope).filter(vendor__in=vendors, state=ConnectionState.ACTIVE).first()


def send_list(*, scope: Scope, connection: Connection, name: str, chosen: ClientList) -> Sending:
    """Send a list of clients, or update the list of that name. Idempotent.

    Raises SourceError, and SecretUnreadable when the key to the token is missing.
    """
    scope.require(Permission.EXPORT)
    source = vendor_of(connection)
    if not isinstance(source, SendsLists):
        raise TypeError(f"{connection.vendor} takes no lists")
    names = dict(kind(CLIENTS).model._base_manager.filter(pk__in=chosen.clients).values_list("pk", "name"))
    rows = ConnectedRow.objects.filter(partner=scope.partner, connection=connection, kind=CLIENTS, fact_id__in=names)
    of_vendor: dict[str, int] = {vendor_id: pk for vendor_id, pk in rows.values_list("vendor_id", "fact_id") if pk}
    token = unseal(connection.secret, partner_id=scope.partner.pk, vendor=connection.vendor)
    access = Access(scope.partner.slug, token=token, account_id=connection.account.get("id", ""))
    sent = source.send_list(access, name, list(of_vendor))
    there = {pk for vendor_id, pk in of_vendor.items() if vendor_id not in set(sent.missing)}
    missing = sorted(name for pk, name in names.items() if pk not in there)
    record(scope, "list.sent", name, added=sent.added, removed=sent.removed, missing=len(missing))
    return Sending(sent, missing)
