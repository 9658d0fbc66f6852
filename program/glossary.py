"""What the programme's terms mean, for readers: the buttons beside the terms on pages, and the glossary of the help page.

A meaning stands here once. Numbers that the rules decide (rates, months, days) are not part of it: the help page reads them from
the rulebook.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from program.labels import METRIC_TEXTS, label
from program.terms import Cause, DealKind, LineStatus, LotState, Market, Metric, PaymentStanding, RenewalStatus, Track


@dataclass(frozen=True, slots=True)
class Term:
    """A term and its meaning."""

    #: Unique among the terms, and the anchor on the help page; the value of the member of `program.terms` when there is one.
    key: str
    name: str | Promise
    meaning: str | Promise


@dataclass(frozen=True, slots=True)
class Chapter:
    """Terms that belong together."""

    key: str
    title: str | Promise
    terms: tuple[Term, ...]


def _of(member: StrEnum, meaning: Promise) -> Term:
    return Term(member, label(member), meaning)


def _metric(metric: Metric, meaning: Promise) -> Term:
    return Term(metric, METRIC_TEXTS[metric].name, meaning)


GLOSSARY = (
    Chapter(
        "points",
        _("Points"),
        (
            Term(
                "points",
                _("Points"),
                _("What the programme counts. They come from what you sell and from the clients you manage."),
            ),
            _metric(Metric.TOTAL_POINTS, _("Your sold and managed points together on a day.")),
            _metric(
                Metric.SOLD_POINTS,
                _(
                    "Points of sales to new or existing clients: sourced and assisted together. They expire"
                    " some time after the sale."
                ),
            ),
            _of(Track.SOURCED, _("You brought the sale to the vendor. It earns at the highest rate.")),
            _of(Track.ASSISTED, _("The vendor brought the sale and you helped. It earns at a lower rate.")),
            _of(
                Track.MANAGED,
                _(
                    "Points for serving a client, whoever sold the subscription. They count while your"
                    " service runs, and are shared with the other partners that manage the client."
                ),
            ),
            Term(
                "expiry",
                _("Expiry"),
                _("The day on which the points of a sale stop counting, if nothing took them earlier."),
            ),
            Term(
                Market.GROWTH,
                _("Growth market"),
                _("A country on the programme’s list. What you sell and manage there counts more than once."),
            ),
            Term(
                Market.STANDARD,
                _("Standard market"),
                _("Every country that is not a growth market: points count once."),
            ),
            Term(
                "points_dollars",
                _("Points-dollars"),
                _(
                    "An amount in US dollars by the programme’s fixed table, so that exchange rates do not"
                    " move your points."
                ),
            ),
            Term(
                "correction",
                _("Correction"),
                _("An earlier entry was reversed and posted again because its facts changed. Both stay visible."),
            ),
        ),
    ),
    Chapter(
        "causes",
        _("Why points change"),
        (
            _of(Cause.EARNED, _("You won a sale, or began to manage a client.")),
            _of(Cause.RAISED, _("A client that you managed already counts for more.")),
            _of(Cause.EXPIRED, _("What was left of a sale reached its last day.")),
            _of(Cause.DOWNGRADED, _("The client bought less of a product and took part of its sold points along.")),
            _of(Cause.CHURNED, _("The client cancelled the product, or left: all that was left is gone.")),
            _of(Cause.REDUCED, _("A managed client counts for less, but still counts.")),
            _of(Cause.ENDED, _("Your last service for the client ended: it has no managed points.")),
            _of(LotState.ACTIVE, _("All points of the sale still count.")),
            _of(LotState.PARTLY_LOST, _("Downgrades took part of the points; the rest counts.")),
            _of(
                LotState.LOST,
                _(
                    "Of a sale: cancellations or downgrades took all its points before they expired. Of a"
                    " deal: closed without a sale."
                ),
            ),
        ),
    ),
    Chapter(
        "tiers",
        _("Tiers and reviews"),
        (
            Term(
                "credited_tier",
                _("Credited tier"),
                _(
                    "The tier that you officially hold. It rises as soon as you reach a higher one, and can"
                    " only drop at a review."
                ),
            ),
            Term(
                "performance_tier",
                _("Performance tier"),
                _(
                    "The highest tier whose requirements your figures of the day meet. It can differ from the"
                    " tier you hold."
                ),
            ),
            Term(
                "review",
                _("Review"),
                _(
                    "The day on which the programme decides whether you keep your tier. You keep it when one"
                    " reading before it met the tier."
                ),
            ),
            Term(
                "reading",
                _("Reading"),
                _("A day before a review on which your performance is noted. The best one counts."),
            ),
            Term(
                "sample",
                _("Sample thresholds"),
                _(
                    "The vendor does not publish its thresholds in points, so these are examples. An admin"
                    " can enter your own."
                ),
            ),
            Term(
                "binding",
                _("Furthest to go"),
                _("The requirement of which you miss the largest part: work on this one first."),
            ),
            Term(
                "by_invitation",
                _("By invitation"),
                _("Meeting the requirements is not enough: the vendor also has to invite you."),
            ),
            _metric(
                Metric.CERTIFIED_PEOPLE,
                _(
                    "Your people with any valid certification. Without the programme’s own certification"
                    " there is no tier at all."
                ),
            ),
            Term(
                "tool_usage",
                _("Tool usage"),
                _(
                    "How many of the vendor’s tools your clients used in the last 30 days. The median is the"
                    " client in the middle, the mean is the average."
                ),
            ),
        ),
    ),
    Chapter(
        "money",
        _("Revenue and retention"),
        (
            Term("mrr", _("MRR"), _("Monthly recurring revenue: what a client pays for a subscription in a month.")),
            Term(
                "source_dollar",
                _("12-month source dollar"),
                _("The monthly revenue of all that you sourced in the last 12 months, as it was sold."),
            ),
            Term(
                "rolling_mrr",
                _("Rolling 12-month sourced MRR"),
                _("The same sales at what is left of them today, after cancellations and downgrades."),
            ),
            _metric(
                Metric.CSR,
                _(
                    "The part of your clients’ revenue that stays when you count only clients that left."
                    " Growth does not count."
                ),
            ),
            _metric(
                Metric.GRR,
                _(
                    "The part of your clients’ revenue that stays when you count clients that left and"
                    " downgrades. Growth does not count."
                ),
            ),
            Term(
                "annualised",
                _("Annualised"),
                _(
                    "A month’s retention as it would be after 12 such months, so that a month and a year can"
                    " be compared."
                ),
            ),
        ),
    ),
    Chapter(
        "selling",
        _("Shared selling"),
        (
            Term(
                "shared_deal",
                _("Shared deal"),
                _("A deal that you registered with the vendor, so that both of you work on it."),
            ),
            Term(
                "in_flight",
                _("Sourced in-flight deals"),
                _("Shared deals that you brought and that were still open at the end of the period."),
            ),
            Term(
                "stalled",
                _("Open deals to check"),
                _("Shared deals that have been open for long, or whose expected closing day has passed."),
            ),
            _of(DealKind.NEW, _("The first sale to a client.")),
            _of(DealKind.CROSS_SELL, _("The sale of another product to a client.")),
            _of(DealKind.UPGRADE, _("More of a product that the client has.")),
            _of(DealKind.DOWNGRADE, _("Less of a product that the client has.")),
        ),
    ),
    Chapter(
        "commission",
        _("Commission"),
        (
            Term("statement", _("Statement"), _("The vendor’s list of what it pays you for a quarter, line by line.")),
            Term(
                "expected",
                _("Expected commission"),
                _("What your sourced deals should bring by the programme’s terms, as long as the client keeps paying."),
            ),
            Term(
                "variance",
                _("Variance"),
                _("A line whose amounts do not add up, or that differs from what your deals should bring."),
            ),
            Term("query", _("Query"), _("Your question to the vendor about a statement line, with its figures.")),
            _of(LineStatus.DRAFT, _("Not final: the vendor can still change it.")),
            _of(LineStatus.ISSUED, _("Final, and to be paid on its pay day.")),
            _of(PaymentStanding.SCHEDULED, _("Final, and its pay day is today or later.")),
            _of(PaymentStanding.OVERDUE, _("Final, not paid, and its pay day has passed.")),
            _of(LineStatus.PAID, _("The vendor has paid it.")),
            _of(
                LineStatus.WITHHELD, _("The vendor holds it back for now, for example because the client has not paid.")
            ),
            _of(LineStatus.FORFEITED, _("The vendor will not pay it any more.")),
            _of(PaymentStanding.OFFSET, _("A negative statement: later payments are reduced by it.")),
            _of(PaymentStanding.SETTLED, _("A negative statement that later payments have used up.")),
        ),
    ),
    Chapter(
        "renewals",
        _("Renewals"),
        (
            Term("renewal", _("Renewal"), _("The day on which a client’s subscription to a product ends or goes on.")),
            Term(
                "deadline",
                _("Decision deadline"),
                _("The last day on which the client can still decide about a renewal."),
            ),
            Term(
                "stake",
                _("Points at stake"),
                _(
                    "Points you lose if this product is not renewed: what will be left of its sales, and the"
                    " managed points with the last product."
                ),
            ),
            Term(
                "tier_if_lost",
                _("Tier if not renewed"),
                _("The tier you would perform at on the next review without these points."),
            ),
            _of(RenewalStatus.PENDING, _("Nobody has decided yet.")),
            _of(RenewalStatus.CONFIRMED, _("The client said that it will renew.")),
            _of(
                RenewalStatus.CANCELLATION_REQUESTED,
                _("The client asked to cancel on its renewal day."),
            ),
            _of(RenewalStatus.RENEWED, _("The renewal is done.")),
            Term(
                "at_risk",
                _("Client at risk"),
                _("A client that asked to cancel, or whose renewal day passed without a decision."),
            ),
        ),
    ),
)
#: Every term by its key.
TERMS = {str(term.key): term for chapter in GLOSSARY for term in chapter.terms}
