"""Reads saved reports: one's own and those shared in the partner."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.collation import SortKey
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import Selection
from reports.definitions import Opened, column_names, params_of, reopen
from reports.models import Pinned, SavedReport

RESTORABLE = timedelta(days=30)  # as the pages say


def _kept(scope: Scope) -> QuerySet[SavedReport]:
    return SavedReport.objects.filter(partner=scope.partner, deleted_at=None)


def reports(scope: Scope) -> QuerySet[SavedReport]:
    """The reports the scope may open, with their owner and number of `running` schedules; pinned ones first."""
    return (
        _kept(scope)
        .filter(Q(owner=scope.user) | Q(shared=True))
        .select_related("owner")
        .annotate(running=Count("schedules", filter=Q(schedules__deleted_at=None)))
        .order_by(SortKey("name"), "pk")
    )


def report(scope: Scope, pk: int) -> SavedReport:
    """One report. Raises Http404 for one that is gone, private to somebody else, or of another partner."""
    found = reports(scope).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def deleted_report(scope: Scope, pk: int) -> SavedReport | None:
    """A report deleted within RESTORABLE, which its owner, or an admin, may bring back."""
    since = clock.now() - RESTORABLE
    found = SavedReport.objects.filter(partner=scope.partner, pk=pk, deleted_at__gt=since).first()
    return found if found and may_change(scope, found) else None


def may_change(scope: Scope, saved: SavedReport) -> bool:
    """Whether the scope may edit or delete it: its owner and admins may; others copy it."""
    own = scope.user is not None and saved.owner_id == scope.user.pk
    return scope.may(Permission.KEEP) and (own or scope.may(Permission.MEMBERS))


def opened(scope: Scope, saved: SavedReport, changes: dict[str, str] | None = None) -> Opened:
    """The report as it opens for this reader today; `changes` are parameters of an address that look at it otherwise.

    Raises Http404 when its kind of rows is gone and PermissionDenied when the reader may not see it.
    """
    try:
        return reopen(scope, saved.dataset, changes if changes is not None else saved.params, saved.columns)
    except KeyError as error:
        raise Http404 from error


def differs(saved: SavedReport, selection: Selection) -> bool:
    """Whether what is looked at is not what is stored (columns that the reader may not see do not count)."""
    if {key: value for key, value in saved.params.items() if value} != params_of(selection):
        return True
    shown = column_names(selection)
    return [name for name in saved.columns if name in shown] != shown


@dataclass(frozen=True, slots=True)
class Card:
    """A pinned report on the dashboard: its figure of now, or why there is none."""

    report: SavedReport
    selection: Selection | None
    problem: str


def cards(scope: Scope) -> list[Card]:
    """The reports pinned to this reader's dashboard, in order: everybody's and their own."""
    pinned = _kept(scope).filter(Q(pinned=Pinned.PARTNER, shared=True) | Q(pinned=Pinned.MINE, owner=scope.user))
    found = []
    for saved in pinned.order_by("position", "pk"):
        try:
            found.append(Card(saved, opened(scope, saved).selection, ""))
        except (Http404, PermissionDenied):
            found.append(Card(saved, None, _("You may not see these rows.")))
    return found
