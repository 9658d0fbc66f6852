"""The translated names of the members of `program.terms`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from program.terms import (
    Cause,
    DealKind,
    LineStatus,
    LotState,
    Market,
    Metric,
    Origin,
    PaymentStanding,
    RenewalStatus,
    ReviewResult,
    Stage,
    Track,
)


@dataclass(frozen=True, slots=True)
class MetricText:
    """The translated names of a metric."""

    #: In full, on pages.
    name: Promise
    #: In forms of operators and in columns.
    short: Promise


METRIC_TEXTS = {
    Metric.TOTAL_POINTS: MetricText(_("Total points"), _("Total points")),
    Metric.SOLD_POINTS: MetricText(_("Sold points"), _("Sold points")),
    Metric.SOURCED_POINTS: MetricText(_("Sourced points"), _("Sourced points")),
    Metric.MANAGED_POINTS: MetricText(_("Managed points"), _("Managed points")),
    Metric.CSR: MetricText(_("Customer dollar retention (C$R)"), _("C$R")),
    Metric.GRR: MetricText(_("Gross revenue retention (GRR)"), _("GRR")),
    Metric.CERTIFIED_PEOPLE: MetricText(_("Certified people"), _("Certified people")),
    Metric.TOOL_USAGE_MEAN: MetricText(_("Tool usage, mean"), _("Mean tool usage")),
    Metric.TOOL_USAGE_MEDIAN: MetricText(_("Tool usage, median"), _("Median tool usage")),
    Metric.SOLD_MRR_12M: MetricText(_("Sold MRR of 12 months"), _("Sold MRR, 12 months")),
    Metric.MANAGED_MRR: MetricText(_("Managed MRR"), _("Managed MRR")),
}

# By enumeration, since members of two of them may be the same string.
_LABELS: dict[type[StrEnum], Mapping[StrEnum, Promise]] = {
    Track: {Track.SOURCED: _("Sourced"), Track.ASSISTED: _("Assisted"), Track.MANAGED: _("Managed")},
    Cause: {
        Cause.EARNED: _("Earned"),
        Cause.RAISED: _("Raised"),
        Cause.EXPIRED: _("Expired"),
        Cause.DOWNGRADED: _("Downgraded"),
        Cause.CHURNED: _("Churned"),
        Cause.REDUCED: _("Reduced"),
        Cause.ENDED: _("Ended"),
    },
    DealKind: {
        DealKind.NEW: _("New"),
        DealKind.CROSS_SELL: _("Cross-sell"),
        DealKind.UPGRADE: _("Upgrade"),
        DealKind.DOWNGRADE: _("Downgrade"),
    },
    Origin: {Origin.SOURCED: _("Sourced"), Origin.ASSISTED: _("Assisted"), Origin.NONE: _("None")},
    Stage: {Stage.OPEN: _("Open"), Stage.WON: _("Won"), Stage.LOST: _("Lost")},
    LotState: {
        LotState.ACTIVE: _("Active"),
        LotState.PARTLY_LOST: _("Partly lost"),
        LotState.LOST: _("Lost"),
        LotState.EXPIRED: _("Expired"),
    },
    Market: {Market.GROWTH: _("Growth"), Market.STANDARD: _("Standard")},
    Metric: {metric: text.short for metric, text in METRIC_TEXTS.items()},
    ReviewResult: {
        ReviewResult.RISE: _("Rise"),
        ReviewResult.FALL: _("Review"),
        ReviewResult.KEPT: _("Review, kept"),
    },
    LineStatus: {
        LineStatus.DRAFT: _("Draft"),
        LineStatus.ISSUED: _("Issued"),
        LineStatus.PAID: _("Paid"),
        LineStatus.WITHHELD: _("Withheld"),
        LineStatus.FORFEITED: _("Forfeited"),
    },
    PaymentStanding: {
        PaymentStanding.PAID: _("Paid"),
        PaymentStanding.SCHEDULED: _("Scheduled"),
        PaymentStanding.OVERDUE: _("Overdue"),
        PaymentStanding.DRAFT: _("Draft"),
        PaymentStanding.WITHHELD: _("Withheld"),
        PaymentStanding.FORFEITED: _("Forfeited"),
        PaymentStanding.OFFSET: _("To be offset"),
        PaymentStanding.SETTLED: _("Offset in full"),
    },
    RenewalStatus: {
        RenewalStatus.PENDING: _("Pending"),
        RenewalStatus.CONFIRMED: _("Confirmed"),
        RenewalStatus.CANCELLATION_REQUESTED: _("Cancellation requested"),
        RenewalStatus.RENEWED: _("Renewed"),
    },
}


def label(member: StrEnum) -> Promise:
    """The translated name of a member, lazy."""
    return _LABELS[type(member)][member]


def labelled(members: Iterable[StrEnum]) -> list[tuple[str, Promise]]:
    """Pairs of value and translated name, for the choices of a field: an enumeration, or some of its members."""
    return [(member.value, label(member)) for member in members]


def labels(members: Iterable[StrEnum]) -> dict[str, Promise]:
    """The translated names by value, for columns and filters."""
    return dict(labelled(members))


def values(members: Iterable[StrEnum]) -> list[str]:
    """The plain values, for constraints and migrations."""
    return [member.value for member in members]
