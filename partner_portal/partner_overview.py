"""What operators see of all partners: names, sizes, ages and faults, and none of their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Max, Q, Sum

from accounts.models import Membership, Partner
from accounts.scope import sums_by_partner
from imports.models import BatchStatus, ImportBatch
from ledger.models import Posting
from partner_portal.lib.dates.clock import now
from program.queries import in_force
from reports.models import Export, Schedule, State
from sources.models import Connection, ConnectionState

FAULT_DAYS = 30


class _Imports(NamedTuple):
    added: int | None = None
    withdrawn: int | None = None
    as_of: datetime | None = None
    failed: int = 0


class _Connections(NamedTuple):
    last_run: datetime | None = None
    failed: int = 0


class _Number(NamedTuple):
    number: int = 0


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """One partner."""

    partner: Partner
    people: int
    #: What imports have added of all kinds, less what they have withdrawn; single facts that people withdrew still count.
    rows: int
    #: When data last came in, by a file or a connection; None for never.
    as_of: datetime | None
    #: Whether that is longer ago than the partner allows.
    stale: bool
    #: The end of the last successful run of a live connection; None without one.
    last_run: datetime | None
    #: Whether its ledger is still posted under the rules before their last change.
    former_rules: bool
    #: What failed in the last `FAULT_DAYS` days or does not run.
    failed_imports: int
    failed_connections: int
    failed_exports: int
    paused_schedules: int

    @property
    def faults(self) -> int:
        """The number of all faults."""
        return self.failed_imports + self.failed_connections + self.failed_exports + self.paused_schedules


def overview(partners: Sequence[Partner]) -> list[PartnerRow]:
    """A row for each partner, in their order. Six queries, however many there are."""
    since = now() - timedelta(days=FAULT_DAYS)
    written, failed = Q(status=BatchStatus.COMMITTED), Q(status=BatchStatus.FAILED, created_at__gte=since)
    people = sums_by_partner(Membership.objects.filter(user__is_active=True), partners, _Number, number=Count("pk"))
    imports = sums_by_partner(
        ImportBatch.objects.all(),
        partners,
        _Imports,
        added=Sum("added", filter=written),
        withdrawn=Sum("withdrawn", filter=written),
        as_of=Max("committed_at", filter=written),
        failed=Count("pk", filter=failed),
    )
    connections = sums_by_partner(
        Connection.objects.exclude(state=ConnectionState.DISCONNECTED),
        partners,
        _Connections,
        last_run=Max("good_at"),
        failed=Count("pk", filter=Q(failures__gt=0)),
    )
    failed_exports = Export.objects.filter(state=State.FAILED, created_at__gte=since)
    exports = sums_by_partner(failed_exports, partners, _Number, number=Count("pk"))
    schedules = sums_by_partner(Schedule.objects.exclude(paused=""), partners, _Number, number=Count("pk"))
    behind = sums_by_partner(
        Posting.objects.exclude(revision=in_force("revision")), partners, _Number, number=Count("pk")
    )
    rows = []
    for partner in partners:
        imported = imports.get(partner.pk, _Imports())
        live = connections.get(partner.pk, _Connections())
        as_of = max(filter(None, (imported.as_of, live.last_run)), default=None)
        rows.append(
            PartnerRow(
                partner=partner,
                people=people.get(partner.pk, _Number()).number,
                rows=(imported.added or 0) - (imported.withdrawn or 0),
                as_of=as_of,
                stale=as_of is not None and now() - as_of > timedelta(days=partner.stale_after_days),
                last_run=live.last_run,
                former_rules=partner.pk in behind,
                failed_imports=imported.failed,
                failed_connections=live.failed,
                failed_exports=exports.get(partner.pk, _Number()).number,
                paused_schedules=schedules.get(partner.pk, _Number()).number,
            )
        )
    return rows
