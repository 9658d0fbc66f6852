"""Reads files and their lives. Everybody sees their own."""

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404

from accounts.scope import Scope
from reports.models import Export, State

SHOWN = 100


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An export as the page shows it. place: its place in the queue, 0 when it does not wait."""

    export: Export
    place: int

    @property
    def is_open(self) -> bool:
        """Whether it may still change."""
        return self.export.state in {State.QUEUED, State.RUNNING}


def exports(scope: Scope) -> list[ExportRow]:
    """The user's files, newest first."""
    found = list(Export.objects.filter(partner=scope.partner, owner=scope.user).order_by("-created_at", "-pk")[:SHOWN])
    waiting = sorted((each.created_at, each.pk) for each in found if each.state == State.QUEUED)
    places = {pk: place for place, (_at, pk) in enumerate(waiting, 1)}
    return [ExportRow(each, places.get(each.pk, 0)) for each in found]


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
    """The user's files that want attention; those of schedules arrive by mail and do not ring."""
    rows = Export.objects.filter(
        partner=scope.partner, owner=scope.user, by_schedule=False, state__in=[State.QUEUED, State.RUNNING, State.READY]
    ).values_list("state", "downloads", "finished_at")
    ready = [at for state, downloads, at in rows if state == State.READY and not downloads and at]
    return Waiting(
        sum(1 for state, _downloads, _at in rows if state != State.READY), len(ready), max(ready, default=None)
    )
