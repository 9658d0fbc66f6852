"""Match deals to partner clients through their companies, the primary company first. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sources.hubspot.reading import Link

NONE, SEVERAL = "none", "several"


@dataclass(frozen=True, slots=True)
class Match:
    """Partner clients that fit a deal; exactly one is an answer."""

    clients: tuple[str, ...] = ()

    @property
    def client(self) -> str:
        """The partner client; "" when none or several fit."""
        return self.clients[0] if len(self.clients) == 1 else ""

    @property
    def why_not(self) -> str:
        """Why there is no match: `none` or `several` fit."""
        return SEVERAL if self.clients else NONE


def match(direct: Sequence[Link], companies: Sequence[Link], clients_of: Mapping[str, Sequence[str]]) -> Match:
    """Partner clients of a deal.

    direct:     its associations to partner clients, where the account has such; they take precedence.
    companies:  its associations to companies.
    clients_of: partner clients by company.

    The primary company decides if it has a partner client; otherwise all other companies are considered together.
    """
    if direct:
        return _of(link.id for link in direct)
    primary = _of(record_id for link in companies if link.primary for record_id in clients_of.get(link.id, ()))
    return (
        primary
        if primary.clients
        else _of(record_id for link in companies for record_id in clients_of.get(link.id, ()))
    )


def clients_by_company(companies_of: Mapping[str, Sequence[Link]]) -> dict[str, list[str]]:
    """Partner clients by company, from companies by partner client."""
    clients: dict[str, list[str]] = {}
    for client, companies in companies_of.items():
        for company in companies:
            clients.setdefault(company.id, []).append(client)
    return clients


def _of(ids: Iterable[str]) -> Match:
    return Match(tuple(dict.fromkeys(ids)))
