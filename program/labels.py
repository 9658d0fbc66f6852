"""The translated names of the members of `program.terms`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext_lazy
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
    #: In the middle of a sentence, after "data on" or before a value.
    in_sentence: Promise
    #: A number of it with its noun, chosen by `count`: `12 sourced points`. None for what is not counted in whole numbers.
    counted: Promise | None = None


METRIC_TEXTS = {
    Metric.TOTAL_POINTS: MetricText(
        _("Total points"),
        _("Total points"),
        _("total"),
        ngettext_lazy("%(number)s point", "%(number)s points", "count"),
    ),
    Metric.SOLD_POINTS: MetricText(
        _("Sold points"),
        _("Sold points"),
        _("sold"),
        ngettext_lazy("%(number)s sold point", "%(number)s sold points", "count"),
    ),
    Metric.SOURCED_POINTS: MetricText(
        _("Sourced points"),
        _("Sourced points"),
        _("sourced"),
        ngettext_lazy("%(number)s sourced point", "%(number)s sourced points", "count"),
    ),
    Metric.MANAGED_POINTS: MetricText(
        _("Managed points"),
        _("Managed points"),
        _("managed"),
        ngettext_lazy("%(number)s managed point", "%(number)s managed points", "count"),
    ),
    Metric.CSR: MetricText(_("Customer dollar retention (C$R)"), _("C$R"), _("C$R")),
    Metric.GRR: MetricText(_("Gross revenue retention (GRR)"), _("GRR"), _("GRR")),
    Metric.CERTIFIED_PEOPLE: MetricText(
        _("Certified people"),
        _("Certified people"),
        _("certified people"),
        ngettext_lazy("%(number)s certified person", "%(number)s certified people", "count"),
    ),
    Metric.TOOL_USAGE_MEAN: MetricText(_("Tool usage, mean"), _("Mean tool usage"), _("mean tool usage")),
    Metric.TOOL_USAGE_MEDIAN: MetricText(_("Tool usage, median"), _("Median tool usage"), _("median tool usage")),
    Metric.SOLD_MRR_12M: MetricText(_("Sold MRR of 12 months"), _("Sold MRR, 12 months"), _("12-month sold MRR")),
    Metric.MANAGED_MRR: MetricText(_("Managed MRR"), _("Managed MRR"), _("managed MRR")),
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


def metric_label(metric: Metric) -> str:
    """The translated name of a tier requirement, in full."""
    return str(METRIC_TEXTS[metric].name)


def tier_name(name: str | None) -> str:
    """The name of a tier; `Untiered` for None."""
    return name or gettext("Untiered")


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
