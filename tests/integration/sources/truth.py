"""What a simulated account holds, as rows of import files, and random changes to it. Knows nothing of the connector."""

import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.reference import Reference, read_programme, show

ROOT = Path(__file__).resolve().parents[3]
STAGES = {"closedwon": "won", "closedlost": "lost"}
ORIGINS = {"ours": "sourced", "together": "assisted", "theirs": "none", "none": "none"}

type Rows = dict[str, dict[str, str]]


def facts(hub: Any, zone: str) -> dict[str, Rows]:
    """Clients and registered deals that have one client, by kind and id. zone: the partner's."""
    world = hub.world
    clients, by_company = {}, {}
    for row in world.rows["partner_clients"].values():
        known = row.properties
        clients[str(row.id)] = {
            "client_id": str(row.id), "name": known["hs_client_name"], "country": known["hs_country"], "currency": "EUR",
        }  # fmt: skip
        by_company |= {company: row.id for company, _ in world.associated("partner_clients", row.id, "companies")}
    deals = {}
    for row in world.rows["deals"].values():
        companies = world.associated("deals", row.id, "companies")
        known = row.properties
        if row.archived or known["hs_num_associated_deal_registrations"] == "0" or not companies:
            continue
        [(company, _primary)] = companies
        deals[str(row.id)] = {
            "deal_id": str(row.id), "client_id": str(by_company[company]), "name": known["dealname"],
            "product_line": known["product"], "kind": known["sale_kind"], "origin": ORIGINS[known["lead"]],
            "stage": STAGES.get(known["dealstage"], "open"), "mrr": f"{Decimal(known['hs_deal_registration_mrr']):.2f}",
            "currency": known["hs_deal_registration_mrr_currency_code"], "created_on": _day(known["createdate"], zone),
            "closed_on": _day(known.get("closedate", ""), zone), "registered": "yes",
        }  # fmt: skip
    return {"clients": clients, "deals": deals}


def _day(text: str, zone: str) -> str:
    """Day of a moment in a zone; exactly midnight UTC means that day everywhere."""
    if not text:
        return ""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return (moment if moment.time() == datetime.min.time() else moment.astimezone(ZoneInfo(zone))).date().isoformat()


def stored(partner: Any) -> dict[str, Rows]:
    """The partner's clients and deals that count, as `facts` has them. Doubled rows show as an id of their own."""
    from clients.models import Client, Deal

    clients = {
        row.client_id: {
            "client_id": row.client_id, "name": row.name, "country": row.country, "currency": row.currency,
        }
        for row in Client.objects.filter(partner=partner)
    }  # fmt: skip
    deals = {
        row.deal_id: {
            "deal_id": row.deal_id, "client_id": row.client.client_id, "name": row.name,
            "product_line": row.product_line, "kind": row.kind, "origin": row.origin, "stage": row.stage,
            "mrr": str(row.mrr), "currency": row.currency, "created_on": str(row.created_on),
            "closed_on": str(row.closed_on or ""), "registered": "yes" if row.registered else "no",
        }
        for row in Deal.objects.filter(partner=partner).select_related("client")
    }  # fmt: skip
    return {"clients": clients, "deals": deals}


def differences(stored: dict[str, Rows], facts: dict[str, Rows]) -> list[Any]:
    """Rows that are not the same: kind, id, what is stored, what should be."""
    return [
        (kind, key, stored[kind].get(key), facts[kind].get(key))
        for kind in facts
        for key in sorted(stored[kind].keys() | facts[kind].keys())
        if stored[kind].get(key) != facts[kind].get(key)
    ]


def points(rows: dict[str, Rows], day: str) -> Decimal:
    """The total points on a day by the independent reference over these facts."""
    tables = {kind: list(of_kind.values()) for kind, of_kind in rows.items()}
    on = datetime.fromisoformat(day).date()
    reference = Reference(tables, read_programme(ROOT / "program/data/programme.toml"), on)
    return Decimal(show(reference.points(on)["total"], 4))


def change(world: Any, draw: random.Random) -> None:  # noqa: C901 -- one case a kind of change
    """Change something at random."""
    living = [row for row in world.rows["deals"].values() if not row.archived]
    archived = [row for row in world.rows["deals"].values() if row.archived]
    companies, clients = list(world.rows["companies"]), list(world.rows["partner_clients"])
    row = draw.choice(living)
    match draw.choice(KINDS):
        case "change":
            world.change("deals", row.id, hs_deal_registration_mrr=f"{draw.randrange(1, 999)}.00")
        case "stage":
            world.change("deals", row.id, dealstage=draw.choice(("closedwon", "closedlost", "qualifiedtobuy")),
                         closedate=f"2026-{draw.randrange(1, 11):02}-02T{draw.randrange(24):02}:30:00.000Z")  # fmt: skip
        case "add":
            known = {name: value for name, value in row.properties.items() if name != "hs_merged_object_ids"}
            added = world.add("deals", known)
            world.associate("deals", added.id, "companies", draw.choice(companies), primary=True)
        case "archive":
            world.archive("deals", row.id)
        case "restore" if archived:
            world.restore("deals", draw.choice(archived).id)
        case "merge" if len(living) > 2:
            other = draw.choice([each for each in living if each is not row])
            for company, _primary in world.associated("deals", other.id, "companies"):
                world.dissociate("deals", other.id, "companies", company)
            world.merge("deals", row.id, other.id)
        case "associate":
            for company, _primary in world.associated("deals", row.id, "companies"):
                world.dissociate("deals", row.id, "companies", company)
            world.associate("deals", row.id, "companies", draw.choice(companies), primary=True)
        case "untouched":
            world.change("deals", row.id, touched=False, hs_deal_registration_mrr=f"{draw.randrange(1, 999)}.00")
        case "unregister":
            world.change("deals", row.id, hs_num_associated_deal_registrations=draw.choice("01"))
        case "client":
            world.change("partner_clients", draw.choice(clients), touched=False, hs_client_name=f"C{draw.random()}",
                         hs_country=draw.choice(("NL", "BR", "US")))  # fmt: skip
        case "new client":
            made = world.add("partner_clients", {"hs_client_name": f"New {draw.random()}", "hs_country": "DE"})
            company = world.add("companies", {"name": "New"})
            world.associate("partner_clients", made.id, "companies", company.id)
        case "schema":
            from sources.simulator.schema import Property

            name = f"field_{draw.randrange(3)}"
            if name in world.properties["deals"]:
                world.drop_property("deals", name)
            else:
                world.properties["deals"][name] = Property("Of no interest", own=True)


KINDS = (
    "change", "change", "stage", "stage", "add", "archive", "restore", "merge", "associate", "untouched", "unregister",
    "client", "new client", "schema",
)  # fmt: skip
