"""Sample accounts: a sample partner's facts as HubSpot would hold them, or a large generated account."""

import csv
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sources.simulator.histories import load_histories
from sources.simulator.world import World, text_of

_STAGES = {"won": "closedwon", "lost": "closedlost"}
_LEADS = {"sourced": "ours", "assisted": "theirs", "none": "none"}
_OPEN = ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent")
_FIRST_CLIENT, _FIRST_COMPANY, _FIRST_DEAL = 70_001, 5_000_001, 900_000_001


def load_partner(world: World, folder: Path) -> None:
    """Fill an account with the clients and deals of a folder of import files.

    Their ids are in the properties `client_number` and `deal_number`, and are record ids as well where all are numbers.

    It also has what every real account has: a company that two partner clients share, a second company of some deals,
    deals that match no partner client, and a pipeline of the agency's own projects.
    """
    companies: dict[str, int] = {}
    clients, deals = _rows(folder / "clients.csv"), _rows(folder / "deals.csv")
    client_ids = _record_ids([row["client_id"] for row in clients], _FIRST_CLIENT)
    deal_ids = _record_ids([row["deal_id"] for row in deals], _FIRST_DEAL)
    for place, (row, record_id) in enumerate(zip(clients, client_ids, strict=True)):
        client = world.add("partner_clients", _client(row), record_id)
        company = world.add(
            "companies",
            {"name": row["name"], "domain": row.get("domain", ""), "country": row["country"]},
            _FIRST_COMPANY + place,
        )
        world.associate("partner_clients", client.id, "companies", company.id)
        companies[row["client_id"]] = company.id
    others = list(companies.values())
    for place, (row, record_id) in enumerate(zip(deals, deal_ids, strict=True)):
        deal = world.add("deals", _deal(row, place, ZoneInfo(world.zone)), record_id)
        world.associate("deals", deal.id, "companies", companies[row["client_id"]], primary=True)
        if place % 10 == 0 and (other := others[place % len(others)]) != companies[row["client_id"]]:
            world.associate("deals", deal.id, "companies", other)
    _add_what_does_not_fit(world, others)
    load_histories(world, folder, dict(zip((row["client_id"] for row in clients), client_ids, strict=True)))


def fill(world: World, clients: int, deals: int, same_moment: int = 0) -> None:
    """Fill an account with generated clients and deals. same_moment: how many deals changed at the same moment."""
    for place in range(clients):
        known = {
            "hs_client_name": f"Client {place}",
            "hs_client_domain_name": f"client{place}.example",
            "hs_country": "NL",
        }
        client = world.add("partner_clients", known | {"client_currency": "EUR"}, _FIRST_CLIENT + place)
        company = world.add("companies", {"name": f"Client {place}"}, _FIRST_COMPANY + place)
        world.associate("partner_clients", client.id, "companies", company.id)
    moment, zone = world.now(), ZoneInfo(world.zone)
    first = max(world.rows["deals"], default=_FIRST_DEAL - 1) + 1
    for place in range(deals):
        row = {
            "deal_id": f"D{place}", "name": f"Deal {place}", "product_line": "Marketing Hub", "kind": "new",
            "origin": "sourced", "stage": ("won", "lost", "open")[place % 3], "mrr": str(100 + place % 900),
            "currency": "EUR", "created_on": "2025-03-01", "closed_on": "2025-06-01" if place % 3 < 2 else "",
            "registered": "yes",
        }  # fmt: skip
        deal = world.add("deals", _deal(row, place, zone), first + place)
        changed = moment if place < same_moment else moment - timedelta(days=1, seconds=place)
        deal.updated, deal.properties["hs_lastmodifieddate"] = changed, text_of(changed)
        if clients:
            world.associate("deals", deal.id, "companies", _FIRST_COMPANY + place % clients, primary=True)


def _record_ids(numbers: list[str], first: int) -> list[int]:
    """Record ids of rows: their own numbers where all of them are such, else consecutive ones."""
    if all(number.isascii() and number.isdigit() for number in numbers):
        return [int(number) for number in numbers]
    return list(range(first, first + len(numbers)))


def _client(row: Mapping[str, str]) -> dict[str, str]:
    return {
        "hs_client_name": row["name"],
        "hs_client_domain_name": row.get("domain", ""),
        "hs_country": row["country"],
        "hs_is_managed": "true",
        "client_number": row["client_id"],
        "client_currency": row["currency"],
        "tools_used": row.get("tool_usage", ""),
        "last_active_employee": row.get("last_active_employee", ""),
        "last_active_on": row.get("last_active_on", ""),
    }


def _deal(row: Mapping[str, str], place: int, zone: ZoneInfo) -> dict[str, str]:
    registered = "1" if row["registered"] == "yes" else "0"
    return {
        "dealname": row["name"],
        "pipeline": "default",
        "dealstage": _STAGES.get(row["stage"], _OPEN[place % len(_OPEN)]),
        "dealtype": "newbusiness" if row["kind"] == "new" else "existingbusiness",
        "createdate": _moment(row["created_on"], place, zone),
        "closedate": _moment(row.get("closed_on", ""), place, zone),
        "deal_currency_code": row["currency"],
        "hs_deal_registration_mrr": row["mrr"],
        "hs_deal_registration_mrr_currency_code": row["currency"],
        "hs_num_associated_deal_registrations": registered,
        "hs_num_associated_active_deal_registrations": registered,
        "deal_number": row["deal_id"],
        "product": row["product_line"],
        "sale_kind": row["kind"],
        "lead": _LEADS[row["origin"]],
    }


def _moment(day: str, place: int, zone: ZoneInfo) -> str:
    """A moment of a day in the account's zone, at any hour: in UTC it can be another day."""
    if not day:
        return ""
    local = datetime.combine(date.fromisoformat(day), time(place % 24, 30), zone)
    return text_of(local.astimezone(ZoneInfo("UTC")))


def _add_what_does_not_fit(world: World, companies: list[int]) -> None:
    shared = world.add("companies", {"name": "Shared Holding"})
    for record_id in list(world.rows["partner_clients"])[:2]:
        world.associate("partner_clients", record_id, "companies", shared.id)
    open_deal = {
        "pipeline": "default", "dealstage": "qualifiedtobuy", "createdate": "2026-11-02T09:30:00.000Z",
        "hs_deal_registration_mrr": "120.00", "hs_deal_registration_mrr_currency_code": "EUR",
        "hs_num_associated_deal_registrations": "1", "product": "Sales Hub", "sale_kind": "new", "lead": "ours",
        "dealtype": "newbusiness",
    }  # fmt: skip
    world.add("deals", open_deal | {"dealname": "Sales Hub Starter, company unknown", "deal_number": "X1"})
    of_two = world.add("deals", open_deal | {"dealname": "Sales Hub Starter, of two clients", "deal_number": "X2"})
    world.associate("deals", of_two.id, "companies", shared.id, primary=True)
    for place in range(40):
        project = world.add(
            "deals",
            {"dealname": f"Website project {place + 1}", "pipeline": "agency", "dealstage": "signed", "amount": "12000",
             "createdate": "2026-02-03T10:30:00.000Z", "closedate": "2026-03-04T10:30:00.000Z",
             "hs_num_associated_deal_registrations": "0"},
        )  # fmt: skip
        world.associate("deals", project.id, "companies", companies[place % len(companies)], primary=True)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
