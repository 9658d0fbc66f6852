"""A second, slow implementation of everything that `figures` prints, written from docs/points.md and docs/contract.md alone.

It knows nothing of the product: no Django, no module of ours, no shared constant. It reads the import files as text and
the programme as TOML, walks through the days one by one and computes in fractions, so that only the roundings that
docs/points.md names ever round. Where it and the product differ, one of the two is wrong: docs/points.md decides.
The numbers in brackets name the sections of docs/points.md.
"""

import calendar
import csv
import tomllib
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any

type Row = dict[str, str]
type Tables = dict[str, list[Row]]

GAINS = ("earned", "raised")
SOLD = ("sourced", "assisted")
ADVANCE = ("draft", "issued", "paid")  # the least advanced comes first (12, statements)


def read_tables(folder: Path) -> Tables:
    """The CSV files of a folder by kind (the file's stem)."""
    return {
        path.stem: list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        for path in sorted(folder.glob("*.csv"))
    }


def line_key(line: str) -> str:
    """What all spellings of a product line have in common (13)."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", line).casefold()).split())


def read_programme(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


# --- days and numbers -------------------------------------------------------------------------------------------------


def plus_months(day: date, months: int) -> date:
    """So many calendar months later; the last day of a shorter month where the day does not exist."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def month_key(day: date) -> str:
    return f"{day.year:04d}-{day.month:02d}"


def day_of(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def half_up(value: Fraction, places: int) -> Fraction:
    """Half away from zero, also below zero (8, 12)."""
    scaled = abs(value) * 10**places
    whole = int(scaled + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole, 10**places)


def show(value: Fraction | int, places: int) -> str:
    """Rounded half-even, with exactly so many decimals; nothing is ever minus nought."""
    scaled = round(Fraction(value) * 10**places)  # round() of a fraction is exact and half-even
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


# --- what the facts become --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    client: str
    track: str
    points: Fraction
    on: date
    cause: str


@dataclass
class Lot:
    """One won deal's points. `kept` is what downgrades and cancellations left; expiry empties `left` only."""

    deal: Row
    track: str
    earned: Fraction
    closed_on: date
    expires_on: date
    left: Fraction = Fraction(0)
    kept: Fraction = Fraction(0)


@dataclass
class Line:
    """A product line of a client as it is now: since when it is sold, how big it is, its lots."""

    sold_on: date | None = None
    size: Fraction = Fraction(0)
    lots: list[Lot] = field(default_factory=list)


class Reference:
    """The figures of one partner, from its rows and the programme."""

    def __init__(self, tables: Tables, programme: dict[str, Any], horizon: date) -> None:
        """`horizon`: the last day that is asked for."""
        self.horizon = horizon
        self.programme = programme
        self.tables = {
            kind: [
                row | {"product_line": line_key(row["product_line"])} if row.get("product_line") else row
                for row in tables.get(kind, [])
            ]
            for kind in KINDS
        }
        self.clients = {row["client_id"]: row for row in self.tables["clients"]}
        self.performance = cache(self._performance)
        self.retention = cache(self._retention)
        self.lots_on = cache(self._lots_on)

    # (2) units and rates

    def _in_force(self, name: str, day: date) -> Any:
        """The entry of a dated list that is in force on the day; before the first one, the first."""
        dated = sorted(self.programme[name], key=lambda item: item["from"])
        return next((item for item in reversed(dated) if item["from"] <= day), dated[0])

    def unit(self, amount: str, currency: str, day: date) -> Fraction:
        return Fraction(amount) / Fraction(self._in_force("currency_table", day)["amounts"][currency])

    def factor(self, country: str, day: date) -> int:
        listed = self._in_force("growth_market", day)
        return listed["factor"] if listed["from"] <= day and country in listed["countries"] else 1

    def rate(self, origin: str, line_sold_on: date) -> int:
        return 0 if origin == "none" else self._in_force("sold_rate", line_sold_on)[origin]

    def rule_set(self, day: date) -> Any:
        return next(
            (
                item
                for item in sorted(self.programme["rule_set"], key=lambda i: i["from"], reverse=True)
                if item["from"] <= day
            ),
            None,
        )

    # (3) sold lots

    def _walk_sold(self, client_id: str, until: date) -> tuple[list[Entry], list[Lot]]:  # noqa: C901 - the rules of a day
        """Every day of the client on which something happens, in the order of section 3."""
        country = self.clients[client_id]["country"]
        deals = [
            row
            for row in self.tables["deals"]
            if row["client_id"] == client_id and row["stage"] == "won" and date.fromisoformat(row["closed_on"]) <= until
        ]
        cancellations = [
            row
            for row in self.tables["cancellations"]
            if row["client_id"] == client_id and date.fromisoformat(row["cancelled_on"]) <= until
        ]
        lines: dict[str, Line] = defaultdict(Line)
        lots: list[Lot] = []
        entries: list[Entry] = []
        days = {date.fromisoformat(row["closed_on"]) for row in deals}
        days |= {plus_months(day, self.programme["sold_life_months"]) for day in days}
        days |= {date.fromisoformat(row["cancelled_on"]) for row in cancellations}

        def lose(lot: Lot, points: Fraction, day: date, cause: str) -> None:
            lot.left -= points
            if cause != "expired":
                lot.kept -= points
            if points:
                entries.append(Entry(client_id, lot.track, -points, day, cause))

        for day in sorted(day for day in days if day <= until):
            for lot in lots:
                if lot.expires_on == day:
                    lose(lot, lot.left, day, "expired")
            for row in cancellations:
                if date.fromisoformat(row["cancelled_on"]) == day:
                    for name, line in lines.items():
                        if row["product_line"] in ("", name):
                            for lot in line.lots:
                                lose(lot, lot.left, day, "churned")
                            line.sold_on, line.size, line.lots = None, Fraction(0), []
            todays = sorted(
                (row for row in deals if row["closed_on"] == day.isoformat()), key=lambda row: row["deal_id"]
            )
            for row in todays:
                line = lines[row["product_line"]]
                if row["kind"] == "downgrade" and line.sold_on is not None:
                    size = self.unit(row["mrr"], row["currency"], day)
                    fraction = Fraction(1) if line.size <= 0 else min(Fraction(1), size / line.size)
                    for lot in line.lots:
                        lose(lot, round(lot.left * fraction, 4), day, "downgraded")
                    line.size -= size
            for row in todays:
                line = lines[row["product_line"]]
                if row["kind"] != "downgrade":
                    line.sold_on = line.sold_on or day
                    size = self.unit(row["mrr"], row["currency"], day)
                    line.size += size
                    if row["origin"] != "none":
                        points = round(size * self.rate(row["origin"], line.sold_on) * self.factor(country, day), 4)
                        end = plus_months(day, self.programme["sold_life_months"])
                        lot = Lot(row, row["origin"], points, day, end, points, points)
                        line.lots.append(lot)
                        lots.append(lot)
                        if points:
                            entries.append(Entry(client_id, lot.track, points, day, "earned"))
        return entries, lots

    # (3) managed state

    def services_in_force(self, client_id: str, day: date) -> list[Row]:
        """Of the client on the day, without those that a cancellation of the whole client ended."""
        ended = [
            date.fromisoformat(row["cancelled_on"])
            for row in self.tables["cancellations"]
            if row["client_id"] == client_id and not row["product_line"]
        ]
        found = []
        for row in self.tables["services"]:
            start, end = date.fromisoformat(row["started_on"]), day_of(row["ended_on"])
            if row["client_id"] != client_id or start > day or (end is not None and end <= day):
                continue
            if not any(start < cancelled <= day for cancelled in ended):
                found.append(row)
        return found

    def managed_state(self, client_id: str, day: date) -> Fraction:
        total = Fraction(0)
        for row in self.services_in_force(client_id, day):
            start = date.fromisoformat(row["started_on"])
            points = self.unit(row["mrr"], row["currency"], start) * self.programme["managed_rate"]["points"]
            points *= self.factor(self.clients[client_id]["country"], start)
            total += round(points / int(row["managing_partners"]), 4)
        return total

    def _walk_managed(self, client_id: str, until: date) -> list[Entry]:
        days: set[date] = set()
        cancelled: set[date] = set()
        for row in self.tables["services"]:
            if row["client_id"] == client_id:
                days.add(date.fromisoformat(row["started_on"]))
                if row["ended_on"]:
                    days.add(date.fromisoformat(row["ended_on"]))
        for row in self.tables["cancellations"]:
            if row["client_id"] == client_id and not row["product_line"]:
                cancelled.add(date.fromisoformat(row["cancelled_on"]))
        entries = []
        for day in sorted(days | cancelled):
            if day > until:
                break
            before = self.managed_state(client_id, day - timedelta(days=1))
            after = self.managed_state(client_id, day)
            if after > before:
                cause = "raised" if before > 0 else "earned"
            elif day in cancelled:
                cause = "churned"
            else:
                cause = "reduced" if after > 0 else "ended"
            if after != before:
                entries.append(Entry(client_id, "managed", after - before, day, cause))
        return entries

    # sums over all clients

    @cached_property
    def entries(self) -> list[Entry]:
        """All entries until the horizon, by day. What is dated later than a day says nothing about that day."""
        found: list[Entry] = []
        for client_id in self.clients:
            found += self._walk_sold(client_id, self.horizon)[0]
            found += self._walk_managed(client_id, self.horizon)
        return sorted(found, key=lambda entry: entry.on)

    def entries_until(self, day: date) -> list[Entry]:
        assert day <= self.horizon
        return [entry for entry in self.entries if entry.on <= day]

    def _lots_on(self, day: date) -> list[Lot]:
        return [lot for client_id in self.clients for lot in self._walk_sold(client_id, day)[1]]

    @cached_property
    def _balances(self) -> list[tuple[date, dict[str, Fraction]]]:
        """Each day with entries and the points of each track at its end."""
        sums = dict.fromkeys((*SOLD, "managed"), Fraction(0))
        found = [(date.min, dict(sums))]
        for entry in self.entries:
            sums[entry.track] += entry.points
            found.append((entry.on, dict(sums)))
        return found

    def balance(self, day: date) -> dict[str, Fraction]:
        """The points of each track at the end of the day."""
        assert day <= self.horizon
        return self._balances[bisect_right(self._balances, day, key=lambda pair: pair[0]) - 1][1]

    def points(self, day: date) -> dict[str, Fraction]:
        sums = self.balance(day)
        sold = sums["sourced"] + sums["assisted"]
        return {
            "sourced": sums["sourced"],
            "assisted": sums["assisted"],
            "sold": sold,
            "managed": sums["managed"],
            "total": sold + sums["managed"],
        }

    # (5) retention

    def _retention(self, year: int, month: int) -> tuple[Fraction | None, Fraction | None, int]:
        """C$R, GRR and the months used, as of any day in the month."""
        by_month: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in self.tables["mrr_history"]:
            by_month[row["month"]][row["client_id"]] = row
        csr, grr = [], []
        for back in range(12, 0, -1):
            first = plus_months(date(year, month, 1), -back)
            last = plus_months(first, 1) - timedelta(days=1)
            before = by_month.get(month_key(plus_months(first, -1)), {})
            after = by_month.get(month_key(first), {})
            if not before or not after:
                continue
            start = churned = kept = Fraction(0)
            for client_id, row in before.items():
                was = self.unit(row["mrr"], row["currency"], last)
                now_row = after.get(client_id)
                now = self.unit(now_row["mrr"], now_row["currency"], last) if now_row else Fraction(0)
                start += was
                kept += min(was, now)
                churned += was if now == 0 else 0
            if start > 0:
                csr.append(((start - churned) / start) ** 12)
                grr.append((kept / start) ** 12)
        if len(csr) < 12:
            return None, None, len(csr)
        return sum(csr, Fraction(0)) / 12, sum(grr, Fraction(0)) / 12, 12

    # (6) two money figures

    def _sales_of_12_months(self, day: date) -> list[Row]:
        return [
            row
            for row in self.tables["deals"]
            if row["stage"] == "won"
            and row["kind"] != "downgrade"
            and plus_months(day, -12) < date.fromisoformat(row["closed_on"]) <= day
        ]

    def _dollars(self, row: Row, day: date) -> Fraction:
        return self.unit(row["mrr"], row["currency"], day) * 100

    def _as_sold(self, day: date, origins: tuple[str, ...]) -> Fraction:
        rows = [row for row in self._sales_of_12_months(day) if row["origin"] in origins]
        return sum((self._dollars(row, date.fromisoformat(row["closed_on"])) for row in rows), Fraction(0))

    def rolling(self, day: date) -> Fraction:
        fraction = {lot.deal["deal_id"]: lot.kept / lot.earned if lot.earned else 1 for lot in self.lots_on(day)}
        return sum(
            (
                self._dollars(row, date.fromisoformat(row["closed_on"])) * fraction[row["deal_id"]]
                for row in self._sales_of_12_months(day)
                if row["origin"] == "sourced"
            ),
            Fraction(0),
        )

    # (7) tiers

    def _valid_people(self, day: date, name: str | None = None) -> set[str]:
        return {
            row["person"]
            for row in self.tables["certifications"]
            if name in (None, row["certification"])
            and date.fromisoformat(row["earned_on"]) <= day
            and (not row["expires_on"] or date.fromisoformat(row["expires_on"]) > day)
        }

    def certified(self, day: date) -> bool:
        return bool(self._valid_people(day, self.programme["partner_certification"]))

    def _tool_usage(self, day: date) -> list[int]:
        """Of the clients that count. Silent: whoever's points round to 0.0000 has no lot and is not managed."""
        sold = {
            entry.client
            for entry in self.entries_until(day)
            if entry.track in SOLD and entry.cause == "earned" and entry.on > plus_months(day, -12)
        }
        return sorted(
            int(row["tool_usage"])
            for client_id, row in self.clients.items()
            if row["tool_usage"] and (client_id in sold or self.managed_state(client_id, day) > 0)
        )

    def metric(self, name: str, day: date) -> Fraction | None:
        if name.endswith("_points"):
            return self.points(day)[name.removesuffix("_points")]
        if name == "csr":
            return self.retention(day.year, day.month)[0]
        if name == "grr":
            return self.retention(day.year, day.month)[1]
        if name == "certified_people":
            return Fraction(len(self._valid_people(day)))
        if name == "sold_mrr_12m":
            return self._as_sold(day, SOLD)
        if name == "managed_mrr":
            return sum(
                (
                    self._dollars(row, date.fromisoformat(row["started_on"])) / int(row["managing_partners"])
                    for client_id in self.clients
                    for row in self.services_in_force(client_id, day)
                ),
                Fraction(0),
            )
        used = self._tool_usage(day)
        if not used:
            return None
        if name == "tool_usage_mean":
            return Fraction(sum(used), len(used))
        if name == "tool_usage_median":
            return Fraction(used[(len(used) - 1) // 2] + used[len(used) // 2], 2)
        raise KeyError(name)

    def _meets(self, tier: Any, day: date) -> bool:
        for name, need in tier["requirements"].items():
            have = self.metric(name, day)
            if have is None or have < Fraction(need):
                return False
        return True

    def _performance(self, day: date) -> str | None:
        rules = self.rule_set(day)
        if rules is None or not self.certified(day):
            return None
        met = [tier["name"] for tier in rules["tier"] if self._meets(tier, day)]
        return met[-1] if met else None

    def _place(self, name: str | None, day: date) -> int:
        """Where a tier stands in the rule set of the day; untiered is below all."""
        names = [tier["name"] for tier in self.rule_set(day)["tier"]]
        return -1 if name is None else names.index(name)

    def _window(self, day: date) -> list[date] | None:
        """The readings of the review held on the day; None: no review day."""
        for review in self.programme["review"]:
            if (day.month, day.day) == (review["month"], review["day"]):
                start = review["window_start"]
                year = day.year if (start["month"], start["day"]) <= (day.month, day.day) else day.year - 1
                reading = date(year, start["month"], start["day"])
                found = []
                while reading <= day:
                    found.append(reading)
                    reading = plus_months(reading, 1)
                return found
        return None

    def history(self, until: date) -> list[tuple[date, str | None, str | None]]:
        """Every change of the credited tier until the day: day, from, to."""
        entries = self.entries_until(until)
        first_rules = min(item["from"] for item in self.programme["rule_set"])
        changes: list[tuple[date, str | None, str | None]] = []
        if not entries:
            return changes
        credited: str | None = None
        since: date | None = None
        day = max(entries[0].on, first_rules)
        while day <= until:
            readings = self._window(day)
            if readings is not None and credited is not None and since is not None:
                to = self._reviewed(credited, since, day, readings)
                if to != credited:
                    changes.append((day, credited, to))
                    credited, since = to, day
            to = self._risen(credited, day)
            if to != credited:
                changes.append((day, credited, to))
                credited, since = to, day
            day += timedelta(days=1)
        return changes

    def _reviewed(self, credited: str, since: date, day: date, readings: list[date]) -> str | None:
        if plus_months(since, self.programme["hold_months"]) > day:
            return credited
        if not self.certified(day):
            return None
        met = [(self.performance(reading), reading) for reading in readings]
        if any(self._place(name, day) >= self._place(credited, day) for name, _reading in met):
            return credited
        # Silent: a fall to a by-invitation tier. Like a rise, it leads to the highest other tier below.
        return max((self._creditable(name, reading) for name, reading in met), key=lambda name: self._place(name, day))

    def _creditable(self, name: str | None, day: date) -> str | None:
        """The tier, or the highest below it that needs no invitation. No invitation is ever recorded here."""
        reach = self.rule_set(day)["tier"][: self._place(name, day) + 1]
        return next((tier["name"] for tier in reversed(reach) if not tier.get("by_invitation")), None)

    def _risen(self, credited: str | None, day: date) -> str | None:
        reached = self._creditable(self.performance(day), day)
        return reached if self._place(reached, day) > self._place(credited, day) else credited

    def next_review(self, day: date) -> date:
        day += timedelta(days=1)
        while self._window(day) is None:
            day += timedelta(days=1)
        return day

    def targets(self, day: date) -> list[dict[str, Any]]:
        rules = self.rule_set(day)
        found = []
        for tier in rules["tier"] if rules else []:
            requirements = []
            for name, need in tier["requirements"].items():
                have = self.metric(name, day)
                requirements.append(
                    {
                        "metric": name,
                        "have": None if have is None else show(have, 4),
                        "need": show(Fraction(need), 4),
                        "missing": None if have is None else show(max(Fraction(0), Fraction(need) - have), 4),
                    }
                )
            met = self._meets(tier, day) and self.certified(day)
            found.append({"tier": tier["name"], "met": met, "requirements": requirements})
        return found

    # (3) shared selling

    def shared_selling(self, start: date, end: date) -> dict[str, Any]:
        created, in_flight, won = [], [], []
        for row in self.tables["deals"]:
            if row["registered"] != "yes":
                continue
            created_on = date.fromisoformat(row["created_on"])
            closed_on = None if row["stage"] == "open" else date.fromisoformat(row["closed_on"])
            if start <= created_on <= end:
                created.append(self._dollars(row, created_on))
            if row["origin"] == "sourced" and created_on <= end and (closed_on is None or closed_on > end):
                in_flight.append(self._dollars(row, end))
            if row["stage"] == "won" and closed_on is not None and start <= closed_on <= end:
                won.append(self._dollars(row, closed_on))
        return {
            name: {"count": len(deals), "mrr": show(sum(deals, Fraction(0)), 2)}
            for name, deals in (("created", created), ("in_flight", in_flight), ("won", won))
        }

    # (8) statements

    def statements(self) -> list[dict[str, Any]]:
        by_id: dict[str, list[Row]] = defaultdict(list)
        for row in self.tables["statement_lines"]:
            by_id[row["statement_id"]].append(row)
        found = []
        for statement_id, lines in by_id.items():
            states = {row["status"] for row in lines}
            status = next((name for name in ADVANCE if name in states), None)
            if status is None:
                # Silent: which of the two a statement of withheld and forfeited lines shows; none is made up here.
                status = "/".join(sorted(states))
            variances = 0
            for row in lines:
                due = half_up(Fraction(row["net_revenue"]) * Fraction(row["rate"]) * Fraction(row["fx_rate"]), 2)
                variances += due != Fraction(row["commission"])
            found.append(
                {
                    "statement_id": statement_id,
                    "period": lines[0]["period"],
                    "status": status,
                    "total": show(sum((Fraction(row["commission"]) for row in lines), Fraction(0)), 2),
                    "currency": lines[0]["payout_currency"],
                    "pay_on": min(row["pay_on"] for row in lines),
                    "variances": variances,
                }
            )
        return sorted(found, key=lambda item: (item["period"], item["statement_id"]))

    # everything

    def figures(
        self, on: date, start: date | None = None, end: date | None = None, *, clients: bool = False
    ) -> dict[str, Any]:
        """What the command prints, without the partner's name."""
        end = end or on
        start = start or on - timedelta(days=29)
        rules = self.rule_set(on)
        history = self.history(on)
        csr, grr, months = self.retention(on.year, on.month)
        forecast: dict[str, Fraction] = defaultdict(Fraction)
        for lot in self.lots_on(on):
            if lot.left:
                forecast[month_key(lot.expires_on)] += lot.left
        found = {
            "on": on.isoformat(),
            "rule_set": rules["from"].isoformat() if rules else None,
            "points": {name: show(value, 4) for name, value in self.points(on).items()},
            "changes": self._changes(start, end),
            "causes": self._causes(start, end),
            "tiers": {
                "performance": self.performance(on),
                "credited": history[-1][2] if history else None,
                "credited_since": history[-1][0].isoformat() if history else None,
                "next_review": self.next_review(on).isoformat(),
                "history": [{"on": day.isoformat(), "from": was, "to": to} for day, was, to in history],
            },
            "targets": self.targets(on),
            "source_dollar_12m": show(self._as_sold(on, ("sourced",)), 2),
            "rolling_sourced_mrr_12m": show(self.rolling(on), 2),
            "retention": {
                "csr": None if csr is None else show(csr, 4),
                "grr": None if grr is None else show(grr, 4),
                "months": months,
            },
            "shared_selling": self.shared_selling(start, end),
            "forecast": [{"month": month, "points": show(forecast[month], 4)} for month in sorted(forecast)],
            "statements": self.statements(),
        }
        if clients:
            found["clients"] = self._clients(on)
        return found

    def _changes(self, start: date, end: date) -> dict[str, str]:
        sums: dict[str, Fraction] = defaultdict(Fraction)
        for entry in self.entries_until(end):
            if entry.on >= start:
                kind = "managed" if entry.track == "managed" else "sold"
                sums[("new_" if entry.cause in GAINS else "lost_") + kind] += entry.points
        opening, closing = self.points(start - timedelta(days=1))["total"], self.points(end)["total"]
        assert opening + sum(sums.values()) == closing
        return {
            "from": start.isoformat(),
            "to": end.isoformat(),
            "opening": show(opening, 4),
            "new_sold": show(sums["new_sold"], 4),
            "lost_sold": show(-sums["lost_sold"], 4),
            "new_managed": show(sums["new_managed"], 4),
            "lost_managed": show(-sums["lost_managed"], 4),
            "closing": show(closing, 4),
        }

    def _causes(self, start: date, end: date) -> dict[str, dict[str, str]]:
        sums: dict[str, dict[str, Fraction]] = {track: defaultdict(Fraction) for track in (*SOLD, "managed")}
        for entry in self.entries_until(end):
            if entry.on >= start:
                sums[entry.track][entry.cause] += entry.points
        return {
            track: {cause: show(value, 4) for cause, value in causes.items() if value} for track, causes in sums.items()
        }

    def _clients(self, on: date) -> list[dict[str, str]]:
        sums: dict[str, dict[str, Fraction]] = defaultdict(lambda: dict.fromkeys((*SOLD, "managed"), Fraction(0)))
        for entry in self.entries_until(on):
            sums[entry.client][entry.track] += entry.points
        return [
            {"client_id": client_id}
            | {track: show(value, 4) for track, value in tracks.items()}
            | {"total": show(sum(tracks.values(), Fraction(0)), 4)}
            for client_id, tracks in sorted(sums.items())
            if any(tracks.values())
        ]


KINDS = (
    "clients",
    "deals",
    "services",
    "cancellations",
    "mrr_history",
    "certifications",
    "renewals",
    "statement_lines",
)
