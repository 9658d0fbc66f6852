"""Lists of clients and their members. A list is visible to everybody in its partner."""

from django.db.models import Count, Q, QuerySet
from django.http import Http404

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.collation import SortKey
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.providers import ClientList
from partner_portal.lib.web.whole_number import whole_number
from reports.models import ListMember, SavedList
from reports.queries.saved import RESTORABLE


def _present(scope: Scope) -> QuerySet[SavedList]:
    return SavedList.objects.filter(partner=scope.partner, deleted_at=None)


def lists(scope: Scope) -> QuerySet[SavedList]:
    """Every list with its owner and its number of `clients`, by name."""
    current = Q(members__client__withdrawal__isnull=True)
    counted = _present(scope).select_related("owner").annotate(clients=Count("members", filter=current))
    return counted.order_by(SortKey("name"), "pk")


def list_choices(scope: Scope) -> list[tuple[str, str]]:
    """(key, name) of every list, by name."""
    return [(str(pk), name) for pk, name in _present(scope).order_by(SortKey("name"), "pk").values_list("pk", "name")]


def list_filter(scope: Scope, key: str) -> ClientList | None:
    """The list as a filter of datasets; None for a key that is none, or of a list that is deleted or another partner's."""
    client_list = _present(scope).filter(pk=whole_number(key)).first()
    if client_list is None:
        return None
    clients = ListMember.objects.filter(saved_list=client_list, client__withdrawal__isnull=True)
    return ClientList(str(client_list.pk), client_list.name, clients.values_list("client_id", flat=True))


def client_list(scope: Scope, pk: int) -> SavedList:
    """One list with its owner and number of `clients`. Raises Http404."""
    match = lists(scope).filter(pk=pk).first()
    if match is None:
        raise Http404
    return match


def deleted_list(scope: Scope, pk: int) -> SavedList | None:
    """A list that was deleted within RESTORABLE and can be restored."""
    since = clock.now() - RESTORABLE
    return SavedList.objects.filter(partner=scope.partner, pk=pk, deleted_at__gt=since).first()


def may_change(scope: Scope, client_list: SavedList) -> bool:
    """Whether the scope may rename or delete the list: its owner and admins may."""
    own = scope.user is not None and client_list.owner_id == scope.user.pk
    return scope.may(Permission.SAVE) and (own or scope.may(Permission.MEMBERS))


def members(scope: Scope, list_id: int) -> QuerySet[ListMember]:
    """The members of a list that is not deleted; clients that were withdrawn come back to it when they are restored."""
    return ListMember.objects.filter(
        partner=scope.partner, saved_list_id=list_id, saved_list__deleted_at=None, client__withdrawal__isnull=True
    )
