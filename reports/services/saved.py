"""Writes saved reports."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import REPORTS, lock
from partner_portal.lib.rows.datasets import Selection
from reports.definitions import column_names, params_of
from reports.models import Pinned, SavedReport, Schedule
from reports.queries.saved import may_change
from reports.services.schedules import make_schedule, pause_without_report

LOOKS = ("name", "description", "comparison", "chart", "shared", "pinned")


@transaction.atomic
def save_report(
    *, scope: Scope, selection: Selection, fixed: bool, looks: Mapping[str, Any], request_key: UUID | None = None
) -> SavedReport:
    """Keep a selection as a report. The same form twice makes one. `looks` has the fields of LOOKS."""
    scope.require(Permission.KEEP)
    if scope.user is None:
        raise PermissionDenied("nobody saves")
    lock(REPORTS, scope.user.pk)
    if request_key:
        same = SavedReport.objects.filter(partner=scope.partner, request_key=request_key).first()
        if same:
            return same
    saved = SavedReport.objects.create(
        partner=scope.partner,
        owner=scope.user,
        dataset=selection.dataset.key,
        params=params_of(selection, fixed=fixed),
        columns=column_names(selection),
        position=_last_position(scope) + 1,
        request_key=request_key,
        **_looks(scope, looks),
    )
    record(scope, "report.saved", saved.name, dataset=saved.dataset, shared=saved.shared)
    return saved


@transaction.atomic
def save_and_schedule(
    *,
    scope: Scope,
    selection: Selection,
    name: str,
    values: Mapping[str, Any],
    member_ids: Collection[int],
    addresses: Collection[str],
    request_key: UUID,
) -> Schedule:
    """Save a selection as a report and send it by the clock: both, or neither when the schedule is refused.

    The same form twice makes one. Raises RecipientError and PermissionDenied.
    """
    saved = save_report(scope=scope, selection=selection, fixed=False, looks={"name": name}, request_key=request_key)
    return make_schedule(
        scope=scope, report=saved, values=values, member_ids=member_ids, addresses=addresses, request_key=request_key
    )


@transaction.atomic
def change_report(
    *, scope: Scope, saved: SavedReport, selection: Selection, fixed: bool, looks: Mapping[str, Any]
) -> None:
    """Store how it is looked at now. Raises PermissionDenied for somebody who is neither owner nor admin."""
    _require_change(scope, saved)
    SavedReport.objects.filter(pk=saved.pk).update(
        params=params_of(selection, fixed=fixed),
        columns=_merged(saved, selection),
        changed_at=clock.now(),
        **_looks(scope, looks),
    )
    record(scope, "report.changed", saved.name)


@transaction.atomic
def copy_report(*, scope: Scope, saved: SavedReport) -> SavedReport:
    """A private copy of one's own."""
    scope.require(Permission.KEEP)
    if scope.user is None:
        raise PermissionDenied("nobody saves")
    copy = SavedReport.objects.create(
        partner=scope.partner,
        owner=scope.user,
        name=(_("%(name)s, copy") % {"name": saved.name})[:120],
        description=saved.description,
        dataset=saved.dataset,
        params=saved.params,
        columns=saved.columns,
        comparison=saved.comparison,
        chart=saved.chart,
        position=_last_position(scope) + 1,
    )
    record(scope, "report.saved", copy.name, copied_from=saved.pk)
    return copy


@transaction.atomic
def delete_report(*, scope: Scope, saved: SavedReport) -> None:
    """Take a report away; it can be restored for 30 days. Schedules that use it pause, and their owners are told."""
    _require_change(scope, saved)
    pause_without_report(scope=scope, report=saved)
    SavedReport.objects.filter(pk=saved.pk).update(deleted_at=clock.now(), pinned=Pinned.NO, request_key=None)
    record(scope, "report.deleted", saved.name)


@transaction.atomic
def restore_report(*, scope: Scope, saved: SavedReport) -> None:
    """Bring it back; its schedules stay paused until somebody resumes them."""
    _require_change(scope, saved)
    SavedReport.objects.filter(pk=saved.pk).update(deleted_at=None)
    record(scope, "report.restored", saved.name)


@transaction.atomic
def pin_report(*, scope: Scope, saved: SavedReport, pinned: str) -> None:
    """Put it on a dashboard, or take it off. Everybody's dashboard shows shared reports only."""
    _require_change(scope, saved)
    if pinned == Pinned.PARTNER and not saved.shared:
        raise PermissionDenied("private")
    SavedReport.objects.filter(pk=saved.pk).update(pinned=pinned)
    record(scope, "report.changed", saved.name, pinned=pinned)


@transaction.atomic
def move_report(*, scope: Scope, saved: SavedReport, earlier: bool) -> None:
    """Change places with the neighbour on the dashboard."""
    _require_change(scope, saved)
    lock(REPORTS, scope.partner.pk)
    row = list(
        SavedReport.objects.filter(partner=scope.partner, deleted_at=None).exclude(pinned="").order_by("position", "pk")
    )
    place = next((number for number, each in enumerate(row) if each.pk == saved.pk), None)
    if place is None:
        return
    other = place - 1 if earlier else place + 1
    if 0 <= other < len(row):
        row[place], row[other] = row[other], row[place]
    for number, each in enumerate(row, 1):
        if each.position != number:
            SavedReport.objects.filter(pk=each.pk).update(position=number)


def note_opened(*, saved: SavedReport) -> None:
    """Remember that somebody used it."""
    SavedReport.objects.filter(pk=saved.pk).update(opened_at=clock.now())


def schedules_of(saved: SavedReport) -> list[Schedule]:
    """The schedules that send this report."""
    return list(Schedule.objects.filter(report=saved, deleted_at=None).select_related("owner"))


def _looks(scope: Scope, looks: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: looks[name] for name in LOOKS if name in looks}
    if found.get("pinned") == Pinned.PARTNER:
        found["shared"] = True
    return found


def _merged(saved: SavedReport, selection: Selection) -> list[str]:
    """The columns shown now; those that this editor may not see stay where they were."""
    shown = column_names(selection)
    permitted = {column.name for column in selection.dataset.permitted(selection.scope)}
    known = {column.name for column in selection.dataset.columns}
    return shown + [name for name in saved.columns if name in known and name not in permitted]


def _last_position(scope: Scope) -> int:
    return SavedReport.objects.filter(partner=scope.partner).aggregate(last=Max("position"))["last"] or 0


def _require_change(scope: Scope, saved: SavedReport) -> None:
    if not may_change(scope, saved):
        raise PermissionDenied("not the owner's")
