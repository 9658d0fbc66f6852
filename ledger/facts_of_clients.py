"""Loads the facts of clients as the engine wants them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet

from accounts.scope import Scope
from clients.models import Cancellation, Client, Deal, Service
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact


@dataclass(frozen=True, slots=True)
class LoadedFacts:
    """One client's facts, and the primary keys of its deals by deal id."""

    client_pk: int
    facts: ClientFacts
    deals: dict[str, int]


def load_facts(scope: Scope, client_pks: Collection[int]) -> list[LoadedFacts]:
    """Facts of these clients, in the order of their keys. Four queries."""
    return _load(scope, client_pks, Deal.objects.all(), Service.objects.all())


def load_sold(scope: Scope, client_pks: Collection[int]) -> list[LoadedFacts]:
    """The same without services. Three queries."""
    return _load(scope, client_pks, Deal.objects.all(), Service.objects.none())


def load_managed(scope: Scope, client_pks: Collection[int], *, after: date) -> list[LoadedFacts]:
    """The same without deals, and of the services only those that reach past the day: all that the managed track of later
    days depends on. Three queries."""
    reaching = Service.objects.filter(Q(ended_on__isnull=True) | Q(ended_on__gt=after))
    return _load(scope, client_pks, Deal.objects.none(), reaching)


def _load(
    scope: Scope, client_pks: Collection[int], of_deals: QuerySet[Deal], of_services: QuerySet[Service]
) -> list[LoadedFacts]:
    countries = dict(
        Client.objects.filter(partner=scope.partner, pk__in=client_pks).order_by("pk").values_list("pk", "country")
    )
    deals: dict[int, list[DealFact]] = {pk: [] for pk in countries}
    keys: dict[int, dict[str, int]] = {pk: {} for pk in countries}
    for pk, client, deal_id, line, kind, origin, stage, mrr, currency, on in of_deals.filter(
        partner=scope.partner, client_id__in=countries
    ).values_list(
        "pk", "client_id", "deal_id", "product_line", "kind", "origin", "stage", "mrr", "currency", "closed_on"
    ):
        deals[client].append(DealFact.read(deal_id, line, kind, origin, stage, mrr, currency, on))
        keys[client][deal_id] = pk
    services: dict[int, list[ServiceFact]] = {pk: [] for pk in countries}
    for client, start, end, mrr, currency, partners in of_services.filter(
        partner=scope.partner, client_id__in=countries
    ).values_list("client_id", "started_on", "ended_on", "mrr", "currency", "managing_partners"):
        services[client].append(ServiceFact(start, end, mrr, currency, partners))
    cancellations: dict[int, list[CancellationFact]] = {pk: [] for pk in countries}
    for client, line, on in Cancellation.objects.filter(partner=scope.partner, client_id__in=countries).values_list(
        "client_id", "product_line", "cancelled_on"
    ):
        cancellations[client].append(CancellationFact(line, on))
    return [
        LoadedFacts(pk, ClientFacts(country, deals[pk], services[pk], cancellations[pk]), keys[pk])
        for pk, country in countries.items()
    ]
