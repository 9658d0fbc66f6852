"""Writes kept lists."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import LISTS, lock
from partner_portal.lib.rows.datasets import ALIAS, Selection, as_expression, row_key
from reports.definitions import period_of, period_text
from reports.models import KeptList, ListMember
from reports.queries.lists import may_change


class NameTakenError(Exception):
    """Another list is called that."""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding clients."""

    kept_list: KeptList
    added: int
    already: int


@transaction.atomic
def make_list(
    *, scope: Scope, name: str, selection: Selection, ticked: Collection[str] = (), request_key: UUID | None = None
) -> Added:
    """A new list of the clients behind the selection's rows, or behind those ticked. The same form twice makes one list.

    Raises NameTakenError.
    """
    scope.require(Permission.KEEP)
    lock(LISTS, scope.partner.pk)
    if request_key:
        same = KeptList.objects.filter(partner=scope.partner, request_key=request_key).first()
        if same:
            return Added(same, same.members.count(), 0)
    kept = _create(scope, name, source_text(selection), request_key)
    clients = _clients(selection, ticked)
    added = _add(scope, kept, clients, source_text(selection))
    record(scope, "list.made", kept.name, clients=added)
    return Added(kept, added, 0)


@transaction.atomic
def add_to_list(*, scope: Scope, kept: KeptList, selection: Selection, ticked: Collection[str] = ()) -> Added:
    """Add the clients behind the selection's rows, or behind those ticked; who is in the list already stays as they are."""
    scope.require(Permission.KEEP)
    lock(LISTS, scope.partner.pk)
    clients = _clients(selection, ticked)
    added = _add(scope, kept, clients, source_text(selection))
    record(scope, "list.added", kept.name, clients=added)
    return Added(kept, added, len(clients) - added)


@transaction.atomic
def rename_list(*, scope: Scope, kept: KeptList, name: str) -> None:
    """Raises NameTakenError, and PermissionDenied for somebody who is neither owner nor admin."""
    _require_change(scope, kept)
    try:
        with transaction.atomic():
            KeptList.objects.filter(pk=kept.pk).update(name=name)
    except IntegrityError as error:
        raise NameTakenError(name) from error
    record(scope, "list.changed", name, before=kept.name)


@transaction.atomic
def copy_list(*, scope: Scope, kept: KeptList) -> KeptList:
    """A list of one's own with the same members; each keeps its source."""
    scope.require(Permission.KEEP)
    lock(LISTS, scope.partner.pk)
    copy = _create(scope, _free_name(scope, kept.name), _("Copy of “%(name)s”") % {"name": kept.name}, None)
    members = ListMember.objects.filter(kept_list=kept).values_list("client_id", "source")
    ListMember.objects.bulk_create(
        ListMember(partner=scope.partner, kept_list=copy, client_id=client, added_by=scope.user, source=source)
        for client, source in members
    )
    record(scope, "list.made", copy.name, copied_from=kept.pk)
    return copy


@transaction.atomic
def delete_list(*, scope: Scope, kept: KeptList) -> None:
    """Take the list away; it can be restored. Reports that are narrowed to it say so when they open."""
    _require_change(scope, kept)
    KeptList.objects.filter(pk=kept.pk).update(deleted_at=clock.now(), request_key=None)
    record(scope, "list.deleted", kept.name)


@transaction.atomic
def restore_list(*, scope: Scope, kept: KeptList) -> KeptList:
    """Bring a deleted list back, under another name when its own is taken by now."""
    _require_change(scope, kept)
    lock(LISTS, scope.partner.pk)
    kept.name = _free_name(scope, kept.name, itself=True)
    KeptList.objects.filter(pk=kept.pk).update(deleted_at=None, name=kept.name)
    record(scope, "list.restored", kept.name)
    return kept


@transaction.atomic
def remove_members(*, scope: Scope, kept: KeptList, client_ids: Collection[int]) -> int:
    """Take clients out of the list; how many went."""
    _require_change(scope, kept)
    gone, _by_model = ListMember.objects.filter(kept_list=kept, client_id__in=client_ids).delete()
    record(scope, "list.changed", kept.name, removed=gone)
    return gone


def source_text(selection: Selection) -> str:
    """`Lost sold points, 25 Oct 2026 to 23 Nov 2026, both days included; Track: Sourced`."""
    head = ", ".join(filter(None, [str(selection.dataset.title), period_text(period_of(selection))]))
    return "; ".join([head, *selection.words])[:300]


def _clients(selection: Selection, ticked: Collection[str]) -> set[int]:
    """Primary keys of the clients behind the rows. Keys of rows that the selection does not hold count for nothing."""
    dataset, rows = selection.dataset, selection.rows
    if isinstance(rows, QuerySet):
        if ticked:
            name = f"{ALIAS}_ticked"
            # Compared as text: a key from a form may be anything, and is then nobody's.
            key = Cast(as_expression(dataset.row), TextField())
            rows = rows.alias(**{name: key}).filter(**{f"{name}__in": [text for text in ticked if "\0" not in text]})
        found = rows.order_by().values_list(as_expression(dataset.client), flat=True).distinct()
        return {client for client in found if client is not None}
    client, key_of_row = row_key(dataset.client), row_key(dataset.row)
    return {row[client] for row in rows if row[client] is not None and (not ticked or str(row[key_of_row]) in ticked)}


def _add(scope: Scope, kept: KeptList, clients: set[int], source: str) -> int:
    known = set(ListMember.objects.filter(kept_list=kept, client_id__in=clients).values_list("client_id", flat=True))
    new = sorted(clients - known)
    ListMember.objects.bulk_create(
        (
            ListMember(partner=scope.partner, kept_list=kept, client_id=client, added_by=scope.user, source=source)
            for client in new
        ),
        batch_size=2000,
    )
    return len(new)


def _create(scope: Scope, name: str, source: str, request_key: UUID | None) -> KeptList:
    if scope.user is None:
        raise PermissionDenied("nobody makes it")
    try:
        with transaction.atomic():
            return KeptList.objects.create(
                partner=scope.partner, owner=scope.user, name=name, source=source, request_key=request_key
            )
    except IntegrityError as error:
        raise NameTakenError(name) from error


def _free_name(scope: Scope, name: str, *, itself: bool = False) -> str:
    """The name, or with a number behind it when a list is called so already."""
    taken = {
        each.casefold()
        for each in KeptList.objects.filter(partner=scope.partner, deleted_at=None).values_list("name", flat=True)
    }
    number, free = (1, name) if itself else (2, f"{name[:110]} (2)")
    while free.casefold() in taken:
        number += 1
        free = f"{name[:110]} ({number})"
    return free


def _require_change(scope: Scope, kept: KeptList) -> None:
    if not may_change(scope, kept):
        raise PermissionDenied("not the owner's")
