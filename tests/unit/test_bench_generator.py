"""The generated partners of `make bench`: always the same, well formed, and as large in the ledger as they claim."""

import csv
import itertools
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from bench.generate import HEADERS, IMPORT, LARGE, SMALL, Profile, generate
from ledger.engine import entries
from ledger.records import CancellationFact, ClientFacts, DealFact, ServiceFact
from program.rulebook import Rulebook

DAY = date(2026, 11, 23)
FEW = replace(LARGE, clients=60)


def rows(folder: Path, kind: str) -> list[dict[str, str]]:
    with (folder / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("generated")
    generate(found, FEW, DAY)
    return found


def test_the_same_profile_and_day_give_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    counts = generate(tmp_path, FEW, DAY)
    for kind in HEADERS:
        assert (tmp_path / f"{kind}.csv").read_bytes() == (folder / f"{kind}.csv").read_bytes()
        assert counts[kind] == len(rows(folder, kind)) > 0


def test_another_seed_gives_another_partner(tmp_path: Path, folder: Path) -> None:
    generate(tmp_path, FEW, DAY, seed=2)
    assert (
        sha256((tmp_path / "deals.csv").read_bytes()).digest() != sha256((folder / "deals.csv").read_bytes()).digest()
    )


def test_a_client_is_the_same_in_a_portfolio_of_any_size(tmp_path: Path, folder: Path) -> None:
    generate(tmp_path, replace(FEW, clients=5), DAY)
    for kind in ("clients", "deals", "services", "cancellations", "mrr_history", "renewals"):
        few = rows(tmp_path, kind)
        assert few == [row for row in rows(folder, kind) if row["client_id"] <= "C000005"]


def test_there_are_exactly_ten_deals_a_client_on_average(tmp_path: Path) -> None:
    assert generate(tmp_path, replace(IMPORT, clients=200), DAY)["deals"] == 2_000
    assert IMPORT.clients * IMPORT.deals == 100_000


def test_keys_are_unique_and_every_client_is_known(folder: Path) -> None:
    keys = {
        "clients": ("client_id",),
        "deals": ("deal_id",),
        "services": ("client_id", "started_on"),
        "cancellations": ("client_id", "product_line", "cancelled_on"),
        "mrr_history": ("client_id", "month"),
        "certifications": ("person", "certification", "earned_on"),
        "renewals": ("client_id", "product_line", "renews_on"),
        "statement_lines": ("statement_id", "line_no"),
    }
    clients = {row["client_id"] for row in rows(folder, "clients")}
    for kind, key in keys.items():
        found = Counter(tuple(row[name] for name in key) for row in rows(folder, kind))
        assert found.most_common(1)[0][1] == 1, kind
        assert {row["client_id"] for row in rows(folder, kind) if "client_id" in row} <= clients


def test_services_follow_each_other_without_overlap(folder: Path) -> None:
    spans: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for row in rows(folder, "services"):
        spans[row["client_id"]].append((date.fromisoformat(row["started_on"]), day(row["ended_on"]) or date.max))
    for found in spans.values():
        found.sort()
        assert all(start < end for start, end in found)
        assert all(end <= later for (_, end), (later, _) in itertools.pairwise(found))


def test_amounts_are_positive_and_currencies_have_a_fixed_amount(folder: Path, rulebook: Rulebook) -> None:
    known = set(rulebook.currency_tables[0].amounts)
    for kind in ("deals", "services", "mrr_history"):
        for row in rows(folder, kind):
            assert Decimal(row["mrr"]) > 0
            assert row["currency"] in known


def test_every_kind_and_origin_and_some_known_events_ahead_are_there(folder: Path) -> None:
    deals = rows(folder, "deals")
    assert {row["kind"] for row in deals} == {"new", "cross_sell", "upgrade", "downgrade"}
    assert {row["origin"] for row in deals} == {"sourced", "assisted", "none"}
    assert {row["stage"] for row in deals} == {"open", "won", "lost"}
    assert all(row["closed_on"] for row in deals if row["stage"] != "open")
    assert any(row["ended_on"] > DAY.isoformat() for row in rows(folder, "services"))


def test_names_that_hurt_exports_are_among_the_clients(folder: Path) -> None:
    names = [row["name"] for row in rows(folder, "clients")]
    assert {name[0] for name in names[:20]} >= {"=", "+", "-", "@"}


@pytest.mark.parametrize(("profile", "least"), [(LARGE, 1_000_000), (SMALL, 10_000)])
def test_large_and_small_lead_to_as_many_entries_as_they_claim(
    profile: Profile, least: int, folder: Path, rulebook: Rulebook
) -> None:
    # 60 clients stand for all: clients are drawn one by one from the same generator, whatever their number.
    assert replace(profile, clients=FEW.clients) == FEW
    facts: dict[str, tuple[list, list, list]] = defaultdict(lambda: ([], [], []))
    for row in rows(folder, "deals"):
        facts[row["client_id"]][0].append(
            DealFact.read(
                row["deal_id"],
                row["product_line"],
                row["kind"],
                row["origin"],
                row["stage"],
                Decimal(row["mrr"]),
                row["currency"],
                day(row["closed_on"]),
            )
        )
    for row in rows(folder, "services"):
        facts[row["client_id"]][1].append(
            ServiceFact(
                date.fromisoformat(row["started_on"]),
                day(row["ended_on"]),
                Decimal(row["mrr"]),
                row["currency"],
                int(row["managing_partners"]),
            )
        )
    for row in rows(folder, "cancellations"):
        facts[row["client_id"]][2].append(
            CancellationFact(row["product_line"], date.fromisoformat(row["cancelled_on"]))
        )
    posted = sum(
        len(entries(ClientFacts(row["country"], *facts[row["client_id"]]), rulebook, DAY))
        for row in rows(folder, "clients")
    )
    assert posted * profile.clients / FEW.clients >= least
