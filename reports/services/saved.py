"""Saved reports: save, change, copy, delete, restore, pin."""

from collections.abc import Collection
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
from reports.definitions import ReportAppearance, column_names, params_of
from reports.models import Pinned, SavedReport, Schedule
from reports.queries.saved import may_change
from reports.schedule import ScheduleValues
from reports.services.schedules import make_schedule, pause_without_report


@transaction.atomic
def save_report(
    *, scope: Scope, selection: Selection, fixed: bool, appearance: ReportAppearance, request_key: UUID | None = None
) -> SavedReport:
    """Save a selection as a report; the same `request_key` twice saves one. fixed: store a moving range as its days of now."""
    scope.require(Permission.SAVE)
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
        **_consistent(appearance),
    )
    record(scope, "report.saved", saved.name, dataset=saved.dataset, shared=saved.shared)
    return saved


@transaction.atomic
def save_and_schedule(
    *,
    scope: Scope,
    selection: Selection,
    name: str,
    values: ScheduleValues,
    member_ids: Collection[int],
    addresses: Collection[str],
    request_key: UUID,
) -> Schedule:
    """Save a selection as a report and schedule it: both, or neither when the schedule raises.

    The same `request_key` twice makes one. Raises RecipientError and PermissionDenied.
    """
    saved = save_report(
        scope=scope, selection=selection, fixed=False, appearance={"name": name}, request_key=request_key
    )
    return make_schedule(
        scope=scope, report=saved, values=values, member_ids=member_ids, addresses=addresses, request_key=request_key
    )


@transaction.atomic
def change_report(
    *, scope: Scope, saved: SavedReport, selection: Selection, fixed: bool, appearance: ReportAppearance
) -> None:
    """Replace what a report stores. Raises PermissionDenied unless the scope's user is its owner or an admin."""
    _require_change(scope, saved)
    SavedReport.objects.filter(pk=saved.pk).update(
        params=params_of(selection, fixed=fixed),
        columns=_merged(saved, selection),
        changed_at=clock.now(),
        **_consistent(appearance),
    )
    record(scope, "report.changed", saved.name)


@transaction.atomic
def copy_report(*, scope: Scope, saved: SavedReport) -> SavedReport:
    """Copy a report. The copy is private and belongs to the scope's user."""
    scope.require(Permission.SAVE)
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
    """Delete a report; it can be restored for 30 days. Its schedules pause, and their owners are notified."""
    _require_change(scope, saved)
    pause_without_report(scope=scope, report=saved)
    SavedReport.objects.filter(pk=saved.pk).update(deleted_at=clock.now(), pinned=Pinned.NO, request_key=None)
    record(scope, "report.deleted", saved.name)


@transaction.atomic
def restore_report(*, scope: Scope, saved: SavedReport) -> None:
    """Restore a deleted report. Its schedules stay paused until somebody resumes them."""
    _require_change(scope, saved)
    SavedReport.objects.filter(pk=saved.pk).update(deleted_at=None)
    record(scope, "report.restored", saved.name)


@transaction.atomic
def pin_report(*, scope: Scope, saved: SavedReport, pinned: str) -> None:
    """Pin a report to a dashboard, or unpin it with "". Raises PermissionDenied for a private report on everybody's."""
    _require_change(scope, saved)
    if pinned == Pinned.PARTNER and not saved.shared:
        raise PermissionDenied("private")
    SavedReport.objects.filter(pk=saved.pk).update(pinned=pinned)
    record(scope, "report.changed", saved.name, pinned=pinned)


@transaction.atomic
def move_report(*, scope: Scope, saved: SavedReport, earlier: bool) -> None:
    """Swap a pinned report with its neighbour on the dashboard."""
    _require_change(scope, saved)
    lock(REPORTS, scope.partner.pk)
    row = list(
        SavedReport.objects.filter(partner=scope.partner, deleted_at=None).exclude(pinned="").order_by("position", "pk")
    )
    place = next((number for number, card in enumerate(row) if card.pk == saved.pk), None)
    if place is None:
        return
    other = place - 1 if earlier else place + 1
    if 0 <= other < len(row):
        row[place], row[other] = row[other], row[place]
    for number, card in enumerate(row, 1):
        if card.position != number:
            SavedReport.objects.filter(pk=card.pk).update(position=number)


def note_opened(*, saved: SavedReport) -> None:
    """Store when a report was last opened."""
    SavedReport.objects.filter(pk=saved.pk).update(opened_at=clock.now())


def schedules_of(saved: SavedReport) -> list[Schedule]:
    """The schedules that send this report."""
    return list(Schedule.objects.filter(report=saved, deleted_at=None).select_related("owner"))


def _consistent(appearance: ReportAppearance) -> ReportAppearance:
    """What everybody's dashboard shows is shared."""
    return {**appearance, "shared": True} if appearance.get("pinned") == Pinned.PARTNER else appearance


def _merged(saved: SavedReport, selection: Selection) -> list[str]:
    """The columns shown now, and behind them the stored ones that this editor may not see."""
    shown = column_names(selection)
    permitted = {column.name for column in selection.dataset.permitted(selection.scope)}
    known = {column.name for column in selection.dataset.columns}
    return shown + [name for name in saved.columns if name in known and name not in permitted]


def _last_position(scope: Scope) -> int:
    return SavedReport.objects.filter(partner=scope.partner).aggregate(last=Max("position"))["last"] or 0


def _require_change(scope: Scope, saved: SavedReport) -> None:
    if not may_change(scope, saved):
        raise PermissionDenied("not the owner's")
