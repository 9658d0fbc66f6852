"""Reads files and their lives. Everybody sees their own."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.http import Http404

from accounts.scope import Scope
from partner_portal.lib.rows.datasets import Column, Dataset, find
from reports.models import Export, State

SHOWN = 100


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export as the page shows it. place: its place in the queue, 0 when it does not wait. access: what its owner may see
    of it now."""

    export: Export
    place: int
    access: "Access"

    @property
    def is_open(self) -> bool:
        """Whether it may still change."""
        return self.export.state in {State.QUEUED, State.RUNNING}


@dataclass(frozen=True, slots=True)
class Access:
    """What the reader's role of now opens of a file that was made under an earlier one.

    rows: its rows at all. columns: every column in it, so that the file itself may go out.
    """

    rows: bool
    columns: bool

    @property
    def whole(self) -> bool:
        """Whether the file may be downloaded."""
        return self.rows and self.columns


def access(scope: Scope, export: Export) -> Access:
    """What the scope may see of the export. What nobody knows any more might be money, and opens only to those who see that."""
    try:
        dataset = find(export.dataset)
    except KeyError:
        return Access(scope.may_see_money, scope.may_see_money)
    return Access(scope.may(dataset.permission), all(_may_see(scope, dataset, name) for name in export.columns))


def _may_see(scope: Scope, dataset: Dataset, name: str) -> bool:
    column = next((column for column in dataset.columns if column.name == name), None)
    if column is None:
        return scope.may_see_money
    return not column.permission or scope.may(column.permission)


def permitted_totals(scope: Scope, export: Export) -> list[tuple[Column, Decimal]]:
    """The totals of the file, of those columns that the scope may see now."""
    if not access(scope, export).rows:
        return []
    try:
        permitted = {column.name: column for column in find(export.dataset).permitted(scope)}
    except KeyError:
        return []
    return [(permitted[name], Decimal(value)) for name, value in export.totals.items() if name in permitted]


def exports(scope: Scope) -> list[ExportRow]:
    """The user's files, newest first."""
    found = list(Export.objects.filter(partner=scope.partner, owner=scope.user).order_by("-created_at", "-pk")[:SHOWN])
    waiting = sorted((each.created_at, each.pk) for each in found if each.state == State.QUEUED)
    places = {pk: place for place, (_at, pk) in enumerate(waiting, 1)}
    return [ExportRow(each, places.get(each.pk, 0), access(scope, each)) for each in found]


def export(scope: Scope, pk: int) -> Export:
    """One of the user's files. Raises Http404, also for somebody else's."""
    found = Export.objects.filter(partner=scope.partner, owner=scope.user, pk=pk).first()
    if found is None:
        raise Http404
    return found


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the bell tells: files being made, and files ready that nobody fetched."""

    open: int
    ready: int
    latest: datetime | None


def waiting(scope: Scope) -> Waiting:
    """The user's files that want attention: not those of schedules and tests, which arrive by mail, nor those that the role of
    now may not download."""
    rows = Export.objects.filter(
        partner=scope.partner,
        owner=scope.user,
        by_schedule=False,
        trial__isnull=True,
        state__in=[State.QUEUED, State.RUNNING, State.READY],
    ).only("state", "downloads", "finished_at", "dataset", "columns")
    ready = [
        row.finished_at
        for row in rows
        if row.state == State.READY and not row.downloads and row.finished_at and access(scope, row).whole
    ]
    return Waiting(sum(row.state != State.READY for row in rows), len(ready), max(ready, default=None))
