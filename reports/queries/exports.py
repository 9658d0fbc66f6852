"""Exported files, and what may be seen of them. Everybody sees their own."""

from dataclasses import dataclass
from decimal import Decimal

from django.http import Http404

from accounts.scope import Scope
from partner_portal.lib.rows.datasets import Column, Dataset, find
from reports.models import Export, State

SHOWN = 100

type AnyExport = Export  # for annotations in views, which never import models


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export as the page shows it."""

    export: Export
    place: int  # in the user's queue; 0 when it is not queued
    access: "Access"

    @property
    def is_open(self) -> bool:
        """Whether it may still change."""
        return self.export.state in {State.QUEUED, State.RUNNING}


@dataclass(frozen=True, slots=True)
class Access:
    """What the reader's present role may see of a file that may have been made under another role."""

    rows: bool  # its rows at all
    columns: bool  # every column in it

    @property
    def whole(self) -> bool:
        """Whether the file may be downloaded."""
        return self.rows and self.columns


def access(scope: Scope, export: Export) -> Access:
    """What the scope may see of the export. Datasets and columns that no longer exist count as money."""
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
    """The file's totals of the columns that the scope may see now."""
    if not access(scope, export).rows:
        return []
    try:
        permitted = {column.name: column for column in find(export.dataset).permitted(scope)}
    except KeyError:
        return []
    return [(permitted[name], Decimal(value)) for name, value in export.totals.items() if name in permitted]


def exports(scope: Scope) -> list[ExportRow]:
    """The user's latest SHOWN files, newest first."""
    rows = list(Export.objects.filter(partner=scope.partner, owner=scope.user).order_by("-created_at", "-pk")[:SHOWN])
    waiting = sorted((row.created_at, row.pk) for row in rows if row.state == State.QUEUED)
    places = {pk: place for place, (_at, pk) in enumerate(waiting, 1)}
    return [ExportRow(row, places.get(row.pk, 0), access(scope, row)) for row in rows]


def export(scope: Scope, pk: int) -> Export:
    """One of the user's files. Raises Http404, also for somebody else's."""
    match = Export.objects.filter(partner=scope.partner, owner=scope.user, pk=pk).first()
    if match is None:
        raise Http404
    return match


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the bell in the top bar shows."""

    open: int  # files queued or being written
    ready: int  # files ready and not downloaded


def waiting(scope: Scope) -> Waiting:
    """Count the user's files that need attention.

    Those of schedules and test mails arrive by mail, and those that the present role may not download are left out.
    """
    rows = Export.objects.filter(
        partner=scope.partner,
        owner=scope.user,
        by_schedule=False,
        trial__isnull=True,
        state__in=[State.QUEUED, State.RUNNING, State.READY],
    ).only("state", "downloads", "dataset", "columns")
    ready = sum(row.state == State.READY and not row.downloads and access(scope, row).whole for row in rows)
    return Waiting(sum(row.state != State.READY for row in rows), ready)
