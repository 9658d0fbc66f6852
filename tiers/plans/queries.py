"""Reads saved tier plans, the deals, renewals and clients to plan with, and the outcome of a plan at the next reviews."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.scope import Scope
from clients.lines import product_lines
from clients.models import Client, Deal
from ledger.facts_of_clients import load_facts
from ledger.records import ClientFacts
from ledger.series import PointSeries
from partner_portal.lib.collation import search_key
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import DAY
from program.queries import rulebook
from program.rulebook import Rulebook, posted, sold_points
from program.terms import SOLD_TRACKS, DealKind, Origin, RenewalStatus, Stage
from tiers import rules
from tiers.measures import outlook_measures
from tiers.models import TierPlan
from tiers.plans.rules import Assumptions, PointChange, changes_of
from tiers.queries import credited_on, history, invitations
from tiers.rules import PortfolioMeasures, TierGap

OFFERED = 40  # rows to choose from, per kind; a search finds the others
REVIEWS = 2
VARIANTS = ("nothing", "worst", "plan", "best")


@dataclass(frozen=True, slots=True)
class OpenDeal:
    """An open deal to plan with."""

    deal: Deal
    #: Points that it would bring if it were won today.
    points: Decimal


@dataclass(frozen=True, slots=True)
class OpenRenewal:
    """A renewal of the next 12 months that is not settled."""

    client_id: str
    #: The client's name.
    name: str
    product_line: str
    renews_on: date
    status: RenewalStatus


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """A review under one variant of a plan. Tiers are names, None is untiered."""

    on: date
    #: Points on the day.
    total: Decimal
    performance: str | None
    #: The tier credited after the review.
    held: str | None
    #: The gap to the target; None without a target in the rule set of the day.
    gap: TierGap | None


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of a plan at the next reviews."""

    #: `nothing`: nothing else happens; `worst`: only the losses of the plan; `plan`: all of it; `best`: only its gains.
    key: str
    reviews: tuple[ReviewOutcome, ...]


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """What a plan does at the next reviews."""

    #: The day it starts from: today.
    day: date
    #: The tier that gaps are measured to; None without any rule set.
    target: str | None
    variants: tuple[Variant, ...]
    #: Ids in the plan of deals that are no longer open and of clients that do not exist.
    missing: tuple[str, ...]

    @property
    def plan(self) -> Variant:
        """The plan itself."""
        return next(variant for variant in self.variants if variant.key == "plan")


def plans(scope: Scope) -> list[TierPlan]:
    """The user's own plans and those that others share, by name."""
    return list(_visible(scope).defer("assumptions"))


def plan_of(scope: Scope, pk: int) -> TierPlan:
    """The plan with that key, if the user may see it. Raises Http404."""
    plan = _visible(scope).filter(pk=pk).first()
    if plan is None:
        raise Http404("no such plan")
    return plan


def _visible(scope: Scope) -> QuerySet[TierPlan]:
    visible = Q(shared=True) | Q(owner=scope.user)
    return TierPlan.objects.filter(visible, partner=scope.partner).select_related("owner")


def current_lines(scope: Scope, assumed: Assumptions) -> Assumptions:
    """The assumptions with the product lines by their names of today: one may have been merged since the plan was saved."""
    return assumed.with_lines(product_lines(scope).shown) if assumed.lost_lines else assumed


def outcome(scope: Scope, assumed: Assumptions, target: str | None = None) -> PlanOutcome:
    """Points and tier at the next two reviews: without the plan, with it, with its losses and with its gains only.

    target: the name of a tier, in any case; the default is the credited tier, or the lowest for an untiered partner.

    Raises:
        UnknownCurrencyError: a currency has no fixed amount on the day.
    """
    day, book = scope.today, rulebook(scope)
    reviews = book.reviews_between(day + DAY, add_months(day, 12))[:REVIEWS]
    until = reviews[-1].on if reviews else day
    base = outlook_measures(scope, day)
    facts = _facts(scope, assumed)
    credited = credited_on(history(scope, day))
    invited = invitations(scope, day)
    names = [tier.name for rule_set in book.rule_sets[-1:] for tier in rule_set.tiers]
    chosen = next((name for name in names if target and name.casefold() == target.casefold()), None)
    chosen = chosen or credited.tier or (names[0] if names else None)
    variants = []
    for key, part in zip(VARIANTS, (None, assumed.losses, assumed, assumed.gains), strict=True):
        measures = base if part is None else _with_changes(base, changes_of(facts, part, book, day, until))
        walk = rules.CreditedTier(measures, book, invited)
        coming = walk.after(credited, day + DAY, until) if reviews else ()
        outcomes = []
        for review in reviews:
            held = [row.after for row in coming if row.on <= review.on]
            rule_set = book.rule_set(review.on)
            tier = rule_set.tier(chosen) if rule_set is not None and chosen is not None else None
            reached = walk.performance(review.on)
            outcomes.append(
                ReviewOutcome(
                    review.on,
                    measures.points.figures(review.on).total,
                    None if reached is None else reached.name,
                    held[-1] if held else credited.tier,
                    None if tier is None else rules.gap(tier, measures, review.on),
                )
            )
        variants.append(Variant(key, tuple(outcomes)))
    return PlanOutcome(day, chosen, tuple(variants), _missing(scope, assumed))


def open_deals(scope: Scope, search: str, chosen: Iterable[str]) -> list[OpenDeal]:
    """Open deals that could bring points: the chosen ones, and of the others those with the most points."""
    chosen = list(chosen)
    deals = Deal.objects.filter(partner=scope.partner, stage=Stage.OPEN, origin__in=SOLD_TRACKS)
    deals = deals.exclude(kind=DealKind.DOWNGRADE).select_related("client")
    if key := search_key(search):
        fields = ("client__name_search_key", "deal_id_search_key", "name_search_key")
        matches = (Q(**{f"{field}__contains": key}) for field in fields)
        deals = deals.filter(reduce(or_, matches, Q(deal_id__in=chosen)))
    book = rulebook(scope)
    offered = [OpenDeal(deal, _estimated_points(book, deal, scope.today)) for deal in deals]
    offered.sort(key=lambda row: (row.deal.deal_id not in chosen, -row.points, row.deal.deal_id))
    return offered[: max(OFFERED, len(chosen))]


def open_renewals(scope: Scope, search: str) -> list[OpenRenewal]:
    """Renewals of the next 12 months that are not settled, soonest first."""
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
    return [OpenRenewal(*row) for row in rows]


def clients_with_points(scope: Scope, search: str, chosen: Iterable[str]) -> list[Client]:
    """Clients that could be lost: the chosen ones, and of the others those with the most points."""
    chosen = list(chosen)
    clients = Client.objects.filter(partner=scope.partner, points__total__gt=0).select_related("points")
    if search:
        clients = clients.filter(Q(name_search_key__contains=search_key(search)) | Q(client_id__in=chosen))
    first = list(clients.filter(client_id__in=chosen).order_by("-points__total", "client_id"))
    others = clients.exclude(client_id__in=chosen).order_by("-points__total", "client_id")
    return [*first, *others[: max(0, OFFERED - len(first))]]


def _facts(scope: Scope, assumed: Assumptions) -> list[tuple[str, ClientFacts]]:
    """The facts of the clients that the plan assumes something of, by client id."""
    ids = assumed.client_ids
    mentioned = Q(client_id__in=ids)
    if assumed.deals:
        mentioned |= Q(deals__deal_id__in=list(assumed.deals), deals__stage=Stage.OPEN, deals__withdrawal__isnull=True)
    if not ids and not assumed.deals:
        return []
    names = dict(Client.objects.filter(mentioned, partner=scope.partner).values_list("pk", "client_id"))
    return [(names[loaded.client_pk], loaded.facts) for loaded in load_facts(scope, list(names))]


def _missing(scope: Scope, assumed: Assumptions) -> tuple[str, ...]:
    open_deals = Deal.objects.filter(partner=scope.partner, stage=Stage.OPEN, deal_id__in=list(assumed.deals))
    clients = Client.objects.filter(partner=scope.partner, client_id__in=assumed.client_ids)
    deal_ids = set(open_deals.values_list("deal_id", flat=True))
    client_ids = set(clients.values_list("client_id", flat=True))
    return tuple(sorted((set(assumed.deals) - deal_ids) | (assumed.client_ids - client_ids)))


def _with_changes(base: PortfolioMeasures, changes: Sequence[PointChange]) -> PortfolioMeasures:
    series = base.points
    own: list[PointChange] = []
    for track, days in series.days.items():
        before = Decimal(0)
        for on, after in zip(days, series.sums[track], strict=True):
            own.append((on, track, after - before))
            before = after
    return replace(base, points=PointSeries([*own, *changes]))


def _estimated_points(book: Rulebook, deal: Deal, day: date) -> Decimal:
    """Estimated points of the deal as a new line in the client's market; the plan itself uses the engine."""
    if deal.currency not in book.currency_table(day).amounts:
        return Decimal(0)
    unit = book.unit(deal.mrr, deal.currency, day)
    return posted(sold_points(unit, book.rate(Origin(deal.origin), day), book.factor(deal.client.country, day)))
