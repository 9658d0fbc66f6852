"""Reads for tier plans: what can be planned with, saved plans, and what a plan would do at the next two reviews."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.scope import Scope
from clients.models import Client, Deal
from ledger.facts_of_clients import load_facts
from ledger.series import PointSeries
from partner_portal.lib.collation import SearchKey, search_key
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import DAY
from program.queries import rulebook
from program.rulebook import Rulebook, posted, sold_points
from program.terms import SOLD_TRACKS, DealKind, Origin, RenewalStatus, Stage
from tiers import rules
from tiers.measures import outlook_measures
from tiers.models import TierPlan
from tiers.plan_rules import Assumptions, Change, ExtraDeal, changes_of
from tiers.queries import credited_on, history, invitations
from tiers.rules import PortfolioMeasures, TierGap

OFFERED = 40  # rows of a kind to choose from; a search finds the others
REVIEWS = 2
VARIANTS = ("nothing", "worst", "plan", "best")


@dataclass(frozen=True, slots=True)
class OpenDeal:
    """An open deal to plan with; points: what it would bring if it were won on the day that is looked at."""

    deal: Deal
    points: Decimal


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """A review under one variant: points, performance tier and the tier held after it, and the gap to the target."""

    on: date
    total: Decimal
    performance: str | None
    held: str | None
    gap: TierGap | None


@dataclass(frozen=True, slots=True)
class Variant:
    """nothing: if nothing else happens; worst: the plan's losses only; plan: all of it; best: its gains only."""

    key: str
    reviews: tuple[ReviewOutcome, ...]


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """What a plan does. missing: names in it that can no longer be planned with."""

    day: date
    target: str | None
    variants: tuple[Variant, ...]
    missing: tuple[str, ...]

    @property
    def plan(self) -> Variant:
        """The plan itself."""
        return next(variant for variant in self.variants if variant.key == "plan")


def plans(scope: Scope) -> list[TierPlan]:
    """One's own plans and those that others share, by name."""
    return list(_visible(scope).defer("assumptions"))


def plan_of(scope: Scope, pk: int) -> TierPlan:
    """One such plan. Raises Http404."""
    plan = _visible(scope).filter(pk=pk).first()
    if plan is None:
        raise Http404("no such plan")
    return plan


def _visible(scope: Scope) -> QuerySet[TierPlan]:
    visible = Q(shared=True) | Q(owner=scope.user)
    return TierPlan.objects.filter(visible, partner=scope.partner).select_related("owner")


def outcome(scope: Scope, assumed: Assumptions, target: str | None = None) -> PlanOutcome:
    """Points and tier at the next two reviews: without the plan, with it, with its losses and with its gains only.

    The target is the one asked for, otherwise the credited tier, otherwise the lowest. Raises UnknownCurrencyError.
    """
    day, book = scope.today, rulebook(scope)
    reviews = book.reviews_between(day + DAY, add_months(day, 12))[:REVIEWS]
    until = reviews[-1].on if reviews else day
    base = outlook_measures(scope, day)
    touched = _touched(scope, assumed)
    credited = credited_on(history(scope, day))
    invited = invitations(scope, day)
    names = [tier.name for rule_set in book.rule_sets[-1:] for tier in rule_set.tiers]
    wanted = next((name for name in names if target and name.casefold() == target.casefold()), None)
    wanted = wanted or credited.tier or (names[0] if names else None)
    variants = []
    for key, part in zip(VARIANTS, (None, assumed.losses, assumed, assumed.gains), strict=True):
        measures = base if part is None else _with(base, changes_of(touched, part, book, day, until))
        walk = rules.CreditedTier(measures, book, invited)
        coming = walk.after(credited, day + DAY, until) if reviews else ()
        found = []
        for review in reviews:
            held = [row.after for row in coming if row.on <= review.on]
            rule_set = book.rule_set(review.on)
            tier = rule_set.tier(wanted) if rule_set is not None and wanted is not None else None
            reached = walk.performance(review.on)
            found.append(
                ReviewOutcome(
                    review.on,
                    measures.points.figures(review.on).total,
                    None if reached is None else reached.name,
                    held[-1] if held else credited.tier,
                    None if tier is None else rules.gap(tier, measures, review.on),
                )
            )
        variants.append(Variant(key, tuple(found)))
    return PlanOutcome(day, wanted, tuple(variants), _missing(scope, assumed))


def open_deals(scope: Scope, search: str, chosen: Sequence[str]) -> list[OpenDeal]:
    """Open deals that could bring points: the chosen ones, and of the others the first by points."""
    deals = Deal.objects.filter(partner=scope.partner, stage=Stage.OPEN, origin__in=SOLD_TRACKS)
    deals = deals.exclude(kind=DealKind.DOWNGRADE).select_related("client")
    if key := search_key(search):
        deals = deals.alias(deal_key=SearchKey("deal_id"), name_key=SearchKey("name"))
        found = Q(client__name_search_key__contains=key) | Q(deal_key__contains=key) | Q(name_key__contains=key)
        deals = deals.filter(found | Q(deal_id__in=list(chosen)))
    book = rulebook(scope)
    offered = [OpenDeal(deal, _worth(book, deal, scope.today)) for deal in deals]
    offered.sort(key=lambda each: (each.deal.deal_id not in chosen, -each.points, each.deal.deal_id))
    return offered[: max(OFFERED, len(chosen))]


def renewals(scope: Scope, search: str) -> list[dict[str, Any]]:
    """Renewals of the next 12 months that are not settled, soonest first, with their client's id and name."""
    clients = Client.objects.filter(
        partner=scope.partner,
        renewals__renews_on__gt=scope.today,
        renewals__renews_on__lte=add_months(scope.today, 12),
        renewals__status__in=set(RenewalStatus) - {RenewalStatus.RENEWED},
        renewals__withdrawal__isnull=True,
    )
    if search:
        clients = clients.filter(name_search_key__contains=search_key(search))
    names = ("client_id", "name", "renewals__product_line", "renewals__renews_on", "renewals__status")
    rows = clients.order_by("renewals__renews_on", "client_id").values_list(*names).distinct()[:OFFERED]
    keys = ("client_id", "name", "product_line", "renews_on", "status")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def clients_with_points(scope: Scope, search: str, chosen: Sequence[str]) -> list[Client]:
    """Clients that could be lost: the chosen ones, and those with the most points."""
    clients = Client.objects.filter(partner=scope.partner, points__total__gt=0).select_related("points")
    if search:
        clients = clients.filter(Q(name_search_key__contains=search_key(search)) | Q(client_id__in=list(chosen)))
    first = list(clients.filter(client_id__in=list(chosen)).order_by("-points__total", "client_id"))
    others = clients.exclude(client_id__in=list(chosen)).order_by("-points__total", "client_id")
    return [*first, *others[: max(0, OFFERED - len(first))]]


def written(assumed: Assumptions) -> dict[str, Any]:
    """Assumptions as plain JSON values; `read` is its inverse."""
    return {
        "deals": {deal: on.isoformat() for deal, on in sorted(assumed.deals.items())},
        "lost_lines": [[client, line, on.isoformat()] for (client, line), on in sorted(assumed.lost_lines.items())],
        "lost_clients": {client: on.isoformat() for client, on in sorted(assumed.lost_clients.items())},
        "extra": [
            {
                "amount": f"{each.amount:f}",
                "currency": each.currency,
                "origin": each.origin,
                "growth": each.growth,
                "closes_on": each.closes_on.isoformat(),
                "manage": each.manage,
                "others": each.others,
            }
            for each in assumed.extra
        ],
    }


def read(stored: Mapping[str, Any]) -> Assumptions:
    """Assumptions from what `written` made of them."""
    return Assumptions(
        {deal: date.fromisoformat(on) for deal, on in stored.get("deals", {}).items()},
        {(client, line): date.fromisoformat(on) for client, line, on in stored.get("lost_lines", [])},
        {client: date.fromisoformat(on) for client, on in stored.get("lost_clients", {}).items()},
        tuple(
            ExtraDeal(
                Decimal(each["amount"]),
                each["currency"],
                each["origin"],
                each["growth"],
                date.fromisoformat(each["closes_on"]),
                each["manage"],
                each["others"],
            )
            for each in stored.get("extra", [])
        ),
    )


def _touched(scope: Scope, assumed: Assumptions) -> list[tuple[str, Any]]:
    ids = {client for client, _line in assumed.lost_lines} | set(assumed.lost_clients)
    mentioned = Q(client_id__in=ids)
    if assumed.deals:
        mentioned |= Q(deals__deal_id__in=list(assumed.deals), deals__stage=Stage.OPEN, deals__withdrawal__isnull=True)
    if not ids and not assumed.deals:
        return []
    names = dict(Client.objects.filter(mentioned, partner=scope.partner).values_list("pk", "client_id"))
    return [(names[loaded.client_pk], loaded.facts) for loaded in load_facts(scope, list(names))]


def _missing(scope: Scope, assumed: Assumptions) -> tuple[str, ...]:
    deals = set(
        Deal.objects.filter(partner=scope.partner, stage=Stage.OPEN, deal_id__in=list(assumed.deals)).values_list(
            "deal_id", flat=True
        )
    )
    ids = {client for client, _line in assumed.lost_lines} | set(assumed.lost_clients)
    clients = set(Client.objects.filter(partner=scope.partner, client_id__in=ids).values_list("client_id", flat=True))
    return tuple(sorted((set(assumed.deals) - deals) | (ids - clients)))


def _with(base: PortfolioMeasures, changes: Sequence[Change]) -> PortfolioMeasures:
    series = base.points
    own = []
    for track, days in series.days.items():
        before = Decimal(0)
        for on, after in zip(days, series.sums[track], strict=True):
            own.append((on, track, after - before))
            before = after
    return PortfolioMeasures(PointSeries([*own, *changes]), base.certification, base.others)


def _worth(book: Rulebook, deal: Deal, day: date) -> Decimal:
    """A guess for ranking and reading: a new line in the client's market; the plan itself asks the engine."""
    if deal.currency not in book.currency_table(day).amounts:
        return Decimal(0)
    unit = book.unit(deal.mrr, deal.currency, day)
    return posted(sold_points(unit, book.rate(Origin(deal.origin), day), book.factor(deal.client.country, day)))
