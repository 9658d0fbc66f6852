"""The pure rules alone, over the demo partner's files, lead to every expected figure: no database, no Django."""

import csv
import json
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from clients.rules import (
    CertificationFact,
    Certifications,
    MrrFact,
    MrrHistory,
    month_sums,
    rolling_sourced_mrr_12m,
    shared_selling,
    source_dollar_12m,
)
from commissions.rules import StatementLine, statements
from ledger.engine import CancellationFact, ClientFacts, DealFact, Entry, ServiceFact, entries, lots
from ledger.series import PointFigures, PointSeries, causes, forecast, point_changes
from partner_portal.lib.rounding import half_even
from program.rulebook import Rulebook, parse_rulebook
from tiers.reason_text import reason_text
from tiers.rules import CreditedTier, PortfolioMeasures, changes, credited, outlook, performance, targets

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = sorted((ROOT / "tests/expected").glob("*.json"))
LAST_DAY = date(2026, 11, 23)


@dataclass(frozen=True, slots=True)
class RegisteredDeal:
    registered: bool
    origin: str
    stage: str
    mrr: Decimal
    currency: str
    created_on: date
    closed_on: date | None


@dataclass(frozen=True, slots=True)
class Northwind:
    rulebook: Rulebook
    clients: dict[str, ClientFacts]
    deals: list[RegisteredDeal]
    certifications: Certifications
    mrr: MrrHistory
    lines: list[StatementLine]
    entries: dict[str, tuple[Entry, ...]]


def rows(kind: str) -> list[dict[str, str]]:
    with (ROOT / f"demo/northwind/{kind}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


@cache
def northwind() -> Northwind:
    rulebook = parse_rulebook(tomllib.loads((ROOT / "program/data/programme.toml").read_text(encoding="utf-8")))
    deals, services, cancellations = defaultdict(list), defaultdict(list), defaultdict(list)
    registered = []
    for row in rows("deals"):
        mrr, closed_on = Decimal(row["mrr"]), day(row["closed_on"])
        deals[row["client_id"]].append(
            DealFact.read(
                row["deal_id"],
                row["product_line"],
                row["kind"],
                row["origin"],
                row["stage"],
                mrr,
                row["currency"],
                closed_on,
            )
        )
        created_on = date.fromisoformat(row["created_on"])
        registered.append(
            RegisteredDeal(
                row["registered"] == "yes", row["origin"], row["stage"], mrr, row["currency"], created_on, closed_on
            )
        )
    for row in rows("services"):
        services[row["client_id"]].append(
            ServiceFact(
                date.fromisoformat(row["started_on"]),
                day(row["ended_on"]),
                Decimal(row["mrr"]),
                row["currency"],
                int(row["managing_partners"]),
            )
        )
    for row in rows("cancellations"):
        cancellations[row["client_id"]].append(
            CancellationFact(row["product_line"], date.fromisoformat(row["cancelled_on"]))
        )
    clients = {
        row["client_id"]: ClientFacts(
            row["country"],
            tuple(deals[row["client_id"]]),
            tuple(services[row["client_id"]]),
            tuple(cancellations[row["client_id"]]),
        )
        for row in rows("clients")
    }
    certifications = Certifications(
        CertificationFact(
            row["person"], row["certification"], date.fromisoformat(row["earned_on"]), day(row["expires_on"])
        )
        for row in rows("certifications")
    )
    mrr_facts = (
        MrrFact(row["client_id"], date.fromisoformat(row["month"] + "-01"), Decimal(row["mrr"]), row["currency"])
        for row in rows("mrr_history")
    )
    mrr_history = MrrHistory(month_sums(mrr_facts), rulebook)
    lines = [
        StatementLine(
            row["statement_id"],
            row["period"],
            int(row["line_no"]),
            row["client_id"],
            row["deal_id"],
            row["product_line"],
            date.fromisoformat(row["invoice_month"] + "-01"),
            Decimal(row["net_revenue"]),
            row["currency"],
            Decimal(row["fx_rate"]),
            Decimal(row["rate"]),
            Decimal(row["commission"]),
            row["payout_currency"],
            row["status"],
            date.fromisoformat(row["pay_on"]),
            day(row["paid_on"]),
            row["adjusts"],
            row["reason"],
        )
        for row in rows("statement_lines")
    ]
    posted = {client_id: entries(facts, rulebook, LAST_DAY) for client_id, facts in clients.items()}
    return Northwind(rulebook, clients, registered, certifications, mrr_history, lines, posted)


def points(value: Decimal) -> str:
    return f"{half_even(value, 4):f}"


def measures(partner: Northwind, series: PointSeries) -> PortfolioMeasures:
    return PortfolioMeasures(
        series,
        lambda on: partner.certifications.held(partner.rulebook.partner_certification, on),
        {
            "csr": lambda on: partner.mrr.retention(on).csr,
            "grr": lambda on: partner.mrr.retention(on).grr,
            "certified_people": partner.certifications.people,
        },
    )


def computed(on: date, first: date, last: date) -> dict[str, object]:
    """The figures of a day and a range in the form of the expected files."""
    partner = northwind()
    rulebook = partner.rulebook
    posted = [entry for found in partner.entries.values() for entry in found if entry.on <= on]
    series = PointSeries.of(posted)
    measured = measures(partner, series)
    history = CreditedTier(measured, rulebook).history(series.first_day, on)
    state = credited(history, on)
    figures = series.figures(on)
    moved = point_changes(posted, first, last)
    all_lots = [lot for facts in partner.clients.values() for lot in lots(facts, rulebook, on)]
    retention = partner.mrr.retention(on)
    shared = shared_selling(partner.deals, rulebook, first, last)
    rule_set = rulebook.rule_set(on)
    review = rulebook.next_review(on)
    by_client = {
        client_id: PointSeries.of(entry for entry in found if entry.on <= on).figures(on)
        for client_id, found in partner.entries.items()
    }
    return {
        "partner": json.loads((ROOT / "demo/northwind/partner.json").read_text(encoding="utf-8"))["slug"],
        "on": on.isoformat(),
        "rule_set": rule_set and rule_set.start.isoformat(),
        "points": _points(figures),
        "changes": {"from": first.isoformat(), "to": last.isoformat()}
        | {
            name: points(getattr(moved, name))
            for name in ("opening", "new_sold", "lost_sold", "new_managed", "lost_managed", "closing")
        },
        "causes": {
            track: {cause: points(value) for cause, value in sums.items()}
            for track, sums in causes(posted, first, last).items()
        },
        "tiers": {
            "performance": performance(measured, rulebook, on),
            "credited": state.tier,
            "credited_since": state.since and state.since.isoformat(),
            "next_review": review and review.on.isoformat(),
            "history": [{"on": row.on.isoformat(), "from": row.before, "to": row.after} for row in changes(history)],
        },
        "targets": [
            {
                "tier": target.tier,
                "met": target.met,
                "requirements": [
                    {
                        "metric": row.metric,
                        "have": None if row.have is None else points(row.have),
                        "need": points(row.need),
                        "missing": None if row.missing is None else points(row.missing),
                    }
                    for row in target.requirements
                ],
            }
            for target in targets(measured, rulebook, on)
        ],
        "source_dollar_12m": f"{half_even(source_dollar_12m(all_lots, rulebook, on), 2):f}",
        "rolling_sourced_mrr_12m": f"{half_even(rolling_sourced_mrr_12m(all_lots, rulebook, on), 2):f}",
        "retention": {
            "csr": None if retention.csr is None else points(retention.csr),
            "grr": None if retention.grr is None else points(retention.grr),
            "months": retention.months,
        },
        "shared_selling": {
            name: {"count": found.count, "mrr": f"{half_even(found.mrr, 2):f}"}
            for name, found in (("created", shared.created), ("in_flight", shared.in_flight), ("won", shared.won))
        },
        "forecast": [
            {"month": f"{month:%Y-%m}", "points": points(expiring)} for month, expiring in forecast(all_lots).items()
        ],
        "statements": [
            {
                "statement_id": row.statement_id,
                "period": row.period,
                "status": row.status,
                "total": f"{row.total:f}",
                "currency": row.currency,
                "pay_on": row.pay_on.isoformat(),
                "variances": row.variances,
            }
            for row in statements(partner.lines)
        ],
        "clients": [
            {"client_id": client_id, **{k: v for k, v in _points(found).items() if k != "sold"}}
            for client_id, found in sorted(by_client.items())
            if found.sourced or found.assisted or found.managed
        ],
    }


def _points(figures: PointFigures) -> dict[str, str]:
    return {
        "sourced": points(figures.sourced),
        "assisted": points(figures.assisted),
        "sold": points(figures.sold),
        "managed": points(figures.managed),
        "total": points(figures.total),
    }


@cache
def expected_and_computed(path: Path) -> tuple[dict[str, object], dict[str, object]]:
    expected = json.loads(path.read_text(encoding="utf-8"))
    range_of = expected["changes"]
    found = computed(
        date.fromisoformat(expected["on"]), date.fromisoformat(range_of["from"]), date.fromisoformat(range_of["to"])
    )
    return expected, found


def test_there_are_expected_files():
    assert [path.stem for path in EXPECTED] == ["2023-06-30", "2024-02-29", "2025-07-20", "2026-01-15", "2026-11-23"]


@pytest.mark.parametrize(
    "part",
    [
        "partner",
        "on",
        "rule_set",
        "points",
        "changes",
        "causes",
        "tiers",
        "targets",
        "source_dollar_12m",
        "rolling_sourced_mrr_12m",
        "retention",
        "shared_selling",
        "forecast",
        "statements",
        "clients",
    ],
)
@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
def test_the_pure_rules_lead_to_the_expected_figures(path: Path, part: str):
    expected, found = expected_and_computed(path)
    assert found[part] == expected[part]


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
def test_no_part_of_the_expected_figures_is_left_unchecked(path: Path):
    expected, found = expected_and_computed(path)
    assert list(found) == list(expected)


def test_the_forecast_adds_up_to_the_sold_points_of_the_day():
    expected, found = expected_and_computed(EXPECTED[-1])
    total = sum(Decimal(row["points"]) for row in found["forecast"])
    assert total == Decimal(expected["points"]["sold"])


def test_the_history_says_why_and_lists_reviews_that_kept_the_tier():
    partner = northwind()
    series = PointSeries.of(entry for found in partner.entries.values() for entry in found)
    history = CreditedTier(measures(partner, series), partner.rulebook).history(series.first_day, LAST_DAY)
    assert [(row.on.isoformat(), row.kind, row.before, row.after) for row in history] == [
        ("2022-07-18", "rise", None, "Gold"),
        ("2023-01-15", "kept", "Gold", "Gold"),
        ("2023-07-15", "kept", "Gold", "Gold"),
        ("2023-11-29", "rise", "Gold", "Platinum"),
        ("2024-01-15", "kept", "Platinum", "Platinum"),
        ("2024-07-15", "review", "Platinum", None),
        ("2024-08-04", "rise", None, "Platinum"),
        ("2025-01-15", "kept", "Platinum", "Platinum"),
        ("2025-07-15", "kept", "Platinum", "Platinum"),
        ("2026-01-15", "kept", "Platinum", "Platinum"),
        ("2026-03-20", "rise", "Platinum", "Diamond"),
        ("2026-07-15", "kept", "Diamond", "Diamond"),
    ]
    said = {row.on.isoformat(): reason_text(row.reason) for row in history}
    assert said["2024-07-15"] == "Review. No Solutions Partner certification was valid on the day."
    assert said["2024-08-04"] == (
        "Rise. Total 667 of 450, sold 530 of 150 and managed 137 of 120 were met on the day. "
        "A Solutions Partner certification became valid."
    )
    assert said["2026-01-15"] == "Review. Kept: all six readings met Platinum."
    assert said["2026-03-20"] == "Rise. Total 1,292 of 1,260 and sourced 601 of 320 were met on the day."


def test_the_outlook_counts_what_is_known_to_come_and_nothing_else():
    partner = northwind()
    review_day = date(2027, 1, 15)
    planned = [entry for facts in partner.clients.values() for entry in entries(facts, partner.rulebook, review_day)]
    series = PointSeries.of(planned)
    state = credited(
        CreditedTier(measures(partner, series), partner.rulebook).history(series.first_day, LAST_DAY), LAST_DAY
    )
    found = outlook(measures(partner, series), partner.rulebook, state, LAST_DAY)

    # By hand: lots active today that last beyond the review, without what the three notices of cancellation take.
    notices = {"C058": "", "C045": "Operations Hub", "C031": "Marketing Hub"}
    sold = sum(
        lot.remaining
        for client_id, facts in partner.clients.items()
        for lot in lots(facts, partner.rulebook, LAST_DAY)
        if lot.expires_on > review_day and notices.get(client_id) not in ("", lot.deal.product_line)
    )
    expected, _ = expected_and_computed(EXPECTED[-1])
    # Managed: C058 is cancelled; the services of C081 and C097 have an end date before the review.
    managed = Decimal(expected["points"]["managed"]) - sum(
        Decimal(row["managed"]) for row in expected["clients"] if row["client_id"] in ("C058", "C081", "C097")
    )

    assert found.review.on == review_day
    assert [reading.to_come for reading in found.readings] == [False, False, False, False, True, True]
    assert found.readings[-1].gap.requirements[0].have == sold + managed
    assert (found.before.tier, found.after, found.rises) == ("Diamond", "Platinum", ())
    assert (
        reason_text(found.review_row.reason)
        == "Review. None of the six readings since 15 Aug 2026 met Diamond; the best was Platinum."
    )
