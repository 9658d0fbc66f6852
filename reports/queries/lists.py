"""Reads kept lists and their members. A list is everybody's in its partner."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import Http404

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.collation import SortKey
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import ClientList
from partner_portal.lib.web.whole_number import whole_number
from reports.models import KeptList, ListMember
from reports.queries.saved import RESTORABLE


def _kept(scope: Scope) -> QuerySet[KeptList]:
    return KeptList.objects.filter(partner=scope.partner, deleted_at=None)


def lists(scope: Scope) -> QuerySet[KeptList]:
    """Every list with its owner and its number of `clients`, by name."""
    current = Q(members__client__withdrawal__isnull=True)
    counted = _kept(scope).select_related("owner").annotate(clients=Count("members", filter=current))
    return counted.order_by(SortKey("name"), "pk")


def list_choices(scope: Scope) -> list[tuple[str, str]]:
    """(key, name) of every list, by name."""
    return [(str(pk), name) for pk, name in _kept(scope).order_by(SortKey("name"), "pk").values_list("pk", "name")]


def client_list(scope: Scope, key: str) -> ClientList | None:
    """The list as a filter of datasets; None when it is gone, somebody else's, or no key at all."""
    kept = _kept(scope).filter(pk=whole_number(key)).first()
    if kept is None:
        return None
    clients = ListMember.objects.filter(kept_list=kept, client__withdrawal__isnull=True)
    return ClientList(str(kept.pk), kept.name, clients.values_list("client_id", flat=True))


def kept_list(scope: Scope, pk: int) -> KeptList:
    """One list with its owner and number of `clients`. Raises Http404."""
    found = lists(scope).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def deleted_list(scope: Scope, pk: int) -> KeptList | None:
    """A list that was deleted within RESTORABLE and can be restored."""
    since = clock.now() - RESTORABLE
    return KeptList.objects.filter(partner=scope.partner, pk=pk, deleted_at__gt=since).first()


def may_change(scope: Scope, kept: KeptList) -> bool:
    """Whether the scope may rename or delete the list: its owner and admins may."""
    return scope.may(Permission.KEEP) and (
        kept.owner_id == getattr(scope.user, "pk", None) or scope.may(Permission.MEMBERS)
    )


def members(scope: Scope, list_id: int) -> QuerySet[Any]:
    """The members of a list that is not deleted; clients that were withdrawn come back to it when they are restored."""
    return ListMember.objects.filter(
        partner=scope.partner, kept_list_id=list_id, kept_list__deleted_at=None, client__withdrawal__isnull=True
    )
