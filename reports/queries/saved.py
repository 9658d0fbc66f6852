"""Saved reports: the user's own and those shared in the partner."""

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

type AnyReport = SavedReport  # for annotations in views, which never import models

RESTORABLE = timedelta(days=30)  # after being deleted; the pages name it


def _present(scope: Scope) -> QuerySet[SavedReport]:
    return SavedReport.objects.filter(partner=scope.partner, deleted_at=None)


def reports(scope: Scope) -> QuerySet[SavedReport]:
    """The reports the scope may open, with their owner and number of `running` schedules, by name."""
    return (
        _present(scope)
        .filter(Q(owner=scope.user) | Q(shared=True))
        .select_related("owner")
        .annotate(running=Count("schedules", filter=Q(schedules__deleted_at=None)))
        .order_by(SortKey("name"), "pk")
    )


def report(scope: Scope, pk: int) -> SavedReport:
    """One report. Raises Http404 for one that is deleted, somebody else's private one, or another partner's."""
    match = reports(scope).filter(pk=pk).first()
    if match is None:
        raise Http404
    return match


def deleted_report(scope: Scope, pk: int) -> SavedReport | None:
    """A report that was deleted within RESTORABLE and that the scope may restore: its owner and admins may."""
    since = clock.now() - RESTORABLE
    match = SavedReport.objects.filter(partner=scope.partner, pk=pk, deleted_at__gt=since).first()
    return match if match and may_change(scope, match) else None


def may_change(scope: Scope, saved: SavedReport) -> bool:
    """Whether the scope may change or delete the report: its owner and admins may; others copy it."""
    own = scope.user is not None and saved.owner_id == scope.user.pk
    return scope.may(Permission.SAVE) and (own or scope.may(Permission.MEMBERS))


def opened(scope: Scope, saved: SavedReport, changes: dict[str, str] | None = None) -> Opened:
    """Open a report for this scope today. changes: parameters of an address that replace the stored ones.

    Raises Http404 when its dataset no longer exists and PermissionDenied when the scope may not see it.
    """
    try:
        return reopen(scope, saved.dataset, changes if changes is not None else saved.params, saved.columns)
    except KeyError as error:
        raise Http404 from error


def differs(saved: SavedReport, selection: Selection) -> bool:
    """Whether the selection differs from the stored report. Columns that the reader may not see are ignored."""
    if {key: value for key, value in saved.params.items() if value} != params_of(selection):
        return True
    shown = column_names(selection)
    return [name for name in saved.columns if name in shown] != shown


@dataclass(frozen=True, slots=True)
class Card:
    """A pinned report on the dashboard."""

    report: SavedReport
    selection: Selection | None  # None when it cannot be opened
    problem: str  # why it cannot be opened; "" when it can


def cards(scope: Scope) -> list[Card]:
    """The reports pinned to this reader's dashboard, in order: everybody's and their own."""
    pinned = _present(scope).filter(Q(pinned=Pinned.PARTNER, shared=True) | Q(pinned=Pinned.MINE, owner=scope.user))
    opened_cards = []
    for saved in pinned.order_by("position", "pk"):
        try:
            opened_cards.append(Card(saved, opened(scope, saved).selection, ""))
        except (Http404, PermissionDenied):
            opened_cards.append(Card(saved, None, _("You may not see these rows.")))
    return opened_cards
