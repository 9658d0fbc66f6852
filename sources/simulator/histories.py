"""Earlier values of partner clients' properties, from the MRR, services, deals, cancellations and renewals of import files."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from sources.simulator.world import World

_HUBS = ("marketing", "sales", "service", "operations", "content", "commerce")
type _Versions = list[tuple[datetime, str]]


def load_histories(world: World, folder: Path, clients: Mapping[str, int]) -> None:
    """Give partner clients the histories that the folder's files tell. clients: record ids by the files' ids."""
    histories: dict[tuple[int, str], _Versions] = defaultdict(list)
    total = "hs_total_subscription_mrr"
    for row in _rows(folder / "mrr_history.csv"):
        histories[clients[row["client_id"]], total].append((_at(world, f"{row['month']}-10"), row["mrr"]))
    for row in _rows(folder / "services.csv"):
        record = clients[row["client_id"]]
        part = str(round(Decimal(row["mrr"]) / int(row["managing_partners"]), 2))
        for name, value in (("hs_split_managed_mrr", part), (total, row["mrr"])):
            of_one = histories[record, name]
            if name == total and (folder / "mrr_history.csv").is_file():
                continue
            start = _at(world, row["started_on"])
            if of_one and of_one[-1] == (start, "0"):
                of_one.pop()
            of_one.append((start, value))
            if row["ended_on"]:
                of_one.append((_at(world, row["ended_on"]), "0"))
    _load_editions(world, folder, clients, histories)
    for (record, name), versions in histories.items():
        past = [(at, value) for at, value in sorted(versions) if at <= world.now()]
        changes = [each for place, each in enumerate(past) if not place or past[place - 1][1] != each[1]]
        if changes:
            world.write_history("partner_clients", record, name, changes)
    if not (folder / "renewals.csv").is_file():
        _make_up_renewals(world, total)
    for row in sorted(_rows(folder / "renewals.csv"), key=lambda row: row["renews_on"], reverse=True):
        leaving = row["product_line"] if row["status"] == "cancellation_requested" else ""
        world.change(
            "partner_clients", clients[row["client_id"]], hs_next_renewal_date=row["renews_on"],
            hs_renewal_mrr=row["renewal_mrr"], hs_cancellation_products=leaving,
            hs_success_owner_name=row["renewal_manager"], hs_success_owner_email=row["renewal_manager_email"],
        )  # fmt: skip


def _make_up_renewals(world: World, total: str) -> None:
    """Clients with MRR renew 364 days after their first amount, and so on."""
    for row in world.rows["partner_clients"].values():
        mrr = row.properties.get(total, "0")
        if mrr != "0":
            first, today = row.versions[total][0][0].date(), world.now().date()
            day = first + timedelta(days=364 * ((today - first).days // 364 + 1))
            world.change("partner_clients", row.id, hs_next_renewal_date=day.isoformat(), hs_renewal_mrr=mrr)


def _load_editions(
    world: World, folder: Path, clients: Mapping[str, int], histories: dict[tuple[int, str], _Versions]
) -> None:
    """A hub has an edition from its first won deal on, until it is cancelled."""
    names = {f"{hub} hub": f"hs_{hub}_hub_edition" for hub in _HUBS}
    for row in sorted(_rows(folder / "deals.csv"), key=lambda row: row.get("closed_on", "")):
        name = names.get(row["product_line"].lower())
        if name and row["stage"] == "won":
            histories[clients[row["client_id"]], name].append((_at(world, row["closed_on"]), "Professional"))
    for row in _rows(folder / "cancellations.csv"):
        lines = [row["product_line"].lower()] if row["product_line"] else names
        for name in (names[line] for line in lines if line in names):
            if versions := histories.get((clients[row["client_id"]], name)):
                versions.append((_at(world, row["cancelled_on"]), ""))


def _at(world: World, day: str) -> datetime:
    return datetime.combine(datetime.fromisoformat(day), time(10, 30), ZoneInfo(world.zone)).astimezone(ZoneInfo("UTC"))


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of a file; none when it does not exist."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
