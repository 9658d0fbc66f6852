"""Lists of clients: make, fill, rename, copy, delete, restore."""

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
from reports.models import ListMember, SavedList
from reports.queries.lists import may_change


class NameTakenError(Exception):
    """Another list has this name."""


@dataclass(frozen=True, slots=True)
class Added:
    """The outcome of adding clients to a list."""

    client_list: SavedList
    added: int  # clients that are new in the list
    already: int  # clients that were in it before


@transaction.atomic
def make_list(
    *, scope: Scope, name: str, selection: Selection, ticked: Collection[str] = (), request_key: UUID | None = None
) -> Added:
    """Make a list of the clients behind the selection's rows, or behind the ticked ones.

    The same `request_key` twice makes one list. Raises NameTakenError.
    """
    scope.require(Permission.SAVE)
    lock(LISTS, scope.partner.pk)
    if request_key:
        same = SavedList.objects.filter(partner=scope.partner, request_key=request_key).first()
        if same:
            return Added(same, same.members.count(), 0)
    client_list = _create(scope, name, source_text(selection), request_key)
    clients = _clients(selection, ticked)
    added = _add(scope, client_list, clients, source_text(selection))
    record(scope, "list.made", client_list.name, clients=added)
    return Added(client_list, added, 0)


@transaction.atomic
def add_to_list(*, scope: Scope, client_list: SavedList, selection: Selection, ticked: Collection[str] = ()) -> Added:
    """Add the clients behind the selection's rows, or behind the ticked ones. Members of the list stay unchanged."""
    scope.require(Permission.SAVE)
    lock(LISTS, scope.partner.pk)
    clients = _clients(selection, ticked)
    added = _add(scope, client_list, clients, source_text(selection))
    record(scope, "list.added", client_list.name, clients=added)
    return Added(client_list, added, len(clients) - added)


@transaction.atomic
def rename_list(*, scope: Scope, client_list: SavedList, name: str) -> None:
    """Rename a list. Raises NameTakenError, and PermissionDenied unless the scope's user is its owner or an admin."""
    _require_change(scope, client_list)
    try:
        with transaction.atomic():
            SavedList.objects.filter(pk=client_list.pk).update(name=name)
    except IntegrityError as error:
        raise NameTakenError(name) from error
    record(scope, "list.changed", name, before=client_list.name)


@transaction.atomic
def copy_list(*, scope: Scope, client_list: SavedList) -> SavedList:
    """Copy a list with its members and their sources. The copy belongs to the scope's user."""
    scope.require(Permission.SAVE)
    lock(LISTS, scope.partner.pk)
    copy = _create(
        scope, _free_name(scope, client_list.name), _("Copy of “%(name)s”") % {"name": client_list.name}, None
    )
    members = ListMember.objects.filter(saved_list=client_list).values_list("client_id", "source")
    ListMember.objects.bulk_create(
        ListMember(partner=scope.partner, saved_list=copy, client_id=client, added_by=scope.user, source=source)
        for client, source in members
    )
    record(scope, "list.made", copy.name, copied_from=client_list.pk)
    return copy


@transaction.atomic
def delete_list(*, scope: Scope, client_list: SavedList) -> None:
    """Delete a list; it can be restored. Reports narrowed to it say so when they are opened."""
    _require_change(scope, client_list)
    SavedList.objects.filter(pk=client_list.pk).update(deleted_at=clock.now(), request_key=None)
    record(scope, "list.deleted", client_list.name)


@transaction.atomic
def restore_list(*, scope: Scope, client_list: SavedList) -> SavedList:
    """Restore a deleted list, under another name when its own is taken by now."""
    _require_change(scope, client_list)
    lock(LISTS, scope.partner.pk)
    client_list.name = _free_name(scope, client_list.name, itself=True)
    SavedList.objects.filter(pk=client_list.pk).update(deleted_at=None, name=client_list.name)
    record(scope, "list.restored", client_list.name)
    return client_list


@transaction.atomic
def remove_members(*, scope: Scope, client_list: SavedList, client_ids: Collection[int]) -> int:
    """Remove clients from a list. Returns how many were in it."""
    _require_change(scope, client_list)
    removed, _by_model = ListMember.objects.filter(saved_list=client_list, client_id__in=client_ids).delete()
    record(scope, "list.changed", client_list.name, removed=removed)
    return removed


def source_text(selection: Selection) -> str:
    """Where clients came from: `Lost sold points, 25 Oct 2026 to 23 Nov 2026, both days included; Track: Sourced`."""
    head = ", ".join(filter(None, [str(selection.dataset.title), period_text(period_of(selection))]))
    return "; ".join([head, *selection.filter_texts])[:300]


def _clients(selection: Selection, ticked: Collection[str]) -> set[int]:
    """Primary keys of the clients behind the rows, or behind the ticked ones. Unknown row keys are ignored."""
    dataset, rows = selection.dataset, selection.rows
    if isinstance(rows, QuerySet):
        if ticked:
            name = f"{ALIAS}_ticked"
            # Compared as text, since a key from a form may be anything.
            key = Cast(as_expression(dataset.row), TextField())
            rows = rows.alias(**{name: key}).filter(**{f"{name}__in": [text for text in ticked if "\0" not in text]})
        clients = rows.order_by().values_list(as_expression(dataset.client), flat=True).distinct()
        return {client for client in clients if client is not None}
    client, key_of_row = row_key(dataset.client), row_key(dataset.row)
    return {row[client] for row in rows if row[client] is not None and (not ticked or str(row[key_of_row]) in ticked)}


def _add(scope: Scope, client_list: SavedList, clients: set[int], source: str) -> int:
    known = set(
        ListMember.objects.filter(saved_list=client_list, client_id__in=clients).values_list("client_id", flat=True)
    )
    new = sorted(clients - known)
    ListMember.objects.bulk_create(
        (
            ListMember(
                partner=scope.partner, saved_list=client_list, client_id=client, added_by=scope.user, source=source
            )
            for client in new
        ),
        batch_size=2000,
    )
    return len(new)


def _create(scope: Scope, name: str, source: str, request_key: UUID | None) -> SavedList:
    if scope.user is None:
        raise PermissionDenied("nobody makes it")
    try:
        with transaction.atomic():
            return SavedList.objects.create(
                partner=scope.partner, owner=scope.user, name=name, source=source, request_key=request_key
            )
    except IntegrityError as error:
        raise NameTakenError(name) from error


def _free_name(scope: Scope, name: str, *, itself: bool = False) -> str:
    """The name, with a number appended when another list has it. itself: try the bare name first."""
    taken = {
        taken_name.casefold()
        for taken_name in SavedList.objects.filter(partner=scope.partner, deleted_at=None).values_list(
            "name", flat=True
        )
    }
    number, free = (1, name) if itself else (2, f"{name[:110]} (2)")
    while free.casefold() in taken:
        number += 1
        free = f"{name[:110]} ({number})"
    return free


def _require_change(scope: Scope, client_list: SavedList) -> None:
    if not may_change(scope, client_list):
        raise PermissionDenied("not the owner's")
