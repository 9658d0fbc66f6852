"""Loads clients' facts as records of the engine (`ledger.records`)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet

from accounts.scope import Scope
from clients.models import Cancellation, Client, Deal, Service
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact

SERVICE = ("started_on", "ended_on", "mrr", "currency", "managing_partners")


@dataclass(frozen=True, slots=True)
class LoadedFacts:
    """One client's facts."""

    client_pk: int
    facts: ClientFacts
    deals: dict[str, int]  #: primary keys of its deals, by deal id


def load_facts(scope: Scope, client_pks: Collection[int]) -> list[LoadedFacts]:
    """All facts of these clients that points depend on, in the order of their primary keys. Four queries."""
    return _load(scope, client_pks, Deal.objects.all(), Service.objects.all())


def load_sold(scope: Scope, client_pks: Collection[int]) -> list[LoadedFacts]:
    """As `load_facts`, without services. Three queries."""
    return _load(scope, client_pks, Deal.objects.all(), Service.objects.none())


def load_managed(
    scope: Scope,
    clients: Q,
    *,
    after: date,
    also: Collection[int] = (),
    cancellations: Mapping[int, Sequence[CancellationFact]] | None = None,
) -> list[LoadedFacts]:
    """Services in force after the day, and the cancellations of their clients: what managed points of later days depend on.

    clients: a condition on `client_id` of the services. also: clients to return even without such services; their country
    is then "". cancellations: those of the clients, when they were read already. Two queries, or one with `cancellations`.
    """
    rows = Service.objects.filter(clients, Q(ended_on__isnull=True) | Q(ended_on__gt=after), partner=scope.partner)
    countries = dict.fromkeys(also, "")
    services: dict[int, list[ServiceFact]] = {pk: [] for pk in also}
    for client, country, start, end, mrr, currency, partners in rows.values_list(
        "client_id", "client__country", *SERVICE
    ):
        countries[client] = country
        services.setdefault(client, []).append(ServiceFact(start, end, mrr, currency, partners))
    if cancellations is None:
        cancellations = load_cancellations(scope, countries)
    return [
        LoadedFacts(pk, ClientFacts(country, [], services[pk], cancellations.get(pk, ())), {})
        for pk, country in countries.items()
    ]


def load_cancellations(scope: Scope, client_pks: Collection[int]) -> Mapping[int, Sequence[CancellationFact]]:
    """The cancellations by client, an empty list for a client without any. One query."""
    cancellations: dict[int, list[CancellationFact]] = {pk: [] for pk in client_pks}
    rows = Cancellation.objects.filter(partner=scope.partner, client_id__any=client_pks)
    for client, line, on in rows.values_list("client_id", "product_line", "cancelled_on"):
        cancellations[client].append(CancellationFact(line, on))
    return cancellations


def facts_of(scope: Scope, client: Client, deals: Iterable[Deal], cancellations: Iterable[Cancellation]) -> ClientFacts:
    """The facts of one client, of deals and cancellations that were read already. One query."""
    services = Service.objects.filter(partner=scope.partner, client=client)
    return ClientFacts(
        client.country,
        [
            DealFact.read(
                deal.deal_id,
                deal.product_line,
                deal.kind,
                deal.origin,
                deal.stage,
                deal.mrr,
                deal.currency,
                deal.closed_on,
            )
            for deal in deals
        ],
        [ServiceFact(*row) for row in services.values_list(*SERVICE)],
        [CancellationFact(row.product_line, row.cancelled_on) for row in cancellations],
    )


def _load(
    scope: Scope, client_pks: Collection[int], of_deals: QuerySet[Deal], of_services: QuerySet[Service]
) -> list[LoadedFacts]:
    # Withdrawn clients too: they have no facts any more, which is what their posted entries are compared with.
    clients = Client.with_withdrawn.filter(partner=scope.partner, pk__any=client_pks)
    countries = dict(clients.order_by("pk").values_list("pk", "country"))
    deals: dict[int, list[DealFact]] = {pk: [] for pk in countries}
    keys: dict[int, dict[str, int]] = {pk: {} for pk in countries}
    for pk, client, deal_id, line, kind, origin, stage, mrr, currency, on in of_deals.filter(
        partner=scope.partner, client_id__any=countries
    ).values_list(
        "pk", "client_id", "deal_id", "product_line", "kind", "origin", "stage", "mrr", "currency", "closed_on"
    ):
        deals[client].append(DealFact.read(deal_id, line, kind, origin, stage, mrr, currency, on))
        keys[client][deal_id] = pk
    services: dict[int, list[ServiceFact]] = {pk: [] for pk in countries}
    for client, start, end, mrr, currency, partners in of_services.filter(
        partner=scope.partner, client_id__any=countries
    ).values_list("client_id", *SERVICE):
        services[client].append(ServiceFact(start, end, mrr, currency, partners))
    cancellations = load_cancellations(scope, countries)
    return [
        LoadedFacts(pk, ClientFacts(country, deals[pk], services[pk], cancellations[pk]), keys[pk])
        for pk, country in countries.items()
    ]
